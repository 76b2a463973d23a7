"""Counted ranks, against sorting everything."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterator

import numpy as np
import pytest

from imgsim.domain import HalfVectors, Vectors
from imgsim.pipeline import ranks
from imgsim.pipeline.ranks import Ints, Items, Queries, Read, ranks_of_relevant
from imgsim.vectors import cosine_distances, l2_normalize


def halves(draw: np.random.Generator, rows: int, dim: int, *, ties: bool) -> HalfVectors:
    """Stored vectors; of few directions, so that most of them tie, if asked."""
    shape = (rows, dim)
    some = draw.integers(-1, 2, shape) if ties else draw.normal(size=shape)
    some[:, 0] += 2  # none is zero
    return l2_normalize(some.astype(np.float32)).astype(np.float16)


def reading(stored: HalfVectors, draw: np.random.Generator, rows: int) -> Read:
    """Reads rows of `stored`, whose frame ids are 10, 20, 30, ..., shuffled, a few at a time."""

    def read(frame_ids: Ints) -> Iterator[tuple[Ints, HalfVectors]]:
        mixed = draw.permutation(frame_ids)
        for first in range(0, len(mixed), rows):
            part = mixed[first : first + rows]
            yield part, stored[part // 10 - 1]

    return read


def unit(stored: HalfVectors) -> Vectors:
    """As they are compared."""
    return l2_normalize(stored.astype(np.float32))


@pytest.mark.parametrize("seed", range(40))
def test_counting_gives_the_ranks_that_sorting_gives(
    seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Items and queries of one frame or several, with and without ties, in blocks of any size."""
    draw = np.random.default_rng(seed)
    monkeypatch.setattr(ranks, "_CELLS", int(draw.integers(1, 400)))
    monkeypatch.setattr(ranks, "_LEAST_ITEMS", int(draw.integers(1, 9)))
    frames, count = int(draw.integers(20, 200)), int(draw.integers(1, 12))
    stored = halves(draw, frames, 6, ties=seed % 2 == 0)
    owners = np.sort(draw.integers(0, frames // int(draw.integers(1, 4)), frames))
    frame_ids = draw.permutation(np.arange(1, frames + 1, dtype=np.int64)) * 10
    items, names = Items.grouped(frame_ids, owners)
    assert names.tolist() == sorted(set(owners.tolist()))
    asked = np.sort(draw.choice(len(items), min(count, len(items) - 2), replace=False))
    own = [items.frames(place, place + 1)[0] for place in asked.tolist()]
    relevant = [
        np.sort(draw.choice(np.delete(np.arange(len(items)), place), draw.integers(1, 4)))
        for place in asked.tolist()
    ]
    relevant = [np.unique(each) for each in relevant]
    queries = Queries(
        vectors=unit(stored[np.concatenate(own) // 10 - 1]),
        owners=np.repeat(np.arange(len(own)), [len(each) for each in own]),
        relevant=relevant,
        unranked=list(asked[:, np.newaxis]),
    )
    shares: list[float] = []
    found = ranks_of_relevant(
        queries,
        items,
        reading(stored, draw, int(draw.integers(1, 50))),
        lambda share, _frames: shares.append(share),
    )
    gallery = unit(stored[frame_ids // 10 - 1])
    for at, place in enumerate(asked.tolist()):
        near = cosine_distances(queries.vectors[queries.owners == at], gallery).min(axis=0)
        far = np.minimum.reduceat(np.maximum(near, 0), items.bounds[:-1])
        ranking = [item for item in np.argsort(far, kind="stable").tolist() if item != place]
        assert found[at].tolist() == sorted(1 + ranking.index(r) for r in relevant[at].tolist())
    assert shares[-1] == 1


def test_a_frame_that_is_gone_ranks_last() -> None:
    """Somebody may forget a media meanwhile."""
    draw = np.random.default_rng(0)
    stored = halves(draw, 5, 4, ties=False)
    read = reading(stored, draw, 5)
    queries = Queries(
        vectors=unit(stored[:1]),
        owners=np.zeros(1, np.int64),
        relevant=[np.array([0], np.int64)],
        unranked=[np.empty(0, np.int64)],
    )
    items = Items.single(np.arange(10, 60, 10))

    def without_first(frame_ids: Ints) -> Iterator[tuple[Ints, HalfVectors]]:
        for found, vectors in read(frame_ids):
            if (there := found != 10).any():
                yield found[there], vectors[there]

    def told(_share: float, _frames: int) -> None:
        return None

    assert ranks_of_relevant(queries, items, read, told)[0].tolist() == [1]
    assert ranks_of_relevant(queries, items, without_first, told)[0].tolist() == [5]


def test_memory_is_that_of_a_block() -> None:
    """2,000 queries in 30,000 frames: rankings of 8 bytes a place would be 480 MB."""
    draw = np.random.default_rng(1)
    stored = halves(draw, 30_000, 8, ties=False)
    queries = Queries(
        vectors=unit(stored[:2000]),
        owners=np.arange(2000),
        relevant=list(draw.integers(2000, 30_000, (2000, 1))),
        unranked=list(np.arange(2000)[:, np.newaxis]),
    )
    items = Items.single(np.arange(10, 300_010, 10))
    read = reading(stored, draw, 8192)
    tracemalloc.start()
    found = ranks_of_relevant(queries, items, read, lambda _share, _frames: None)
    _now, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(found) == 2000
    assert peak < 300e6
