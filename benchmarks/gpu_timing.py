"""One network after another on a device: every precision, mode and batch size, timed."""

from __future__ import annotations

import argparse
import textwrap
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

import numpy as np

from benchmarks import decode_rate, keras_runs
from benchmarks.arithmetic import Peak, multiply_adds, peak_of
from benchmarks.keras_runs import KerasModel, PeakMemory, Run
from benchmarks.record import Cell
from imgsim.domain import PixelBatch, Vectors

if TYPE_CHECKING:
    from imgsim.backbones import Backbone

Row: TypeAlias = dict[str, Cell]

_EMPTY: Row = dict.fromkeys(
    (
        *("backbone", "weights", "precision", "mode", "batch", "images_s", "images_s_resident"),
        *("gflop", "tflop_s", "peak_tflop_s", "of_peak", "gpu_mb", "cosine_min", "cosine_mean"),
        *("times_decoding", "note"),
    )
)
"""The columns in order; a row fills what it can."""

_WARM_UP = 2  # calls: traces and compiles, then once as it will be
_LEAST_CALLS = 3
_COMPARED = 32  # pictures


class _Fastest(NamedTuple):
    batch: int
    images_s: float
    failure: str | None  # of a larger batch


@dataclass(frozen=True, kw_only=True, slots=True)
class Bench:
    """What is measured on, and how."""

    backend: str
    device: str  # cpu | gpu
    card: str | None  # None: on the CPU
    peak: Peak | None
    precisions: tuple[str, ...]
    weights: dict[str, Path]
    batches: tuple[int, ...]  # ascending
    seconds: float
    torch_compile: bool

    @classmethod
    def start(cls, options: argparse.Namespace) -> Bench:
        """Import Keras and its backend, which `keras_runs.choose_backend` has chosen.

        Raises:
            UnknownBackbone: a network of this name is none.
            DeviceMissing: a GPU was asked for, and the backend sees none.
        """
        from imgsim import backbones
        from imgsim.backbones import runtime

        for name in (*options.backbone, *dict(options.weights)):
            backbones.get(name)  # a wrong name must not wait for its turn
        device = runtime.start(options.device)
        backend = str(import_module("keras").backend.backend())
        card = keras_runs.card_name(backend) if device == "gpu" else None
        stated = options.peak_tflops
        return cls(
            backend=backend,
            device=device,
            card=card,
            peak=Peak(stated, None, stated) if stated else peak_of(card or ""),
            precisions=tuple(options.precision),
            weights=dict(options.weights),
            batches=tuple(sorted(options.batch)),
            seconds=options.seconds,
            torch_compile=options.torch_compile,
        )

    @property
    def settings(self) -> Row:
        """What was chosen, for a record."""
        chosen: Row = {"card": self.card, "device": self.device, "backend": self.backend}
        return chosen | {"seconds": self.seconds, "batches": " ".join(map(str, self.batches))}

    def measure(self, name: str, video: Path | None) -> Iterator[Row]:
        """Rows of one network: in each precision and mode, then as imgsim itself runs it.

        Args:
            name: of the backbone.
            video: whose frames embeddings are compared on; None: noise.
        """
        from imgsim import backbones
        from imgsim.backbones import runtime

        backbone = backbones.get(name)
        side = backbone.input_size
        weights = self.weights.get(name) or backbone.weights_at_hand()
        noise = _noise(max(*self.batches, runtime.batch_size(side)), side)
        compared = noise[:_COMPARED]
        if video is not None:
            compared = decode_rate.pictures(video, _COMPARED, side)
        reference: Vectors | None = None
        for precision in self.precisions:
            row = _EMPTY | {"backbone": name, "weights": "real" if weights else "random"}
            row |= {"precision": precision}
            try:
                network = self._build(backbone, weights, precision)
            except Exception as failure:  # each backend has its own: no memory, no such kernel
                yield row | {"note": _reason(failure)}
                continue
            for mode in keras_runs.modes(self.backend, torch_compile=self.torch_compile):
                found, vectors = self._mode(network, mode, noise, compared)
                if reference is not None and vectors is not None:
                    likeness = _likeness(reference, vectors)
                    notes = (found["note"], likeness["note"])
                    found |= likeness | {
                        "note": "; ".join(str(each) for each in notes if each) or None
                    }
                reference = vectors if reference is None else reference
                yield row | {"mode": mode} | found
            if precision == "float32":
                yield row | self._as_shipped(network, noise)
            del network
            keras_runs.forget(self.backend)

    def _mode(
        self, network: KerasModel, mode: str, noise: PixelBatch, compared: PixelBatch
    ) -> tuple[Row, Vectors | None]:
        """The speed, and the embeddings of pictures to compare; a note where there are none."""
        try:
            run = keras_runs.prepare(network, mode)
            return self._speed(network, run, noise), run(compared)
        except Exception as failure:
            return {"note": _reason(failure)}, None

    def _build(self, backbone: Backbone, weights: Path | None, precision: str) -> KerasModel:
        from imgsim.backbones import runtime

        runtime.start(self.device)  # sets float32
        keras = import_module("keras")
        keras.config.set_dtype_policy(precision)
        keras.utils.set_random_seed(0)  # random weights are the same in every precision
        with runtime.on_device(self.device):
            return backbone.build(weights)

    def _speed(self, network: KerasModel, run: Run, noise: PixelBatch) -> Row:
        memory = PeakMemory(self.backend) if self.device == "gpu" else None
        best = _fastest(run, noise, self.batches, self.seconds)
        pictures = run.send(noise[: best.batch])
        resident = best.batch / _call_s(lambda: run.fetch(run.compute(pictures)), self.seconds)
        flop = 2 * multiply_adds(network)
        policy = import_module("keras").config.dtype_policy().name
        peak = self.peak.at(policy) if self.peak else None
        return {
            "batch": best.batch,
            "images_s": best.images_s,
            "images_s_resident": resident,
            "gflop": flop / 1e9,
            "tflop_s": resident * flop / 1e12,
            "peak_tflop_s": peak,
            "of_peak": resident * flop / 1e12 / peak if peak else None,
            "gpu_mb": memory.megabytes() if memory else None,
            "note": best.failure,
        }

    def _as_shipped(self, network: KerasModel, noise: PixelBatch) -> Row:
        from imgsim.backbones import runtime

        count = runtime.batch_size(noise.shape[1])
        row: Row = {"mode": "imgsim", "batch": count}
        try:
            forward = runtime.forward(network, self.device)
            return row | {"images_s": count / _call_s(lambda: forward(noise[:count]), self.seconds)}
        except Exception as failure:
            return row | {"note": _reason(failure)}


