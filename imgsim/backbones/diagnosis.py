"""Whether networks can run here, and on what."""

from __future__ import annotations

from importlib import import_module, metadata

from imgsim import backbones
from imgsim.backbones import openvino_runtime, runtime
from imgsim.domain import Finding, Verdict
from imgsim.errors import ImgsimError


def diagnose() -> list[Finding]:
    """The default network's weights, and the device; loads Keras."""
    return [_weights(), _device()]


def _weights() -> Finding:
    path = backbones.get(backbones.DEFAULT).weights_at_hand()
    if path is None:
        return Finding(
            topic="weights",
            verdict=Verdict.BROKEN,
            text=f"those of {backbones.DEFAULT} are missing; install imgsim anew (pip install)",
        )
    return Finding(topic="weights", text=f"{backbones.DEFAULT}: {path}")


def _device() -> Finding:
    try:
        device = runtime.start("auto")
    except (ImportError, ImgsimError) as error:
        return Finding(topic="networks", verdict=Verdict.BROKEN, text=f"Keras: {error}")
    keras = import_module("keras")
    backend = keras.backend.backend()
    version = import_module(backend).__version__
    by = runtime.title()
    if device == "cpu" and backend == "tensorflow" and openvino_runtime.is_installed():
        by = f"{openvino_runtime.TITLE} {metadata.version('openvino')}"
    text = f"Keras {keras.__version__} on {backend} {version}; runs on {device}, by {by}"
    return Finding(topic="networks", text=text)
