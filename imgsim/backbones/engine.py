"""Which engine runs a network: Keras on its backend, or OpenVINO from an export of it."""

from __future__ import annotations

import ctypes
import json
import os
import sys
from enum import StrEnum
from pathlib import Path

from imgsim.backbones import openvino_runtime, runtime
from imgsim.errors import InvalidArgument


class Engine(StrEnum):
    """As asked for with --engine."""

    AUTO = "auto"
    TENSORFLOW = "tensorflow"
    OPENVINO = "openvino"


def is_openvino(engine: Engine, device: str, *, cached: bool) -> bool:
    """Whether OpenVINO is to run networks, rather than Keras.

    `auto` takes it wherever the CPU computes, which it does faster; not where Keras was told to use
    another backend than TensorFlow, and not where nothing can be cached, since exporting takes
    longer than what it saves.

    Args:
        engine: as asked for.
        device: `auto`, `cpu` or `gpu`, as asked for.
        cached: whether there is a folder to keep exports in.

    Raises:
        InvalidArgument: what was asked for contradicts itself or the environment.
    """
    backend = configured_backend()
    if engine is Engine.TENSORFLOW:
        _require_tensorflow(engine, backend)
        return False
    if engine is Engine.OPENVINO:
        _require_tensorflow(engine, backend)  # which exports what is not in the cache
        _require_openvino(device, cached=cached)
        return True
    if backend != "tensorflow" or device == "gpu" or not cached:
        return False
    if not openvino_runtime.is_installed():
        return False
    # Only TensorFlow knows whether it can use the GPU; it is not loaded where there is none.
    return device == "cpu" or not gpu_may_be_there() or runtime.start(device) == "cpu"


def _require_tensorflow(engine: Engine, backend: str) -> None:
    if backend != "tensorflow":
        raise InvalidArgument(
            f"--engine {engine} was asked for, and Keras is set to {backend} (KERAS_BACKEND or "
            "keras.json): leave one of them out."
        )


def _require_openvino(device: str, *, cached: bool) -> None:
    if not cached:
        raise InvalidArgument("OpenVINO runs exported networks, which need a folder to be kept in.")
    if device == "gpu":
        raise InvalidArgument(
            "--engine openvino runs on the CPU: leave out --device gpu, or use --engine tensorflow."
        )
    if not openvino_runtime.is_installed():
        raise InvalidArgument(
            "--engine openvino was asked for, and the package openvino is not installed: "
            "pip install openvino, or use --engine tensorflow."
        )


def configured_backend() -> str:
    """The backend that Keras will take, found without importing it, as Keras finds it."""
    if backend := os.environ.get("KERAS_BACKEND"):
        return backend
    home = Path(os.environ.get("KERAS_HOME") or "~/.keras")
    try:
        known = json.loads((home.expanduser() / "keras.json").read_text())
        return str(known.get("backend", "tensorflow"))
    except (OSError, ValueError, AttributeError, RuntimeError):
        return "tensorflow"


def gpu_may_be_there() -> bool:
    """Whether an NVIDIA driver answers and has a GPU; asked of the driver, in milliseconds.

    TensorFlow has GPU builds for Linux only, and on macOS a plug-in that is not looked for:
    `--device gpu` uses it.
    """
    if sys.platform != "linux":
        return False
    try:
        driver = ctypes.CDLL("libcuda.so.1")
        count = ctypes.c_int()
        return (
            driver.cuInit(0) == 0
            and driver.cuDeviceGetCount(ctypes.byref(count)) == 0
            and count.value > 0
        )
    except (OSError, AttributeError):
        return False