def _fastest(run: Run, noise: PixelBatch, batches: Sequence[int], seconds: float) -> _Fastest:
    """The batch size of the most pictures a second; larger ones are left out once one fails."""
    best: _Fastest | None = None
    for size in batches:
        try:
            rate = size / _call_s(partial(run, noise[:size]), seconds)
        except Exception as failure:
            if best is None:
                raise
            return best._replace(failure=f"batch {size}: {_reason(failure)}")
        if best is None or rate > best.images_s:
            best = _Fastest(size, rate, None)
    if best is None:
        raise ValueError("no batch size was given")
    return best


def _call_s(call: Callable[[], object], seconds: float) -> float:
    """How long a call takes: the median, warmed up, of calls for so many seconds."""
    for _ in range(_WARM_UP):
        call()
    took: list[float] = []
    while len(took) < _LEAST_CALLS or sum(took) < seconds:
        started = time.perf_counter()
        call()
        took.append(time.perf_counter() - started)
    return float(np.median(took))


def _likeness(reference: Vectors, vectors: Vectors) -> Row:
    """The least and mean cosine between embeddings of the same pictures, (n, dim) each."""
    one, other = reference.astype(np.float64), vectors.astype(np.float64)
    lengths = np.linalg.norm(one, axis=1) * np.linalg.norm(other, axis=1)
    usable = np.isfinite(lengths) & (lengths > 0)
    if not usable.all():  # float16 ends at 65,504, and below 6e-8, where random weights may lead
        zero = int((lengths == 0).sum())
        infinite = len(lengths) - int(np.isfinite(lengths).sum())
        return {"note": f"of {len(lengths)} embeddings, {zero} are zero, {infinite} not finite"}
    cosines = (one * other).sum(axis=1) / lengths
    # Six digits: what matters is how far they are from 1.
    least, mean = f"{cosines.min():.6f}", f"{cosines.mean():.6f}"
    return {"cosine_min": least, "cosine_mean": mean, "note": None}


def _noise(count: int, side: int) -> PixelBatch:
    return np.random.default_rng(0).integers(0, 256, (count, side, side, 3), np.uint8)


def _reason(failure: Exception) -> str:
    text = " ".join(str(failure).split()).replace("|", "/")  # it stands in a table of Markdown
    return textwrap.shorten(f"{type(failure).__name__}: {text}", 120, placeholder=" ...")
