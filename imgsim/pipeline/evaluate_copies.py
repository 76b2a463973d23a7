"""Evaluate backbones on edited copies of the gallery's own frames.

Frames drawn by a seed are decoded at full size, edited in every way of imgsim.copies, and looked
for among all frames. What a copy should find is its original. Frames of the gallery that look the
same as the original count as the original, since nothing can tell them apart: those whose stored
embeddings lie within SAME of the original's, by every backbone that is measured.
"""

from __future__ import annotations

import time
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import numpy as np

from imgsim import pixels
from imgsim.backbones import Embedder
from imgsim.copies import COPIES, LONGEST_SIDE, make_copy
from imgsim.domain import Pixels, Vectors
from imgsim.errors import GalleryError, InvalidArgument, MediaError
from imgsim.evaluation import ALL, Evaluation, Measurement
from imgsim.pipeline.embedders import Choice, open_ingested
from imgsim.pipeline.measuring import Measures, tell_of_indexes
from imgsim.pipeline.progress import Progress, Silent
from imgsim.pipeline.ranks import Ints, Items, Queries, distances, ranks_of_relevant
from imgsim.sources import read_frame
from imgsim.store import evaluations, matrix, search
from imgsim.store.engine import Session
from imgsim.store.registry import BackboneRow

SAME = 1e-6
"""Cosine distance. Equal pictures are stored up to some 2e-7 apart, by the rounding of halfvec."""

_AT_ONCE = 32  # pictures that are embedded together


@dataclass(frozen=True, kw_only=True, slots=True)
class CopiesReport:
    """The evaluation, and the frames whose file could not be read any more."""

    evaluation: Evaluation
    originals: int  # that were copied
    failed: tuple[MediaError, ...]


@dataclass(kw_only=True, slots=True)
class _Copies:
    """Copies, as each backbone sees them."""

    parts: list[str] = field(default_factory=list)  # the kind of each copy
    originals: list[int] = field(default_factory=list)  # the frame_id of each copy's original
    vectors: dict[int, list[Vectors]]  # by backbone_id
    blank: int = 0  # copies with nothing on them, which are not asked
    failed: list[MediaError] = field(default_factory=list)


def evaluate_copies(
    session: Session,
    count: int,
    *,
    choice: Choice,
    measures: Measures | None = None,
    progress: Progress | None = None,
) -> CopiesReport:
    """Measure how well backbones find a frame by edited copies of it, and save the numbers.

    Args:
        session: the database.
        count: how many frames are drawn, of those that all backbones have embedded.
        choice: which backbones; without names, all that have embedded something.
        measures: what to measure; its seed draws the frames and what edits leave to chance.
        progress: is told how it goes.

    Raises:
        InvalidArgument: count is less than 1.
        EmptyGallery, BackboneNotIngested, GalleryError: there is nothing to measure.
        BackboneError, DatabaseError
    """
    if count < 1:
        raise InvalidArgument(f"--copies takes a number of frames, 1 or more, not {count}.")
    started_at, began = datetime.now(UTC), time.monotonic()
    measures, progress = measures or Measures(), progress or Silent()
    networks, rows = open_ingested(session, choice)
    embedders = {
        row: network.embedder(progress.note) for row, network in zip(rows, networks, strict=True)
    }
    items = Items.single(evaluations.common_frames(session, rows)[0])
    drawn = evaluations.sample_frames(session, rows, count, measures.seed)
    if len(drawn) < count:
        progress.note(f"There are {len(drawn):,} frames to draw from, and all of them are taken.")
    copies = _make_copies(session, drawn, embedders, measures.seed, progress)
    if not copies.originals:
        raise GalleryError(_nothing_left(copies, drawn))
    originals = np.unique(copies.originals)
    same = _same_frames(session, rows, items, originals)
    _tell(copies, same, progress)
    tell_of_indexes(session, rows, measures, progress.note)
    progress.start(len(rows))
    relevant = [same[each] for each in np.searchsorted(originals, copies.originals)]
    measurements = [
        each
        for row in rows
        for each in _measure(session, row, items, copies, relevant, measures, progress)
    ]
    evaluation = evaluations.save(
        session,
        kind="copies",
        source=_source(len(originals)),
        seed=measures.seed,
        started_at=started_at,
        duration_s=time.monotonic() - began,
        measurements=measurements,
    )
    return CopiesReport(
        evaluation=evaluation, originals=len(originals), failed=tuple(copies.failed)
    )


