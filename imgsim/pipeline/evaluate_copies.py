"""Evaluate backbones on edited copies of the gallery's own frames.

Frames drawn by a seed are decoded at full size, edited in every way of imgsim.copies, and looked
for among all frames. The one relevant item is the frame itself.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import numpy.typing as npt

from imgsim import pixels
from imgsim.backbones import Embedder
from imgsim.copies import COPIES, make_copy
from imgsim.domain import FrameRef, Pixels, Vectors
from imgsim.errors import EmptyGallery, InvalidArgument, MediaError
from imgsim.evaluation import ALL, Evaluation, Measurement
from imgsim.pipeline.embedders import Choice, open_networks
from imgsim.pipeline.evaluate import DEFAULT_KS, chosen_backbones
from imgsim.pipeline.measuring import Summary
from imgsim.pipeline.progress import Progress
from imgsim.sources import read_frame
from imgsim.store import evaluations, matrix, registry, search
from imgsim.store.engine import Session
from imgsim.store.registry import BackboneRow
from imgsim.vectors import l2_normalize

_MARGIN = 1e-5
"""A frame that is nearer by no more than the rounding of stored vectors is as near: the frames of a
scene that stands still look the same, and no backbone can tell them apart."""


@dataclass(kw_only=True)
class Questions:
    """Copies, and what each backbone makes of them."""

    parts: list[str] = field(default_factory=list)  # the kind of each copy
    frames: list[int] = field(default_factory=list)  # the frame that each copy shows
    vectors: dict[int, list[Vectors]] = field(default_factory=lambda: defaultdict(list))
    blank: int = 0  # copies with nothing on them, which are not asked
    lost: int = 0  # frames whose file cannot be read any more


def evaluate_copies(
    session: Session,
    count: int,
    *,
    choice: Choice,
    ks: Sequence[int] = DEFAULT_KS,
    seed: int = 0,
    progress: Progress,
) -> Evaluation:
    """Measure how well backbones find a frame by edited copies of it, among all frames.

    Args:
        session: the database.
        count: how many frames are drawn.
        choice: which backbones; without names, all that have embedded something.
        ks: how many hits count.
        seed: of the draw, the copies and the bootstrap.
        progress: is told how far the frames are copied and embedded.

    Returns:
        The evaluation, as it was saved: for each kind of copy, and for all of them.

    Raises:
        InvalidArgument: count is less than 1.
        EmptyGallery, BackboneNotIngested, BackboneError, DatabaseError
    """
    if count < 1:
        raise InvalidArgument(f"--copies takes the number of frames to copy, 1 or more: {count}.")
    started_at, began = datetime.now(UTC), time.monotonic()
    names = [row.name for row in chosen_backbones(session, choice.names)]
    networks = open_networks(session, Choice(names=names, device=choice.device))
    rows = [registry.require(session, n.pinned.name, n.pinned.revision) for n in networks]
    drawn = evaluations.sample_frames(session, rows, count, seed)
    frames = search.frame_refs(session, drawn)
    asked = [frames[frame_id] for frame_id in drawn if frame_id in frames]
    embedders = {
        row.backbone_id: network.embedder(progress.note)
        for row, network in zip(rows, networks, strict=True)
    }
    questions = _ask(asked, embedders, seed, progress)
    if not questions.frames:
        raise EmptyGallery(
            f"None of the {len(asked)} frames that were drawn can be copied: their files are gone "
            "or cannot be read. `imgsim media list` shows what the gallery holds."
        )
    measurements = [
        each for row in rows for each in _measure(session, row, questions, ks, seed, progress)
    ]
    return evaluations.save(
        session,
        Evaluation(
            evaluation_id=0,
            kind="copies",
            source=f"{len(COPIES)} edited copies each of {len(set(questions.frames))} frames",
            seed=seed,
            started_at=started_at,
            duration_s=time.monotonic() - began,
            measurements=tuple(measurements),
        ),
    )


def _ask(
    frames: Sequence[FrameRef], embedders: Mapping[int, Embedder], seed: int, progress: Progress
) -> Questions:
    """Decode, copy and embed, a frame at a time."""
    questions = Questions()
    progress.start(len(frames))
    for number, frame in enumerate(frames):
        path = Path(frame.path)
        progress.at(path, 0, number)
        try:
            picture = read_frame(path, frame.frame_index, frame.pts)
        except MediaError as error:
            progress.note(str(error))
            questions.lost += 1
        else:
            _embed(_copies(picture, seed + number, frame.frame_id, questions), embedders, questions)
        progress.done(path)
    if questions.blank:
        progress.note(f"{questions.blank} copies left out: nearly one colour")
    return questions


def _copies(picture: Pixels, seed: int, frame_id: int, questions: Questions) -> list[Pixels]:
    """The copies of one frame that have something on them; notes what they are."""
    made: list[Pixels] = []
    for name in COPIES:
        copy = make_copy(name, picture, seed)
        if pixels.is_blank(pixels.thumbnail(copy)):
            questions.blank += 1
        else:
            made.append(copy)
            questions.parts.append(name)
            questions.frames.append(frame_id)
    return made


def _embed(
    copies: Sequence[Pixels], embedders: Mapping[int, Embedder], questions: Questions
) -> None:
    for key, embedder in embedders.items():
        squares = [pixels.resize_square(copy, embedder.input_size) for copy in copies]
        if squares:
            questions.vectors[key].append(embedder.embed(np.stack(squares)))


def _measure(
    session: Session,
    row: BackboneRow,
    questions: Questions,
    ks: Sequence[int],
    seed: int,
    progress: Progress,
) -> Iterator[Measurement]:
    vectors = np.concatenate(questions.vectors[row.backbone_id])
    ranks, gallery_rows = _ranks(session, row, vectors, np.array(questions.frames, np.int64))
    summary = Summary(row, gallery_rows, seed)
    yield from summary.of_ranks(ks, ranks, ALL)
    parts = np.array(questions.parts)
    for name in dict.fromkeys(questions.parts):
        yield from summary.of_ranks(ks, ranks[parts == name], name)
    yield from summary.of_index(session, ks, vectors, progress.note)


def _ranks(
    session: Session, row: BackboneRow, vectors: Vectors, frames: npt.NDArray[np.int64]
) -> tuple[npt.NDArray[np.float64], int]:
    """The rank of its frame for each copy, from 1; and how many frames there are.

    Counted rather than sorted, in two readings of the embeddings, so that a gallery of any size
    takes the memory of a block.

    Args:
        session: the database.
        row: whose embeddings are compared.
        vectors: unit vectors of the copies, float32 (n, dim).
        frames: the frame that each shows, int64 (n,).
    """
    wanted = np.unique(frames)
    own = np.zeros((len(wanted), row.dim), np.float32)
    for frame_ids, found in matrix.blocks(session, row, wanted):
        own[np.searchsorted(wanted, frame_ids)] = l2_normalize(found.astype(np.float32))
    similarity = np.einsum("nd,nd->n", vectors, own[np.searchsorted(wanted, frames)])
    nearer, rows = np.zeros(len(vectors), np.int64), 0
    for _, found in matrix.blocks(session, row):
        block = l2_normalize(found.astype(np.float32))
        nearer += (vectors @ block.T > similarity[:, None] + _MARGIN).sum(axis=1)
        rows += len(block)
    return nearer.astype(np.float64) + 1, rows
