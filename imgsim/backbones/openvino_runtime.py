"""Run an exported network with OpenVINO, on the CPU. The only file that knows how OpenVINO runs.

One picture a request, as many requests as OpenVINO wants at once (about one a core): a fixed shape
runs faster than an open one, and a core that works on its own picture waits for no other.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module, util
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from imgsim.domain import PixelBatch, Vectors

TITLE = "OpenVINO"

_Untyped: TypeAlias = Any
"""Imported late; what leaves this file is typed."""

_PROPERTIES = {
    "PERFORMANCE_HINT": "THROUGHPUT",
    # Threads tied to a core wait while a decoder has it.
    "ENABLE_CPU_PINNING": "NO",
}


def is_installed() -> bool:
    """Whether OpenVINO is there; does not load it."""
    return util.find_spec("openvino") is not None


def compile_network(
    path: Path, *, dim: int, side: int, precision: str = "f32"
) -> Callable[[PixelBatch], Vectors]:
    """Make an exported network callable: uint8 RGB (n, side, side, 3) -> float32 (n, dim).

    Args:
        path: the `.xml` of its OpenVINO IR; the `.bin` lies beside it.
        dim: length of an embedding.
        side: of a picture, pixels.
        precision: what it computes in. Left to itself, OpenVINO takes bfloat16 (x86) or float16
            (ARM) where the processor can, which moves embeddings: benchmarks/precision.py.

    Raises:
        RuntimeError: the files are no such network.
    """
    openvino = _openvino()
    core = openvino.Core()
    network = core.read_model(str(path))
    network.reshape([1, side, side, 3])
    properties = {**_PROPERTIES, "INFERENCE_PRECISION_HINT": precision}
    compiled = core.compile_model(network, "CPU", properties)
    if tuple(compiled.output(0).shape) != (1, dim):
        raise RuntimeError(f"{path} gives {compiled.output(0).shape}, not (1, {dim})")
    requests = openvino.AsyncInferQueue(
        compiled, compiled.get_property("OPTIMAL_NUMBER_OF_INFER_REQUESTS")
    )
    results: list[Vectors] = []

    def keep(request: _Untyped, row: int) -> None:
        results[0][row] = request.get_output_tensor(0).data[0]

    requests.set_callback(keep)

    def run(pictures: PixelBatch) -> Vectors:
        results[:] = [np.empty((len(pictures), dim), np.float32)]
        for row in range(len(pictures)):
            requests.start_async([pictures[row : row + 1]], row)
        requests.wait_all()
        return results.pop()

    return run


def save_network(graph: Path, target: Path) -> None:
    """Turn a frozen TensorFlow graph (`.pb`) into OpenVINO IR: `target` (`.xml`) and its `.bin`.

    By `read_model`, which tells nobody; `convert_model` would report its use over the network.

    Raises:
        RuntimeError: an operation of the graph is not known to OpenVINO.
    """
    openvino = _openvino()
    openvino.save_model(openvino.Core().read_model(str(graph)), str(target), compress_to_fp16=False)


def _openvino() -> _Untyped:
    return import_module("openvino")
