"""The same network by each engine: images a second, and the time until it can begin.

Keras by TensorFlow, in batches; OpenVINO from the export, as imgsim runs it (a picture a request,
as many at once as it likes) and in batches.

Run: python -m benchmarks.engines [--backbone NAME ...]
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path

import numpy as np

from benchmarks.record import Record
from imgsim import backbones
from imgsim.backbones import runtime
from imgsim.backbones.export_cache import ExportCache, network_file
from imgsim.backbones.openvino_runtime import compile_network
from imgsim.domain import PixelBatch

_ABOUT = (
    "Engines: images a second of full batches (the median of five), with random weights where none "
    "are at hand, which changes no speed; and the seconds that importing an engine takes."
)
_PICTURES = 64
_REPEATS = 5


def main() -> None:
    """Measure each network, print a table, and keep it as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--backbone", nargs="+", default=["efficientnet_lite0", "mobilenet_v2"])
    record = Record("engines", _ABOUT, {"pictures": _PICTURES})
    for name in parser.parse_args().backbone:
        with tempfile.TemporaryDirectory() as scratch:
            for way, run in _ways(name, Path(scratch)):
                record.add(backbone=name, way=way, images_s=_speed(run, name))
    for library in ("tensorflow", "openvino"):
        record.add(backbone="-", way=f"import {library}", seconds=_import(library))
    record.write()


def _ways(name: str, scratch: Path) -> Iterator[tuple[str, Callable[[PixelBatch], object]]]:
    backbone = backbones.get(name)
    runtime.start("cpu")
    model = backbone.build(backbone.weights_at_hand())
    yield "TensorFlow, batches of 32", runtime.forward(model, "cpu")
    ExportCache(folder=scratch).make(scratch / "export", model)
    path, side = network_file(scratch / "export"), backbone.input_size
    yield "OpenVINO, as imgsim runs it", compile_network(path, dim=backbone.dim, side=side)
    openvino = import_module("openvino")
    for batch in (8, 32):
        network = openvino.Core().read_model(str(path))
        network.reshape([batch, side, side, 3])
        compiled = openvino.Core().compile_model(
            network, "CPU", {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_PRECISION_HINT": "f32"}
        )

        def run(pictures: PixelBatch, compiled: object = compiled, batch: int = batch) -> None:
            for at in range(0, len(pictures), batch):
                compiled([pictures[at : at + batch]])  # type: ignore[operator]

        yield f"OpenVINO, batches of {batch}", run


def _speed(run: Callable[[PixelBatch], object], name: str) -> float:
    side = backbones.get(name).input_size
    pictures = np.random.default_rng(0).integers(0, 256, (_PICTURES, side, side, 3), np.uint8)
    for _ in range(2):
        run(pictures)
    took = []
    for _ in range(_REPEATS):
        began = time.perf_counter()
        run(pictures)
        took.append(time.perf_counter() - began)
    return _PICTURES / statistics.median(took)


def _import(library: str) -> float:
    took = []
    for _ in range(3):
        began = time.perf_counter()
        subprocess.run([sys.executable, "-c", f"import {library}"], check=True, capture_output=True)
        took.append(time.perf_counter() - began)
    return statistics.median(took)


if __name__ == "__main__":
    main()
