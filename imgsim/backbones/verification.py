"""Whether another way of running a network gives the same embeddings, on real pictures."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from imgsim.domain import PixelBatch, Vectors
from imgsim.vectors import l2_normalize

LEAST_COSINE = 0.99999
"""Between an embedding by Keras and by an engine. Correct float32 graphs differ by 1e-6 or less;
what this leaves moves a distance by less than halfvec's own rounding does."""


def photos() -> list[Path]:
    """The photos that come with the package."""
    return sorted((Path(__file__).parent / "probes").glob("*.jpg"))


def probe_pictures(side: int) -> PixelBatch:
    """The photos and their negatives: uint8 RGB (n, side, side, 3)."""
    from imgsim import pixels  # loads OpenCV, which no network needs in order to run

    squares = [
        pixels.resize_square(pixels.decode_jpeg(path.read_bytes()), side) for path in photos()
    ]
    return np.stack([*squares, *(255 - square for square in squares)])


def least_cosine(
    one: Callable[[PixelBatch], Vectors], other: Callable[[PixelBatch], Vectors], side: int
) -> float:
    """The cosine between both embeddings of that picture on which two runs differ most.

    Args:
        one: a network, uint8 RGB (n, side, side, 3) -> float32 (n, dim).
        other: the same network, run otherwise.
        side: of a picture, pixels.

    Returns:
        1 or a little less where they agree; -1 where one of them gives what is no embedding.
    """
    pictures = probe_pictures(side)
    try:
        left, right = l2_normalize(one(pictures)), l2_normalize(other(pictures))
    except ValueError:  # not finite, or zero
        return -1.0
    return float((left.astype(np.float64) * right.astype(np.float64)).sum(axis=1).min())
