"""Metrics against answers worked out by hand, and against formulas written in another way."""

from __future__ import annotations

import tracemalloc
from collections.abc import Set

import numpy as np
import pytest

from imgsim.metrics import (
    adjacent_hits,
    ann_recall_at_k,
    average_precision,
    bootstrap_interval,
    hit_rate_at_k,
    overlap_at_k,
    rank_correlation,
    recall_at_k,
)


def test_ann_recall_is_the_mean_share_of_the_true_neighbours() -> None:
    """Two of three, and one of one in a gallery of one."""
    assert ann_recall_at_k([[1, 2, 3], [9]], [[3, 7, 1], [9]], 3) == pytest.approx((2 / 3 + 1) / 2)
    with pytest.raises(ValueError, match="0 exact answers"):
        ann_recall_at_k([], [], 3)


@pytest.mark.parametrize(
    ("k", "recall", "hit_rate"), [(1, 0, 0), (2, 1 / 4, 1), (4, 2 / 4, 1), (100, 3 / 4, 1)]
)
def test_recall_counts_all_that_is_relevant_and_hit_rate_any(
    k: int, recall: float, hit_rate: float
) -> None:
    """Of 4 relevant items, three are found at ranks 2, 4 and 6, and one never."""
    relevant = {10, 11, 12, 13}
    found = [1, 12, 2, 10, 3, 11]
    assert recall_at_k(relevant, found, k) == recall
    assert hit_rate_at_k(relevant, found, k) == hit_rate


def test_recall_is_divided_by_what_is_relevant_even_if_k_is_less() -> None:
    """A perfect answer of 2 out of 5 is 2/5."""
    assert recall_at_k({1, 2, 3, 4, 5}, [1, 2], 2) == pytest.approx(0.4)


def test_without_anything_relevant_there_is_no_measure() -> None:
    """Neither 0 nor 1 would be true. Nor does the first 0 of a ranking mean anything."""
    nothing: Set[int] = frozenset()
    with pytest.raises(ValueError, match="no item is relevant"):
        recall_at_k(nothing, [1], 1)
    with pytest.raises(ValueError, match="no item is relevant"):
        hit_rate_at_k(nothing, [1], 1)
    with pytest.raises(ValueError, match="no item is relevant"):
        average_precision(nothing, [1])
    with pytest.raises(ValueError, match="1 or more"):
        recall_at_k({1}, [1], 0)
    with pytest.raises(ValueError, match="1 or more"):
        hit_rate_at_k({1}, [1], 0)


def test_average_precision_by_hand() -> None:
    """Relevant at ranks 1, 3 and 6: (1/1 + 2/3 + 3/6) / 3; one more that is missing: / 4."""
    ranking = [7, 1, 8, 2, 3, 9]
    assert average_precision({7, 8, 9}, ranking) == pytest.approx((1 + 2 / 3 + 1 / 2) / 3)
    assert average_precision({7, 8, 9, 5}, ranking) == pytest.approx((1 + 2 / 3 + 1 / 2) / 4)
    assert average_precision({7, 1, 8}, ranking) == 1
    assert average_precision({5}, ranking) == 0
    assert average_precision({5}, []) == 0


def test_average_precision_equals_its_definition_on_random_rankings() -> None:
    """Precision at every relevant rank, counted anew each time; lists and arrays alike."""
    draw = np.random.default_rng(4)
    for _ in range(50):
        ranking = draw.permutation(60)
        relevant = {int(item) for item in draw.choice(80, size=draw.integers(1, 20), replace=False)}
        expected = 0.0
        for rank, item in enumerate(ranking.tolist(), start=1):
            if item in relevant:
                expected += len(relevant.intersection(ranking[:rank].tolist())) / rank
        assert average_precision(relevant, ranking) == pytest.approx(expected / len(relevant))
        assert average_precision(relevant, ranking.tolist()) == average_precision(relevant, ranking)


def test_the_interval_is_as_wide_as_theory_says() -> None:
    """Of many values, the bootstrap of a mean comes close to the normal one."""
    values = np.random.default_rng(2).random(4000)
    low, high = bootstrap_interval(values, seed=5)
    half = 1.96 * values.std() / np.sqrt(len(values))
    assert low == pytest.approx(values.mean() - half, abs=0.15 * half)
    assert high == pytest.approx(values.mean() + half, abs=0.15 * half)


