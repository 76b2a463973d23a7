"""The k nearest of a gallery that comes in blocks, against comparing with all of it at once."""

from __future__ import annotations

import itertools
import tracemalloc

import numpy as np
import numpy.typing as npt
import pytest

from imgsim.domain import HalfVectors, Vectors
from imgsim.vectors import NoDirection, TopK, exact_search, l2_normalize, round_to_half

Ids = npt.NDArray[np.int64]


def unit_vectors(seed: int, rows: int, dim: int) -> Vectors:
    """Random directions."""
    return l2_normalize(np.random.default_rng(seed).normal(size=(rows, dim)).astype(np.float32))


def few_directions(seed: int, rows: int) -> Vectors:
    """Unit vectors of 4 dimensions with halves and zeros for parts: most of them tie."""
    draw = np.random.default_rng(seed)
    kinds = np.concatenate([np.eye(4), -np.eye(4), np.full((1, 4), 0.5), [[0.5, 0.5, 0.5, -0.5]]])
    return kinds[draw.integers(0, len(kinds), rows)].astype(np.float32)


def assert_exact(top: TopK, queries: Vectors, frame_ids: Ids, gallery: Vectors, k: int) -> None:
    """Compare with the oracle, which ranks ties by row: give it the rows in order of their ids."""
    order = np.argsort(frame_ids)
    ids, distances = top.nearest()
    assert ids.dtype == np.int64
    assert distances.dtype == np.float32
    assert ids.shape == distances.shape == (len(queries), min(k, len(gallery)))
    for query, found, near in zip(queries, ids, distances, strict=True):
        expected = exact_search(query, gallery[order], k)
        assert found.tolist() == [int(frame_ids[order[row]]) for row, _ in expected]
        assert near.tolist() == [distance for _, distance in expected]


def fed(
    queries: Vectors, frame_ids: Ids, gallery: Vectors | HalfVectors, k: int, cuts: list[int]
) -> TopK:
    """Feed the gallery in the blocks between the cuts."""
    top = TopK(queries, k)
    edges = [0, *cuts, len(gallery)]
    for first, last in itertools.pairwise(edges):
        top.feed(frame_ids[first:last], gallery[first:last])
    return top


