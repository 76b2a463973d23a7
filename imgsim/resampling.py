"""Reducing pictures by area: each pixel of the copy is the mean of the rectangle it covers.

What OpenCV calls INTER_AREA, in the same numbers but for roundings of exact halves, in less than
half its time: both directions are matrix products of a few rows or columns at a time, which BLAS
does with the processor's vector units, where OpenCV adds up pixel by pixel unless the ratio is a
whole number (benchmarks/resize.py).
"""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from imgsim.domain import Pixels

_Floats = npt.NDArray[np.float32]

_TOGETHER = 4  # rows or columns of the copy, at most
_CACHED = 1 << 18  # numbers: what a few rows cover stays in a core's cache
_CHANNELS = 3


@dataclass(frozen=True, slots=True)
class _Band:
    """Some pixels of the copy along one side, and the pixels of the picture that they cover."""

    first: int  # of the copy
    start: int  # of the picture
    end: int
    weights: _Floats  # (pixels of the copy, pixels of the picture); each row adds up to 1


def reduce_by_area(picture: Pixels, width: int, height: int) -> Pixels:
    """Reduce a picture, uint8 (h, w, 3), to (height, width, 3); channels in any order.

    Neither side of the copy may be longer than the picture's.
    """
    rows, columns = picture.shape[:2]
    lines = picture.reshape(rows, columns * _CHANNELS)
    squeezed = np.empty((height, columns * _CHANNELS), np.float32)
    together = int(_CACHED * height / (rows * columns * _CHANNELS))
    for band in _bands(rows, height, max(1, min(_TOGETHER, together))):
        covered = lines[band.start : band.end].astype(np.float32)
        np.matmul(band.weights, covered, out=squeezed[band.first : band.first + len(band.weights)])
    copy = np.empty((height, width * _CHANNELS), np.float32)
    for first, start, end, weights in _interleaved(columns, width):
        copy[:, first : first + weights.shape[1]] = squeezed[:, start:end] @ weights
    return np.rint(copy, out=copy).astype(np.uint8).reshape(height, width, _CHANNELS)


@functools.lru_cache(maxsize=64)
def _bands(length: int, reduced: int, together: int) -> tuple[_Band, ...]:
    """How each pixel of a side of `reduced` pixels is made of the `length` pixels it covers."""
    edges = np.arange(reduced + 1) * (length / reduced)
    pixels = np.arange(length)
    found = []
    for first in range(0, reduced, together):
        low, high = edges[first:-1][:together, None], edges[first + 1 :][:together, None]
        start, end = int(low[0, 0]), min(length, int(np.ceil(high[-1, 0] - 1e-9)))
        covered = pixels[start:end]
        shares = np.minimum(high, covered + 1) - np.maximum(low, covered)
        weights = np.clip(shares, 0, None)
        weights /= weights.sum(axis=1, keepdims=True)
        found.append(_Band(first, start, end, weights.astype(np.float32)))
    return tuple(found)


@functools.lru_cache(maxsize=64)
def _interleaved(length: int, reduced: int) -> tuple[tuple[int, int, int, _Floats], ...]:
    """Bands of columns whose pixels are three numbers each: (first, start, end, weights)."""
    channels = np.eye(_CHANNELS, dtype=np.float32)
    return tuple(
        (
            band.first * _CHANNELS,
            band.start * _CHANNELS,
            band.end * _CHANNELS,
            np.kron(band.weights.T, channels),
        )
        for band in _bands(length, reduced, _TOGETHER)
    )
