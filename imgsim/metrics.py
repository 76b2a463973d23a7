"""How good an answer is. Pure; three different questions have three different names.

ann_recall_at_k asks whether the index finds what an exact search finds. recall_at_k and
hit_rate_at_k, which ask whether what is found is relevant, belong here too.
"""

from __future__ import annotations

from collections.abc import Sequence


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
