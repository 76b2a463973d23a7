"""Arithmetic on embeddings."""

from __future__ import annotations

import numpy as np
import pytest

from imgsim.vectors import NoDirection, exact_search, l2_normalize, round_to_half


def test_rows_come_out_with_unit_length() -> None:
    vectors = np.random.default_rng(0).normal(size=(5, 300)).astype(np.float32) * 1000
    unit = l2_normalize(vectors)
    assert unit.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(unit, axis=1), 1, atol=1e-6)
    np.testing.assert_allclose(unit[0] * np.linalg.norm(vectors[0]), vectors[0], rtol=1e-5)


@pytest.mark.parametrize("bad", [0.0, np.nan, np.inf])
def test_a_row_without_direction_is_refused(bad: float) -> None:
    vectors = np.ones((3, 4), dtype=np.float32)
    vectors[1] = bad
    with pytest.raises(NoDirection):
        l2_normalize(vectors)


def test_exact_search_ranks_by_distance_and_ties_by_row() -> None:
    gallery = l2_normalize(np.array([[0, 1], [1, 1], [1, 0], [1, 1]], dtype=np.float32))
    found = exact_search(l2_normalize(np.array([[1, 0.9]], dtype=np.float32))[0], gallery, 3)
    assert [row for row, _ in found] == [1, 3, 2]
    assert found[0][1] == pytest.approx(0.00138, abs=1e-5)


def test_rounding_makes_equal_vectors_differ_by_less_than_it_costs() -> None:
    vector = l2_normalize(np.random.default_rng(1).normal(size=(1, 1280)).astype(np.float32))
    equal = np.repeat(vector, 200, axis=0)
    rounded = round_to_half(equal, range(200))
    assert rounded.dtype == np.float16
    assert len(np.unique(rounded, axis=0)) == 200
    distances = 1 - l2_normalize(rounded.astype(np.float32)).astype(np.float64) @ vector[0]
    assert distances.max() < 1e-6
    mean = rounded.astype(np.float64).mean(axis=0)
    plain = vector[0].astype(np.float16).astype(np.float64)
    assert np.abs(mean - vector[0]).mean() < 0.5 * np.abs(plain - vector[0]).mean()


def test_rounding_is_the_same_for_the_same_seed_and_exact_where_it_can_be() -> None:
    vectors = np.array([[0.5, -0.25, 0.0, 0.1]], dtype=np.float32)
    first, again = (round_to_half(vectors, [7]) for _ in range(2))
    np.testing.assert_array_equal(first, again)
    np.testing.assert_array_equal(first[0, :3], [0.5, -0.25, 0.0])
    assert abs(float(first[0, 3]) - 0.1) < 2**-13
