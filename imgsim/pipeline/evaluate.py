"""Evaluate backbones on labelled media of the gallery.

The items that are ranked are media. A query's distance to a media is the smallest between their
frames, which for pictures is the one there is. All backbones are measured on the same queries,
among the same items.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import numpy.typing as npt

from imgsim.domain import Vectors
from imgsim.errors import BackboneNotIngested, EmptyGallery
from imgsim.evaluation import Evaluation, Measurement
from imgsim.pipeline.labels import Labels
from imgsim.pipeline.measuring import Summary
from imgsim.store import evaluations, matrix, registry
from imgsim.store.engine import Session
from imgsim.store.registry import BackboneRow
from imgsim.vectors import l2_normalize

DEFAULT_KS = (1, 5, 10)
_CELLS = 20_000_000  # of a matrix of distances that is held at once
_NAMED = 3  # files that a note names


@dataclass(frozen=True, kw_only=True, slots=True)
class Task:
    """What every backbone is asked."""

    relevant: Mapping[int, frozenset[int]]  # by the media that is asked: the media to be found
    labelled: frozenset[int]  # media of the labels that all backbones have embedded


def evaluate_labels(
    session: Session,
    labels: Labels,
    *,
    names: Sequence[str] = (),
    ks: Sequence[int] = DEFAULT_KS,
    seed: int = 0,
    distractors: bool = False,
    note: Callable[[str], None] = lambda _text: None,
) -> Evaluation:
    """Measure how well backbones find what labels say belongs together; by stored embeddings.

    All embeddings that are ranked are held in memory, 4 bytes a dimension.

    Args:
        session: the database.
        labels: which files belong together; those in the gallery are used.
        names: of backbones; all that have embedded something if empty.
        ks: how many hits count.
        seed: of the bootstrap.
        distractors: rank among all frames of the gallery, not among the labelled media only.
        note: is told what is left out.

    Returns:
        The evaluation, as it was saved.

    Raises:
        EmptyGallery, BackboneNotIngested: there is nothing to measure.
        DatabaseError
    """
    started_at, began = datetime.now(UTC), time.monotonic()
    rows = chosen_backbones(session, names)
    task = _task(session, labels, rows, note)
    measurements = [
        measurement
        for row in rows
        for measurement in _measure(session, row, task, ks, seed, distractors, note)
    ]
    return evaluations.save(
        session,
        Evaluation(
            evaluation_id=0,
            kind=labels.kind.value,
            source=labels.source,
            seed=seed,
            started_at=started_at,
            duration_s=time.monotonic() - began,
            measurements=tuple(measurements),
        ),
    )


def chosen_backbones(session: Session, names: Sequence[str]) -> list[BackboneRow]:
    """The newest revision in use of each backbone, of all where none is named.

    Raises:
        EmptyGallery, BackboneNotIngested
    """
    names = names or registry.names_in_use(session)
    if not names:
        raise EmptyGallery("The gallery is empty. Fill it first: imgsim ingest PATH... -b BACKBONE")
    return [registry.require(session, name) for name in dict.fromkeys(names)]


def _task(
    session: Session, labels: Labels, rows: Sequence[BackboneRow], note: Callable[[str], None]
) -> Task:
    for sentence in labels.notes:
        note(sentence)
    media_of = evaluations.media_of_paths(session, labels.paths)
    common = set(media_of.values())
    for row in rows:
        common &= set(evaluations.embedded_frames(session, row, common)[1].tolist())
    missing = sorted(path for path in labels.paths if media_of.get(path) not in common)
    if missing:
        note(_left_out(missing, rows))
    relevant: dict[int, set[int]] = defaultdict(set)
    for path in labels.queries:
        own = media_of.get(path)
        if own in common and own is not None:
            found = {media_of[other] for other in labels.relevant(path) if other in media_of}
            relevant[own] |= (found & common) - {own}
    asked = {media: frozenset(found) for media, found in sorted(relevant.items()) if found}
    if not asked:
        raise BackboneNotIngested(
            f"None of the {len(labels.paths):,} labelled files is in the gallery together with "
            f"another that belongs to it. {_how_to_ingest(rows)}"
        )
    return Task(relevant=asked, labelled=frozenset(common))


def _left_out(missing: Sequence[Path], rows: Sequence[BackboneRow]) -> str:
    named = ", ".join(str(path) for path in missing[:_NAMED])
    more = ", ..." if len(missing) > _NAMED else ""
    return (
        f"{len(missing):,} labelled files left out, not in the gallery by every backbone: "
        f"{named}{more}. {_how_to_ingest(rows)}"
    )


def _how_to_ingest(rows: Sequence[BackboneRow]) -> str:
    options = " ".join(f"-b {row.name}" for row in rows)
    return f"To have them measured: imgsim ingest PATH... {options}"


def _measure(
    session: Session,
    row: BackboneRow,
    task: Task,
    ks: Sequence[int],
    seed: int,
    distractors: bool,
    note: Callable[[str], None],
) -> Iterator[Measurement]:
    ids, media = evaluations.embedded_frames(session, row, None if distractors else task.labelled)
    gallery = _load(session, row, ids)
    summary = Summary(row, len(ids), seed)
    yield from summary.of_rankings(
        ks, list(task.relevant.values()), _rankings(list(task.relevant), media, gallery)
    )
    asked = np.isin(media, list(task.relevant))
    queries = l2_normalize(gallery[asked].astype(np.float32))
    yield from summary.of_index(session, ks, queries, note)


def _load(session: Session, row: BackboneRow, ids: npt.NDArray[np.int64]) -> Vectors:
    """The embeddings of frames, unit vectors in float32 (n, dim), in the order of `ids`."""
    gallery = np.empty((len(ids), row.dim), np.float32)
    places = np.argsort(ids)
    in_order = ids[places]
    for frame_ids, vectors in matrix.blocks(session, row):
        at = np.searchsorted(in_order, frame_ids)
        wanted = (at < len(ids)) & (in_order[np.minimum(at, len(ids) - 1)] == frame_ids)
        gallery[places[at[wanted]]] = l2_normalize(vectors[wanted].astype(np.float32))
    return gallery


def _rankings(
    queries: Sequence[int], media: npt.NDArray[np.int64], gallery: Vectors
) -> Iterator[npt.NDArray[np.int64]]:
    """For each query, a media, all other media, nearest first, ties by media id.

    Args:
        queries: media ids.
        media: of each embedding, in order, int64 (n,).
        gallery: unit vectors, float32 (n, dim).
    """
    items, starts = np.unique(media, return_index=True)
    ends = np.append(starts[1:], len(media))
    at_once = max(1, _CELLS // len(media))  # frames of queries
    places = np.searchsorted(items, queries)
    held: list[int] = []
    for number, place in enumerate(places.tolist(), start=1):
        held.append(place)
        frames = [np.arange(starts[each], ends[each]) for each in held]
        if number < len(places) and sum(map(len, frames)) < at_once:
            continue
        near = _nearest(gallery[np.concatenate(frames)], gallery, starts, at_once)
        first = np.cumsum([0, *map(len, frames[:-1])])
        for each, distances in zip(held, np.minimum.reduceat(near, first), strict=True):
            order = np.argsort(distances, kind="stable")
            yield items[order[order != each]]
        held = []


def _nearest(
    frames: Vectors, gallery: Vectors, starts: npt.NDArray[np.int64], at_once: int
) -> Vectors:
    """Cosine distances of frames to items, whose embeddings begin at `starts`: (n, items)."""
    parts = [
        np.minimum.reduceat(1 - frames[at : at + at_once] @ gallery.T, starts, axis=1)
        for at in range(0, len(frames), at_once)
    ]
    return np.concatenate(parts)