def _make_copies(
    session: Session,
    drawn: Mapping[int, str],
    embedders: Mapping[BackboneRow, Embedder],
    seed: int,
    progress: Progress,
) -> _Copies:
    """Decode, edit and embed, a frame at a time."""
    copies = _Copies(vectors={row.backbone_id: [] for row in embedders})
    sides = {embedder.input_size for embedder in embedders.values()}
    held: dict[int, list[Pixels]] = {side: [] for side in sides}
    frames = search.frame_refs(session, drawn)
    progress.start(len(frames))
    for frame_id in filter(frames.__contains__, drawn):
        frame = frames[frame_id]
        path = Path(frame.path)
        progress.at(path, 0, len(copies.parts))
        try:
            picture = read_frame(path, frame.frame_index, frame.pts)
        except MediaError as error:
            copies.failed.append(error)
        else:
            # By what the frame is: each leans and is cut in its own way, in every database alike.
            own_seed = zlib.crc32(f"{seed}/{drawn[frame_id]}".encode())
            for name, copy in _copies_of(picture, own_seed, copies):
                copies.parts.append(name)
                copies.originals.append(frame_id)
                for side in sides:
                    held[side].append(pixels.resize_square(copy, side))
        _embed(copies, embedders, held, at_least=_AT_ONCE)
        progress.done(path)
    _embed(copies, embedders, held, at_least=1)
    return copies


def _copies_of(picture: Pixels, seed: int, copies: _Copies) -> Iterator[tuple[str, Pixels]]:
    """Each copy that has something on it, with its kind."""
    picture = pixels.thumbnail(picture, LONGEST_SIDE)
    for name in COPIES:
        copy = make_copy(name, picture, seed)
        if pixels.is_blank(pixels.thumbnail(copy)):
            copies.blank += 1
        else:
            yield name, copy


def _embed(
    copies: _Copies,
    embedders: Mapping[BackboneRow, Embedder],
    held: dict[int, list[Pixels]],
    *,
    at_least: int,
) -> None:
    """Embed the squares that are held and let them go, if there are so many."""
    if all(len(squares) < at_least for squares in held.values()):
        return
    for row, embedder in embedders.items():
        squares = np.stack(held[embedder.input_size])
        copies.vectors[row.backbone_id].append(embedder.embed(squares))
    for squares_held in held.values():
        squares_held.clear()


def _same_frames(
    session: Session, rows: Sequence[BackboneRow], items: Items, originals: Ints
) -> list[Ints]:
    """For each original the places of the frames that look the same, its own too."""
    own = np.searchsorted(items.frame_ids, originals, sorter=(order := np.argsort(items.frame_ids)))
    places = order[own]
    same: list[set[int]] = []
    for row in rows:
        asked = Queries(
            vectors=evaluations.vectors_of(session, row, originals),
            owners=np.arange(len(originals)),
            relevant=list(places[:, np.newaxis]),
            unranked=[],
        )
        found: list[set[int]] = [{place} for place in places.tolist()]
        for first, far in distances(asked, items, partial(matrix.blocks, session, row)):
            for query, item in np.argwhere(far < SAME).tolist():
                found[query].add(first + item)
        same = [a & b for a, b in zip(same, found, strict=True)] if same else found
    return [np.array(sorted(each), np.int64) for each in same]


def _measure(
    session: Session,
    row: BackboneRow,
    items: Items,
    copies: _Copies,
    relevant: Sequence[Ints],
    measures: Measures,
    progress: Progress,
) -> Iterator[Measurement]:
    shown = Path(row.slug)  # the bar shows the last part of a path
    queries = Queries(
        vectors=np.concatenate(copies.vectors[row.backbone_id]),
        owners=np.arange(len(relevant)),
        relevant=relevant,
        unranked=[np.empty(0, np.int64)] * len(relevant),
    )
    ranks = ranks_of_relevant(
        queries, items, partial(matrix.blocks, session, row), partial(progress.at, shown)
    )
    best = [each[:1] for each in ranks]  # any of those that look the same will do
    for part in (ALL, *COPIES):
        own = [rank for rank, name in zip(best, copies.parts, strict=True) if part in (ALL, name)]
        if own:
            owners = copies.originals if part == ALL else None
            yield from measures.of_ranks(row, own, len(items), part, owners)
    yield from measures.of_index(session, row, queries.vectors)
    progress.done(shown)


def _source(originals: int) -> str:
    frames = "frame" if originals == 1 else "frames"
    return f"{originals:,} {frames} of the gallery, edited in {len(COPIES)} ways"


def _tell(copies: _Copies, same: Sequence[Ints], progress: Progress) -> None:
    if copies.blank:
        progress.note(f"{copies.blank:,} copies not asked: nearly one colour.")
    if alike := sum(1 for each in same if len(each) > 1):
        progress.note(
            f"{alike:,} of {len(same):,} frames look the same as others of the gallery (cosine "
            f"distance under {SAME:g}): to find one of those counts as well."
        )


def _nothing_left(copies: _Copies, drawn: Mapping[int, str]) -> str:
    reasons = "".join(f"\n  {error}" for error in copies.failed[:3])
    return (
        f"No copy could be made of any of the {len(drawn):,} frames that were drawn: files are "
        f"gone, or copies are nearly one colour. `imgsim media list` shows what the gallery "
        f"holds, `imgsim prune` forgets what is gone.{reasons}"
    )
