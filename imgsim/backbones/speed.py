"""How fast networks run on this machine, measured when asked and remembered in a file."""

from __future__ import annotations

import json
import tempfile
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from imgsim.backbones import openvino_runtime, runtime
from imgsim.backbones.base import Backbone
from imgsim.backbones.engine import Engine, is_openvino
from imgsim.backbones.export_cache import ExportCache, network_file
from imgsim.backbones.portions import Portions
from imgsim.domain import Speed

_FILE = "speed.json"
_SECONDS = 3.0
_CALLS = 3


def measure(backbone: Backbone, device: str) -> Speed:
    """Run a network on random pictures, with random weights: neither changes how long it takes.

    Full batches for at least three seconds and three times after the first two; the median counts.

    Raises:
        InvalidArgument, DeviceMissing: as `runtime.start` states them.
    """
    with tempfile.TemporaryDirectory() as scratch:
        forward, device = _forward(backbone, device, Path(scratch))
        side, count = backbone.input_size, runtime.batch_size(backbone.input_size)
        pictures = np.random.default_rng(0).integers(0, 256, (count, side, side, 3), np.uint8)
        for _ in range(2):  # traces and compiles, then finds out what is a good portion
            forward(pictures)
        took: list[float] = []
        while len(took) < _CALLS or sum(took) < _SECONDS:
            started = time.monotonic()
            forward(pictures)
            took.append(time.monotonic() - started)
    return Speed(images_per_s=count / float(np.median(took)), device=device)


def _forward(backbone: Backbone, device: str, scratch: Path) -> tuple[Portions, str]:
    """The network as an ingest would run it, and the device."""
    exported = is_openvino(Engine.AUTO, device, cached=True)
    device = runtime.start("cpu" if exported else device)
    with runtime.on_device(device):
        model = backbone.build(None)
    if exported:
        place = scratch / "export"
        verdict = ExportCache(folder=scratch).make(place, model)
        if verdict.failure is None:
            path, side = network_file(place), backbone.input_size
            run = openvino_runtime.compile_network(path, dim=backbone.dim, side=side)
            return runtime.in_portions(run, side), device
    return runtime.forward(model, device), device


def remember(folder: Path, name: str, speed: Speed) -> None:
    """Keep the measurement of a backbone in a folder, in place of an earlier one.

    Raises:
        OSError: the folder cannot be written to.
    """
    folder.mkdir(parents=True, exist_ok=True)
    known = {**_read(folder), name: asdict(speed)}
    written = folder / f"{_FILE}.new"
    written.write_text(json.dumps(known, indent=1) + "\n")
    written.replace(folder / _FILE)


def recall(folder: Path) -> dict[str, Speed]:
    """What was measured, by the backbone's name; nothing where the file is absent or damaged."""
    try:
        return {name: Speed(**speed) for name, speed in _read(folder).items()}
    except TypeError:  # another release's
        return {}


def _read(folder: Path) -> dict[str, Any]:
    try:
        known = json.loads((folder / _FILE).read_text())
    except (OSError, ValueError):
        return {}
    return known if isinstance(known, dict) else {}
