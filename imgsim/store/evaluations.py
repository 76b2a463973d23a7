"""What an evaluation reads, and where its numbers go."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
from sqlalchemy import (
    ARRAY,
    BigInteger,
    LargeBinary,
    any_,
    exists,
    func,
    insert,
    literal,
    select,
)

from imgsim.evaluation import Evaluation
from imgsim.store import paths, result_schema, schema
from imgsim.store.engine import Session
from imgsim.store.registry import BackboneRow

Ids = npt.NDArray[np.int64]


def media_of_paths(session: Session, wanted: Iterable[Path]) -> dict[Path, int]:
    """The media that lie at absolute paths of this machine now; others are left out."""
    own = schema.media_path.alias("own")
    raw = [os.fsencode(path) for path in wanted]
    query = select(own.c.path_raw, own.c.media_id).where(
        own.c.host == paths.HOST,
        own.c.path_raw == any_(literal(raw, ARRAY(LargeBinary))),
        ~paths.taken_over(own),
    )
    with session.connect() as connection:
        return {Path(os.fsdecode(row.path_raw)): row.media_id for row in connection.execute(query)}


def embedded_frames(
    session: Session, backbone: BackboneRow, media_ids: Iterable[int] | None = None
) -> tuple[Ids, Ids]:
    """The frames that a backbone has embedded, all or of some media.

    Returns:
        frame ids and the media id of each, int64 (n,), in order of both: media first.
    """
    frame, table = schema.frame, backbone.table
    query = (
        select(frame.c.frame_id, frame.c.media_id)
        .join(table, table.c.frame_id == frame.c.frame_id)
        .order_by(frame.c.media_id, frame.c.frame_id)
    )
    if media_ids is not None:
        query = query.where(frame.c.media_id == any_(literal(sorted(media_ids), ARRAY(BigInteger))))
    with session.connect() as connection:
        rows = np.array([tuple(row) for row in connection.execute(query)], np.int64).reshape(-1, 2)
    return rows[:, 0], rows[:, 1]


def sample_frames(
    session: Session, backbones: Sequence[BackboneRow], count: int, seed: int
) -> list[int]:
    """Frame ids drawn at random from those that all backbones have embedded; the same by seed."""
    frame_id = schema.frame.c.frame_id
    query = (
        select(frame_id)
        .where(*(exists().where(row.table.c.frame_id == frame_id) for row in backbones))
        .order_by(func.hashint8extended(frame_id, seed), frame_id)
        .limit(count)
    )
    with session.connect() as connection:
        return list(connection.execute(query).scalars())


def save(session: Session, evaluation: Evaluation) -> Evaluation:
    """Save an evaluation; returns it with its evaluation_id."""
    table, numbers = result_schema.evaluation, result_schema.evaluation_metric
    with session.transaction() as connection:
        evaluation_id: int = connection.execute(
            insert(table)
            .values(
                kind=evaluation.kind,
                source=paths.readable(evaluation.source),
                seed=evaluation.seed,
                started_at=evaluation.started_at,
                duration_s=evaluation.duration_s,
            )
            .returning(table.c.evaluation_id)
        ).scalar_one()
        connection.execute(
            insert(numbers),
            [
                {
                    "evaluation_id": evaluation_id,
                    "backbone_id": each.backbone_id,
                    "part": each.part,
                    "metric": each.metric.value,
                    "k": each.k,
                    "value": each.value,
                    "low": each.low,
                    "high": each.high,
                    "queries": each.queries,
                    "gallery_rows": each.gallery_rows,
                }
                for each in evaluation.measurements
            ],
        )
    return replace(evaluation, evaluation_id=evaluation_id)
