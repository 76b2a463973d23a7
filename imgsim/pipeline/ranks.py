"""At which rank each query finds what is relevant: counted, not sorted.

Two readings of the gallery. The first finds how far the relevant items are, the second how many
others are nearer than each. So a gallery of any size takes the memory of a block, where whole
rankings of it would take one number for each query and item.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from imgsim.domain import HalfVectors, Vectors
from imgsim.vectors import cosine_distances, l2_normalize

Ints = npt.NDArray[np.int64]

Read = Callable[[Ints], Iterator[tuple[Ints, HalfVectors]]]
"""Gives the embeddings of frames, in blocks and any order: frame ids (n,), vectors (n, dim)."""

_CELLS = 2**23  # queries x items, or frames, whose distances are held at once
_LEAST_ITEMS, _MOST_ITEMS = 64, 8192  # that are read at once
_LAST = np.iinfo(np.int64).max


@dataclass(frozen=True, kw_only=True, slots=True)
class Items:
    """What is ranked. An item is one frame or several, and known by its place among the items."""

    frame_ids: Ints  # (n,), those of one item together
    bounds: Ints  # (items + 1,), where the frames of each begin; then n

    @classmethod
    def single(cls, frame_ids: Ints) -> Items:
        """Every frame an item of its own."""
        return cls(frame_ids=frame_ids, bounds=np.arange(len(frame_ids) + 1, dtype=np.int64))

    @classmethod
    def grouped(cls, frame_ids: Ints, owners: Ints) -> tuple[Items, Ints]:
        """Items of the frames that have an owner in common, and the owner of each item.

        Args:
            frame_ids: int64 (n,).
            owners: of each frame, int64 (n,), in order.
        """
        names, starts = np.unique(owners, return_index=True)
        return cls(frame_ids=frame_ids, bounds=np.append(starts, len(owners))), names

    def __len__(self) -> int:
        """How many items there are."""
        return len(self.bounds) - 1

    def frames(self, first: int, last: int) -> tuple[Ints, Ints]:
        """The frames of the items from place `first` up to `last`, and the place of each."""
        bounds = self.bounds[first : last + 1]
        return (
            self.frame_ids[bounds[0] : bounds[-1]],
            np.repeat(np.arange(first, last, dtype=np.int64), np.diff(bounds)),
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Queries:
    """What is asked. A query is one frame or several; its distance to an item is their smallest."""

    vectors: Vectors  # unit vectors, float32 (n, dim), those of one query together
    owners: Ints  # (n,), which query each is of: 0, 0, 1, 2, 2, ...
    relevant: Sequence[Ints]  # for each query the places of its relevant items, in order
    unranked: Sequence[Ints]  # for each query the places that its ranking leaves out


def ranks_of_relevant(
    queries: Queries, items: Items, read: Read, told: Callable[[float, int], None]
) -> list[Ints]:
    """The ranks of each query's relevant items, from 1, in order. Ties are ranked by place.

    Args:
        queries: what is asked.
        items: what is ranked.
        read: reads embeddings.
        told: is told the share that is done, 0 to 1, and how many frames were compared.
    """
    wanted = _keys_of_relevant(queries, items, read)
    nearer = [np.zeros(len(keys) + 1, np.int64) for keys in wanted]
    for first, far in distances(queries, items, read):
        last = first + far.shape[1]
        keys = _keys(far, np.arange(first, last))
        for at, relevant in enumerate(queries.relevant):
            for others in (relevant, queries.unranked[at]):
                keys[at, _between(others, first, last) - first] = _LAST
            # Before how many of the relevant, which are in order, each other item comes.
            places = np.searchsorted(wanted[at], keys[at])
            nearer[at] += np.bincount(places, minlength=len(nearer[at]))
        told(last / len(items), int(items.bounds[last]))
    # One more for each relevant item: itself, and those before it.
    return [np.cumsum(counts[:-1] + 1) for counts in nearer]


def distances(queries: Queries, items: Items, read: Read) -> Iterator[tuple[int, Vectors]]:
    """Cosine distances of all queries to some items at a time.

    Yields:
        the place of the first of these items, and distances, float32 (queries, items), 0 or more;
        infinite to an item that is gone meanwhile.
    """
    count = len(queries.relevant)
    step = min(max(_LEAST_ITEMS, _CELLS // count), _MOST_ITEMS)
    for first in range(0, len(items), step):
        last = min(first + step, len(items))
        frame_ids, places = items.frames(first, last)
        order = np.argsort(frame_ids)
        far = np.full((count, last - first), np.inf, np.float32)
        for found, halves in read(frame_ids):
            columns = places[order[np.searchsorted(frame_ids, found, sorter=order)]] - first
            _take_nearer(far, queries, columns, l2_normalize(halves.astype(np.float32)))
        # Rounding leaves equal vectors a little below 0, and -0.0 would sort as below it too.
        yield first, np.maximum(far, np.float32(0)) + np.float32(0)


def _take_nearer(far: Vectors, queries: Queries, columns: Ints, vectors: Vectors) -> None:
    """Lower the distances of queries to items to those of these frames, where they are less."""
    order = np.argsort(columns, kind="stable")
    items, starts = np.unique(columns[order], return_index=True)
    gallery = vectors[order]
    step = max(1, _CELLS // len(gallery))
    for at in range(0, len(queries.vectors), step):
        found = cosine_distances(queries.vectors[at : at + step], gallery)
        if len(items) < len(columns):
            found = np.minimum.reduceat(found, starts, axis=1)
        owners, rows = np.unique(queries.owners[at : at + step], return_index=True)
        if len(owners) < len(found):
            found = np.minimum.reduceat(found, rows, axis=0)
        known = far[owners[0] : owners[-1] + 1]  # a view: what is set here is set there
        known[:, items] = np.minimum(known[:, items], found)


def _keys_of_relevant(queries: Queries, items: Items, read: Read) -> list[Ints]:
    """For each query the keys of its relevant items, in order."""
    wanted = np.unique(np.concatenate(queries.relevant))
    chosen = [items.frames(place, place + 1)[0] for place in wanted.tolist()]
    lengths = [len(frames) for frames in chosen]
    subset = Items(
        frame_ids=np.concatenate(chosen), bounds=np.cumsum([0, *lengths], dtype=np.int64)
    )
    keys: list[list[Ints]] = [[] for _ in queries.relevant]
    for first, far in distances(queries, subset, read):
        here = wanted[first : first + far.shape[1]]
        found = _keys(far, here)
        for at, relevant in enumerate(queries.relevant):
            sought = _between(relevant, here[0], here[-1] + 1)
            keys[at].append(found[at, np.searchsorted(here, sought)])
    return [np.sort(np.concatenate(parts)) for parts in keys]


def _keys(far: Vectors, places: Ints) -> Ints:
    """Distances, 0 or more, and places, each pair as one integer that sorts by both.

    The bits of positive numbers sort as the numbers do.
    """
    keys = far.view(np.int32).astype(np.int64)
    keys <<= 32
    keys |= places
    return keys


def _between(places: Ints, first: int, last: int) -> Ints:
    """Those of some places, in order, from `first` up to `last`."""
    begin, end = np.searchsorted(places, (first, last))
    return places[begin:end]
