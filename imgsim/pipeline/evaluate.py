"""Evaluate backbones on labelled media of the gallery, by the embeddings that are stored.

What is ranked are media. A query's distance to a media is the smallest between their frames, which
for pictures is the one there is. A query is never among its own hits, at whatever path it lies.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import numpy as np

from imgsim.evaluation import Evaluation, Measurement
from imgsim.pipeline.embedders import chosen_backbones
from imgsim.pipeline.labelled_media import Task, task_of
from imgsim.pipeline.labels import Labels
from imgsim.pipeline.measuring import Measures, tell_of_indexes
from imgsim.pipeline.progress import Progress, Silent
from imgsim.pipeline.ranks import Queries, ranks_of_relevant
from imgsim.store import evaluations, matrix
from imgsim.store.engine import Session
from imgsim.store.registry import BackboneRow

AMONG_ALL = ", among all frames of the gallery"


def evaluate_labels(
    session: Session,
    labels: Labels,
    *,
    names: Sequence[str] = (),
    measures: Measures | None = None,
    distractors: bool = False,
    progress: Progress | None = None,
) -> Evaluation:
    """Measure how well backbones find what labels say belongs together, and save the numbers.

    All backbones are asked the same queries among the same frames: those that all have embedded.

    Args:
        session: the database.
        labels: which files belong together.
        names: of backbones; all that have embedded something if empty.
        measures: what to measure.
        distractors: rank among all media of the gallery, not among the labelled ones only.
        progress: is told how it goes, and what is left out.

    Raises:
        EmptyGallery, BackboneNotIngested: there is nothing to measure.
        DatabaseError
    """
    started_at, began = datetime.now(UTC), time.monotonic()
    measures, progress = measures or Measures(), progress or Silent()
    rows = chosen_backbones(session, names)
    task = task_of(session, labels, rows, distractors=distractors, note=progress.note)
    tell_of_indexes(session, rows, measures, progress.note)
    progress.start(len(rows))
    measurements = [
        each for row in rows for each in _measure(session, row, task, measures, progress)
    ]
    return evaluations.save(
        session,
        kind=labels.kind.value,
        source=labels.source + (AMONG_ALL if distractors else ""),
        seed=measures.seed,
        started_at=started_at,
        duration_s=time.monotonic() - began,
        measurements=measurements,
    )


def _measure(
    session: Session, row: BackboneRow, task: Task, measures: Measures, progress: Progress
) -> Iterator[Measurement]:
    shown = Path(row.slug)  # the bar shows the last part of a path
    items = task.items
    frames = [items.frames(place, place + 1)[0] for place in task.queries.tolist()]
    queries = Queries(
        vectors=evaluations.vectors_of(session, row, np.concatenate(frames)),
        owners=np.repeat(np.arange(len(frames)), [len(each) for each in frames]),
        relevant=task.relevant,
        unranked=list(task.queries[:, np.newaxis]),
    )
    ranks = ranks_of_relevant(
        queries, items, partial(matrix.blocks, session, row), partial(progress.at, shown)
    )
    yield from measures.of_ranks(row, ranks, len(items.frame_ids))
    # A search asks for one picture: of a video, the first frame stands for it.
    first = np.searchsorted(queries.owners, np.arange(len(frames)))
    own = np.array([each[0] for each in frames], np.int64)
    yield from measures.of_index(session, row, queries.vectors[first], own)
    progress.done(shown)