@pytest.mark.parametrize("seed", range(40))
def test_any_blocks_and_ties_give_what_one_comparison_gives(seed: int) -> None:
    """Random sizes, cuts, ids and orders; half of the galleries have few directions and many ties.

    At the last place of k nearly always several frames tie, in blocks before and after.
    """
    draw = np.random.default_rng(seed)
    rows, k = int(draw.integers(1, 300)), int(draw.integers(1, 40))
    cuts = sorted(draw.integers(0, rows + 1, size=draw.integers(0, 9)).tolist())
    frame_ids = draw.permutation(rows).astype(np.int64) * 2**40 + 17  # need all 64 bits
    if seed % 2:
        gallery, queries = few_directions(seed, rows), few_directions(seed + 1000, 12)
    else:
        gallery, queries = unit_vectors(seed, rows, 50), unit_vectors(seed + 1000, 12, 50)
        gallery[rows // 2 :] = gallery[: rows - rows // 2]  # each nearly twice
    assert_exact(fed(queries, frame_ids, gallery, k, cuts), queries, frame_ids, gallery, k)


def test_more_than_one_tile_of_work_with_equal_vectors_throughout() -> None:
    """2,500 frames and 2,200 queries are cut up inside; every 50th frame is the same picture."""
    gallery, queries = unit_vectors(1, 2500, 64), unit_vectors(2, 2200, 64)
    gallery[::50] = gallery[0]
    queries[::11] = gallery[0]
    frame_ids = np.random.default_rng(3).permutation(2500).astype(np.int64)
    top = fed(queries, frame_ids, gallery, 20, [1500])
    ids, _ = top.nearest()
    assert ids[0].tolist() == sorted(frame_ids[::50].tolist())[:20]
    some = np.arange(0, 2200, 44)
    top = fed(queries[some], frame_ids, gallery, 20, [1500])
    assert_exact(top, queries[some], frame_ids, gallery, 20)
    np.testing.assert_array_equal(top.nearest()[0], ids[some])


def test_a_large_k_ranks_the_whole_gallery() -> None:
    """With k over the gallery's size, or just it, every frame comes once."""
    gallery, queries = unit_vectors(4, 3000, 16), unit_vectors(5, 40, 16)
    frame_ids = np.arange(3000, dtype=np.int64)
    for k in (2999, 3000, 10_000):
        assert_exact(fed(queries, frame_ids, gallery, k, [7, 2000]), queries, frame_ids, gallery, k)


def test_stored_halves_are_compared_as_the_unit_vectors_they_stand_for() -> None:
    """Rounding takes them off unit length; the cosine does not see that."""
    gallery = round_to_half(unit_vectors(6, 200, 1280), range(200))
    lengths = np.linalg.norm(gallery.astype(np.float64), axis=1)
    assert np.abs(lengths - 1).max() > 1e-6
    queries = l2_normalize(gallery[:5].astype(np.float32))
    frame_ids = np.arange(200, dtype=np.int64)
    top = fed(queries, frame_ids, gallery, 10, [3, 90])
    assert_exact(top, queries, frame_ids, l2_normalize(gallery.astype(np.float32)), 10)
    ids, distances = top.nearest()
    assert ids[:, 0].tolist() == [0, 1, 2, 3, 4]
    assert np.abs(distances[:, 0]).max() <= 1.2e-7
    wide = gallery.astype(np.float64)
    cosine = wide[0] @ wide[ids[0, 1]] / (lengths[0] * lengths[ids[0, 1]])
    assert distances[0, 1] == pytest.approx(1 - cosine, abs=2e-7)


def test_distances_below_zero_come_before_zero() -> None:
    """Rounding may put a vector's distance from itself a little under 0."""
    queries = np.array([[1, 0]], dtype=np.float32)
    gallery = np.array([[1, 0], [1 + 2**-23, 0], [1 + 2**-22, 0], [0, 1]], dtype=np.float32)
    top = fed(queries, np.array([3, 4, 5, 6], dtype=np.int64), gallery, 3, [1, 2])
    ids, distances = top.nearest()
    assert ids.tolist() == [[5, 4, 3]]
    assert distances.tolist() == [[-(2**-22), -(2**-23), 0]]


def test_nothing_fed_nothing_found_and_what_was_handed_out_stays() -> None:
    """Answers may be asked for at any time; later blocks do not change those given before."""
    top = TopK(unit_vectors(7, 2, 8), 3)
    assert top.nearest()[0].shape == (2, 0)
    top.feed(np.empty(0, dtype=np.int64), np.empty((0, 8), dtype=np.float32))
    assert top.nearest()[1].shape == (2, 0)
    top.feed(np.array([1], dtype=np.int64), unit_vectors(8, 1, 8))
    early, _ = top.nearest()
    top.feed(np.array([0], dtype=np.int64), unit_vectors(8, 1, 8))
    assert early.tolist() == [[1], [1]]
    assert top.nearest()[0].tolist() == [[0, 1], [0, 1]]
    assert TopK(unit_vectors(7, 0, 8), 3).nearest()[0].shape == (0, 0)


def test_what_makes_no_sense_is_refused() -> None:
    """No hits, or a stored vector without direction."""
    with pytest.raises(ValueError, match="the 0 nearest"):
        TopK(unit_vectors(0, 1, 4), 0)
    with pytest.raises(NoDirection):
        TopK(unit_vectors(0, 1, 4), 1).feed(
            np.array([1], dtype=np.int64), np.zeros((1, 4), dtype=np.float16)
        )


def peak_while_feeding(top: TopK, first_id: int, gallery: Vectors | HalfVectors) -> int:
    """Feed one block; the most memory it took, bytes."""
    frame_ids = np.arange(first_id, first_id + len(gallery), dtype=np.int64)
    tracemalloc.start()
    try:
        top.feed(frame_ids, gallery)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_memory_is_bounded_for_a_large_block_and_for_many_queries() -> None:
    """A block that takes 31 MB as float64, for few queries; distances that take 96, for many."""
    few, many = unit_vectors(9, 10, 64), unit_vectors(10, 6000, 64)
    gallery = np.tile(unit_vectors(11, 4000, 64).astype(np.float16), (15, 1))
    assert peak_while_feeding(TopK(few, 5), 0, gallery) < 5e6
    assert peak_while_feeding(TopK(many, 5), 0, gallery[:2000]) < 60e6


def test_memory_does_not_grow_with_the_gallery() -> None:
    """Not even by the 8 bytes of a frame's id: 300,000 of those would be 2.4 MB."""
    top = TopK(unit_vectors(12, 10, 8), 5)
    block = unit_vectors(13, 1000, 8)
    early = peak_while_feeding(top, 0, block)
    for number in range(1, 300):
        top.feed(np.arange(1000, dtype=np.int64) + number * 1000, block)
    assert peak_while_feeding(top, 300_000, block) < early + 200_000