def test_the_interval_holds_the_share_of_resampled_means_that_was_asked() -> None:
    """Of 0 and 1, a resample of two has the mean 0, 1/2 or 1 with the odds 1:2:1."""
    values = np.array([0.0, 1.0])
    assert bootstrap_interval(values, seed=0, confidence=0.45) == (0.5, 0.5)
    assert bootstrap_interval(values, seed=0, confidence=0.95) == (0, 1)


def test_the_interval_depends_on_the_seed_alone() -> None:
    """Equal seeds, equal ends; another seed, other ends; equal values leave no doubt."""
    values = np.random.default_rng(3).random(50)
    assert bootstrap_interval(values, seed=1) == bootstrap_interval(values, seed=1)
    assert bootstrap_interval(values, seed=1) != bootstrap_interval(values, seed=2)
    assert bootstrap_interval(np.ones(30), seed=1) == (1, 1)
    assert bootstrap_interval(np.array([0.25]), seed=1) == (0.25, 0.25)


def test_ten_thousand_values_are_resampled_in_little_memory() -> None:
    """All indices at once would be 80 MB, and the values they pick as much again."""
    values = np.random.default_rng(6).random(10_000)
    tracemalloc.start()
    try:
        bootstrap_interval(values, seed=1)
        _now, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 30e6


def test_no_interval_without_values_resamples_or_confidence() -> None:
    """Each is named in the message."""
    with pytest.raises(ValueError, match="0 values"):
        bootstrap_interval(np.array([]), seed=1)
    with pytest.raises(ValueError, match=r"confidence of 1\.5"):
        bootstrap_interval(np.ones(3), seed=1, confidence=1.5)
    with pytest.raises(ValueError, match="0 where 1 or more"):
        bootstrap_interval(np.ones(3), seed=1, resamples=0)


@pytest.mark.parametrize(
    ("positions", "expected"),
    [
        ([], 0),
        ([20], 0),  # the true frame alone
        ([21, 19], 2),  # it holds its place without being hit
        ([18, 19, 20, 22, 23], 2),  # 21 is missing: what is beyond does not count
        ([22, 18], 0),
        ([25, 20, 23, 21, 24, 22, 3], 5),  # in any order
        ([21, 21, 20], 1),  # once, however often
        ([0, 1], 0),
    ],
)
def test_adjacent_hits_are_an_unbroken_run(positions: list[int], expected: int) -> None:
    """The true frame is at position 20."""
    assert adjacent_hits(positions, 20) == expected


def test_a_run_may_begin_at_the_first_frame() -> None:
    """Nothing lies before position 0."""
    assert adjacent_hits([0, 1, 2], 0) == 2


def test_overlap_is_a_share_of_k_whatever_the_order() -> None:
    """Two of four; and equal short answers agree wholly."""
    assert overlap_at_k([1, 2, 3, 4, 5], [9, 4, 8, 1, 2], 4) == 0.5
    assert overlap_at_k([1, 2, 3], [3, 2, 1], 10) == 1
    assert overlap_at_k([1, 2, 3], [1], 10) == pytest.approx(1 / 3)
    assert overlap_at_k([1], [], 10) == 0
    with pytest.raises(ValueError, match="two empty"):
        overlap_at_k([], [], 10)
    with pytest.raises(ValueError, match="1 or more"):
        overlap_at_k([1], [1], 0)


def test_rank_correlation_by_hand() -> None:
    """Common are 1, 2, 3, 4; the other ranks them 2, 1, 4, 3: 1 - 6 x 4 / (4 x 15) = 0.6."""
    assert rank_correlation([1, 7, 2, 3, 4], [2, 1, 9, 8, 4, 3]) == pytest.approx(0.6)
    assert rank_correlation([5, 6, 7], [5, 6, 7]) == 1
    assert rank_correlation([5, 6, 7], [7, 6, 5]) == -1
    assert rank_correlation([5, 6], [6, 7]) is None
    assert rank_correlation([], [6, 7]) is None


def test_rank_correlation_equals_pearsons_of_the_ranks() -> None:
    """Which is how Spearman's is defined."""
    draw = np.random.default_rng(8)
    for _ in range(30):
        a, b = (draw.permutation(40)[:25].tolist() for _ in range(2))
        common = sorted(set(a) & set(b))
        ranks = [np.argsort(np.argsort([each.index(item) for item in common])) for each in (a, b)]
        expected = np.asarray(np.corrcoef(ranks))[0, 1]
        assert rank_correlation(a, b) == pytest.approx(expected)
