"""Arithmetic on embeddings. Pure numpy: the oracle that the database's answers are tested by."""

from __future__ import annotations

import numpy as np

from imgsim.domain import Vectors


def l2_normalize(vectors: Vectors) -> Vectors:
    """Scale each row to unit length.

    Args:
        vectors: float32, shape (n, dim).

    Returns:
        float32, shape (n, dim). Computed in float64, since float32 sums over 2,048 squares drift.

    Raises:
        ValueError: a row is zero or not finite: it has no direction, and pgvector's cosine
            index leaves such rows out silently.
    """
    wide = vectors.astype(np.float64)
    lengths = np.sqrt(np.einsum("nd,nd->n", wide, wide))
    if not (np.isfinite(lengths).all() and (lengths > 0).all()):
        raise ValueError("an embedding is zero or not finite")
    return (wide / lengths[:, None]).astype(np.float32)


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
