"""Arithmetic on embeddings. Pure numpy: the oracle that the database's answers are tested by."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from imgsim.domain import HalfVectors, Vectors


class NoDirection(ValueError):
    """A vector is zero or not finite, so that no cosine can be taken of it."""


def l2_normalize(vectors: Vectors) -> Vectors:
    """Scale each row to unit length.

    Args:
        vectors: float32, shape (n, dim).

    Returns:
        float32, shape (n, dim). Computed in float64, since float32 sums over 2,048 squares drift.

    Raises:
        NoDirection: a row is zero or not finite; pgvector's cosine index would leave it out
            silently.
    """
    wide = vectors.astype(np.float64)
    lengths = np.sqrt(np.einsum("nd,nd->n", wide, wide))
    if not (np.isfinite(lengths).all() and (lengths > 0).all()):
        raise NoDirection("an embedding is zero or not finite")
    unit: Vectors = (wide / lengths[:, None]).astype(np.float32)
    return unit


def cosine_distances(queries: Vectors, gallery: Vectors) -> Vectors:
    """1 - cosine similarity of unit vectors: (q, dim) and (n, dim) give float32 (q, n)."""
    return (1.0 - queries @ gallery.T).astype(np.float32)


def exact_search(query: Vectors, gallery: Vectors, k: int) -> list[tuple[int, float]]:
    """The k nearest rows of `gallery` (n, dim) to `query` (dim,), as (row, cosine distance).

    Ties are ranked by row, as the database ranks them by frame_id.
    """
    distances = cosine_distances(query[None, :], gallery)[0]
    order = np.lexsort((np.arange(len(distances)), distances))[:k]
    return [(int(row), float(distances[row])) for row in order]


def round_to_half(vectors: Vectors, seeds: Sequence[int]) -> HalfVectors:
    """Round to float16 at random, up or down with the odds that keep the mean (dithering).

    Frames of a still scene give equal vectors. pgvector puts ten of those into one node of its
    graph and links further nodes to each other only, so that a few dozen equal vectors cut the
    graph apart and the index misses most of its neighbours. Dithered, they differ by less than
    the rounding itself (cosine distance about 1e-7), and the graph stays whole. The method is
    stochastic rounding: Croci et al., "Stochastic rounding: implementation, error analysis and
    applications", Royal Society Open Science (2022).

    Args:
        vectors: float32, shape (n, dim).
        seeds: one for each row; equal seeds round equally, so that a repeated run stores the same.

    Returns:
        float16, shape (n, dim).
    """
    near = vectors.astype(np.float16)
    error = vectors - near.astype(np.float32)
    beyond = np.nextafter(near, np.copysign(np.float16(np.inf), error.astype(np.float16)))
    gap = np.abs(beyond.astype(np.float32) - near.astype(np.float32))
    draws = np.stack(
        [np.random.default_rng(seed).random(vectors.shape[1], np.float32) for seed in seeds]
    )
    return np.where(draws * gap < np.abs(error), beyond, near)
