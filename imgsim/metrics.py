"""How good an answer is. Pure; different questions have different names.

ann_recall_at_k asks whether the index finds what an exact search finds. recall_at_k, hit_rate_at_k
and average_precision ask whether what is found is relevant; bootstrap_interval, how far their mean
can be trusted. adjacent_hits, overlap_at_k and rank_correlation compare answers of backbones.

Items are identified by integers, and a ranking names each of them once, the nearest first.
"""

from __future__ import annotations

from collections.abc import Sequence, Set

import numpy as np
import numpy.typing as npt

# Indices that the bootstrap draws at once: 16 MB with the values they pick, however many resamples.
_DRAWN_AT_ONCE = 1_000_000


def ann_recall_at_k(
    exact: Sequence[Sequence[int]], found: Sequence[Sequence[int]], k: int
) -> float:
    """The share of the k exact nearest neighbours that an approximate search returned.

    Averaged over queries, as in Malkov and Yashunin, "Efficient and robust approximate nearest
    neighbor search using HNSW graphs" (2018).

    Args:
        exact: for each query, identifiers of the exact neighbours, nearest first.
        found: for each query, identifiers that the index returned.
        k: how many count.

    Raises:
        ValueError: there are no queries, or not equally many on both sides.
    """
    if not exact or len(exact) != len(found):
        raise ValueError(f"{len(exact)} exact answers cannot be compared with {len(found)}")
    shares = [
        len(set(truth[:k]) & set(answer[:k])) / min(k, len(truth))
        for truth, answer in zip(exact, found, strict=True)
    ]
    return sum(shares) / len(shares)


def recall_at_k(relevant: Set[int], found: Sequence[int], k: int) -> float:
    """The share of all relevant items that are among the first k found, 0 to 1.

    As in Manning, Raghavan and Schütze, "Introduction to Information Retrieval" (2008), section
    8.3: what divides is the number of relevant items, so that no answer reaches 1 where there are
    more than k of them.

    Raises:
        ValueError: nothing is relevant, or k is less than 1.
    """
    _require_relevant(relevant)
    _require_positive(k)
    return len(relevant & set(found[:k])) / len(relevant)


def hit_rate_at_k(relevant: Set[int], found: Sequence[int], k: int) -> float:
    """1 if any relevant item is among the first k found, else 0.

    Its mean over queries is the hit rate: "Recall@K" in Jégou, Douze and Schmid, "Product
    quantization for nearest neighbor search" (2011), where each query has one true neighbour.

    Raises:
        ValueError: nothing is relevant, or k is less than 1.
    """
    _require_relevant(relevant)
    _require_positive(k)
    return 0.0 if relevant.isdisjoint(found[:k]) else 1.0


def average_precision(relevant: Set[int], ranking: Sequence[int] | npt.NDArray[np.int64]) -> float:
    """The mean, over the relevant items, of the precision at the rank where each is found; 0 to 1.

    Not interpolated, as in Manning, Raghavan and Schütze, "Introduction to Information Retrieval"
    (2008), section 8.4. A relevant item that the ranking lacks counts as 0. The mean over queries
    is mAP.

    Args:
        relevant: what should be found, without the query itself.
        ranking: the whole gallery, nearest first, without the query itself.

    Raises:
        ValueError: nothing is relevant.
    """
    _require_relevant(relevant)
    wanted = np.fromiter(relevant, dtype=np.int64, count=len(relevant))
    ranks = np.flatnonzero(np.isin(np.asarray(ranking, dtype=np.int64), wanted)) + 1
    return float((np.arange(1, len(ranks) + 1) / ranks).sum() / len(relevant))


def bootstrap_interval(
    values: npt.NDArray[np.float64], *, seed: int, resamples: int = 1000, confidence: float = 0.95
) -> tuple[float, float]:
    """An interval for the mean: the percentile bootstrap of Efron, "Bootstrap methods" (1979).

    Args:
        values: one for each query, shape (n,).
        seed: 0 or more; equal seeds give equal intervals.
        resamples: how often n values are drawn, with replacement, and averaged.
        confidence: the share of those means that the interval holds, over 0 and under 1.

    Returns:
        Its lower and upper end.

    Raises:
        ValueError: there are no values, no resamples, or there is no such confidence.
    """
    _require_positive(resamples)
    if not len(values) or not 0 < confidence < 1:
        raise ValueError(f"no interval of {len(values)} values at a confidence of {confidence}")
    draw = np.random.default_rng(seed)
    means = np.empty(resamples)
    step = max(1, _DRAWN_AT_ONCE // len(values))
    for first in range(0, resamples, step):
        count = min(step, resamples - first)
        picked = draw.integers(0, len(values), size=(count, len(values)))
        means[first : first + count] = values[picked].mean(axis=1)
    tail = (1 - confidence) / 2
    low, high = np.quantile(means, [tail, 1 - tail])
    return float(low), float(high)


def adjacent_hits(positions: Sequence[int], true_position: int) -> int:
    """How many hits lie next to the true frame in time, in an unbroken run; itself not counted.

    A position is a frame's place among those frames of its media that the backbone has embedded, so
    that a video sampled every 10th frame has neighbours as well. The true frame holds its place in
    the run whether or not it was hit.

    Args:
        positions: of the hits in the true frame's media, in any order.
        true_position: of the true frame.
    """
    hits = set(positions)
    first = last = true_position
    while first - 1 in hits:
        first -= 1
    while last + 1 in hits:
        last += 1
    return last - first


def overlap_at_k(a: Sequence[int], b: Sequence[int], k: int) -> float:
    """The share of the first k items that two rankings have in common, whatever their order.

    The overlap of two top-k lists, as in Fagin, Kumar and Sivakumar, "Comparing top k lists"
    (2003). Where both are shorter than k, the longer one's length divides, so that equal answers
    give 1 in a small gallery as well.

    Raises:
        ValueError: both rankings are empty, or k is less than 1.
    """
    _require_positive(k)
    if not a and not b:
        raise ValueError("two empty rankings cannot be compared")
    return len(set(a[:k]) & set(b[:k])) / min(k, max(len(a), len(b)))


def rank_correlation(a: Sequence[int], b: Sequence[int]) -> float | None:
    """How alike two rankings order the items that both name, -1 to 1: Spearman's rho.

    Spearman, "The proof and measurement of association between two things" (1904). Ranks are
    counted anew among the common items.

    Returns:
        1 for the same order, -1 for the opposite; None if fewer than two items are common.
    """
    place_in_a = {item: place for place, item in enumerate(a)}
    common = [item for item in b if item in place_in_a]
    n = len(common)
    if n < 2:
        return None
    by_a = sorted(range(n), key=lambda rank: place_in_a[common[rank]])
    squares = sum((rank_a - rank_b) ** 2 for rank_a, rank_b in enumerate(by_a))
    return 1 - 6 * squares / (n * (n * n - 1))


def _require_relevant(relevant: Set[int]) -> None:
    if not relevant:
        raise ValueError("no item is relevant, so that no answer is right or wrong")


def _require_positive(number: int) -> None:
    if number < 1:
        raise ValueError(f"{number} where 1 or more is needed")
