"""Arithmetic on embeddings. Pure numpy: the oracle that the database's answers are tested by."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

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


def unit_rows(vectors: Vectors) -> tuple[Vectors, npt.NDArray[np.bool_]]:
    """Scale to unit length those rows that have a direction.

    Args:
        vectors: float32, shape (n, dim).

    Returns:
        float32, shape (m, dim): the rows that are neither zero nor infinite, as `l2_normalize`
        scales them; and for each of the n rows whether it is among them.
    """
    lengths = np.linalg.norm(vectors.astype(np.float64), axis=1)
    usable = np.isfinite(lengths) & (lengths > 0)
    return l2_normalize(vectors[usable]), usable


def cosine_distances(queries: Vectors, gallery: Vectors) -> Vectors:
    """1 - cosine similarity of unit vectors: (q, dim) and (n, dim) give float32 (q, n).

    Summed in float64: float32 sums differ in their last bits with the shapes of the two arrays, and
    what ties in one block of a gallery would not tie in another.
    """
    return _distances(queries.astype(np.float64), gallery.astype(np.float64))


def _distances(queries: npt.NDArray[np.float64], gallery: npt.NDArray[np.float64]) -> Vectors:
    # The similarity is rounded first. Near 0, float32 would keep the noise of the sums.
    return np.float32(1) - (queries @ gallery.T).astype(np.float32)


def exact_search(query: Vectors, gallery: Vectors, k: int) -> list[tuple[int, float]]:
    """The k nearest rows of `gallery` (n, dim) to `query` (dim,), as (row, cosine distance).

    Ties are ranked by row, as the database ranks them by frame_id. TopK gives the same for many
    queries and a gallery that does not fit into memory.
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


class TopK:
    """The k nearest of a gallery for each of many queries, exactly; the gallery comes in blocks.

    Memory is taken for the queries, for k hits of each (some 40 bytes a hit), and for a working set
    of some 100 MB. Frames may come in any order, each of them once: ties are ranked by frame id.
    """

    def __init__(self, queries: Vectors, k: int) -> None:
        """Ask for the k nearest to each of `queries`, float32 unit vectors, shape (q, dim).

        Raises:
            ValueError: k is less than 1.
        """
        if k < 1:
            raise ValueError(f"the {k} nearest cannot be found")
        self._queries = queries
        self._k = k
        # A hit is one integer: the distance in its upper 32 bits, and below it the frame's place
        # among `_ids`. So hits sort by distance and then by id, and no two of a query are equal.
        self._hits = np.empty((len(queries), 0), dtype=np.int64)  # (q, kept), in order
        self._ids = np.empty(0, dtype=np.int64)  # of all frames in `_hits`, in order

    def feed(self, frame_ids: npt.NDArray[np.int64], vectors: Vectors | HalfVectors) -> None:
        """Compare every query with the next block of the gallery.

        Args:
            frame_ids: int64, shape (n,).
            vectors: shape (n, dim). float32 are unit vectors and taken as they are; float16, as
                they are stored, are brought back to unit length, which rounding took them off by up
                to 1e-4, as pgvector's cosine distance does.

        Raises:
            NoDirection: a float16 row is zero or not finite.
        """
        rows = min(max(self._k, _LEAST_ROWS), _MOST_ROWS)
        for first in range(0, len(vectors), rows):
            part = vectors[first : first + rows]
            if part.dtype == np.float16:
                part = l2_normalize(part.astype(np.float32))
            self._feed_rows(frame_ids[first : first + rows], part.astype(np.float64))

    def nearest(self) -> tuple[npt.NDArray[np.int64], Vectors]:
        """The hits so far, nearest first: frame ids, int64, and cosine distances, float32.

        Both have the shape (q, k), or fewer columns if fewer frames were fed.
        """
        bits = _in_order((self._hits >> 32).astype(np.int32))
        return self._ids[self._hits & _PLACE], bits.view(np.float32)

    def _feed_rows(
        self, frame_ids: npt.NDArray[np.int64], gallery: npt.NDArray[np.float64]
    ) -> None:
        places = self._take_in(frame_ids)
        # All queries see the same frames, and so keep equally many.
        kept = min(self._k, self._hits.shape[1] + len(frame_ids))
        unfound = ((0, 0), (0, kept - self._hits.shape[1]))
        self._hits = np.pad(self._hits, unfound, constant_values=np.iinfo(np.int64).max)
        step = max(1, _CELLS // (kept + len(frame_ids)))
        for first in range(0, len(self._queries), step):
            queries = self._queries[first : first + step].astype(np.float64)
            found = _packed(_distances(queries, gallery), places)
            known = self._hits[first : first + step]  # a view: what is set here is set there
            better = found.min(axis=1) < known[:, -1]
            known[better] = _smallest(np.hstack([known[better], found[better]]), kept)

    def _take_in(self, frame_ids: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """Take in new ids, forget those that no hit needs, and give the places of the new."""
        places = self._hits & _PLACE
        is_used = np.zeros(len(self._ids), dtype=np.bool_)
        is_used[places] = True
        ids = np.union1d(self._ids[is_used], frame_ids)
        moved_to = np.searchsorted(ids, self._ids)
        self._hits += moved_to[places] - places
        self._ids = ids
        return np.searchsorted(ids, frame_ids).astype(np.int64)


# How the work is cut up. A product of a thousand rows a side is large enough for BLAS to run at its
# best; with a large k, fewer and larger merges cost less.
_LEAST_ROWS = 1024
_MOST_ROWS = 8192
_CELLS = 2**20  # queries x (frames + hits) at once, about 40 bytes each

_PLACE = np.int64(0xFFFFFFFF)


def _packed(distances: Vectors, places: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Distances (q, n) to frames at these places (n,), each as one integer that sorts by both."""
    packed = _in_order(distances.view(np.int32)).astype(np.int64)
    packed <<= 32
    packed |= places
    return packed


def _smallest(hits: npt.NDArray[np.int64], count: int) -> npt.NDArray[np.int64]:
    """So many of each row, in order."""
    if 4 * count < hits.shape[1]:  # otherwise sorting alone is faster
        hits = np.partition(hits, count - 1, axis=1)[:, :count]
    return np.sort(hits, axis=1)[:, :count]


def _in_order(bits: npt.NDArray[np.int32]) -> npt.NDArray[np.int32]:
    """Bits of float32 as integers that sort as the numbers do, and back again.

    The bits of positive numbers do so already; those of negative ones sort the wrong way round.
    """
    return bits ^ ((bits >> 31) & np.int32(0x7FFFFFFF))
