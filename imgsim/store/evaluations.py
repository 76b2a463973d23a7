"""What an evaluation reads of the gallery, and where its numbers go."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

import numpy as np
import numpy.typing as npt
from sqlalchemy import (
    ARRAY,
    BigInteger,
    ColumnElement,
    Select,
    Text,
    any_,
    cast,
    exists,
    func,
    insert,
    literal,
    select,
)

from imgsim.domain import Vectors
from imgsim.evaluation import Evaluation, Measurement
from imgsim.store import matrix, paths, result_schema, schema, search
from imgsim.store.engine import Session
from imgsim.store.indexes import ef_search_of
from imgsim.store.registry import BackboneRow
from imgsim.vectors import l2_normalize

Ids = npt.NDArray[np.int64]

_PAIR = np.dtype([("media_id", np.int64), ("frame_id", np.int64)])
_FETCHED_AT_ONCE = 10_000


def common_frames(
    session: Session, backbones: Sequence[BackboneRow], media_ids: Collection[int] | None = None
) -> tuple[Ids, Ids]:
    """The frames that all of these backbones have embedded, all or of some media.

    Returns:
        frame ids and the media of each, int64 (n,), in order of media and then of frame.
    """
    frame = schema.frame.c
    query = (
        select(frame.media_id, frame.frame_id)
        .where(*_embedded_by(backbones))
        .order_by(frame.media_id, frame.frame_id)
    )
    if media_ids is not None:
        query = query.where(_one_of(frame.media_id, media_ids))
    with session.transaction() as connection:  # which a cursor on the server needs
        rows = connection.execution_options(yield_per=_FETCHED_AT_ONCE).execute(query)
        pairs = np.fromiter((tuple(row) for row in rows), _PAIR)
    return pairs["frame_id"].copy(), pairs["media_id"].copy()


def media_embedded_by(
    session: Session, backbone: BackboneRow, media_ids: Collection[int]
) -> set[int]:
    """Those of some media of which a backbone has embedded a frame."""
    query = _media_of_frames(media_ids).where(*_embedded_by([backbone]))
    with session.connect() as connection:
        return set(connection.execute(query).scalars())


def media_with_pictures(session: Session, media_ids: Collection[int]) -> set[int]:
    """Those of some media that have a frame to embed: one that decodes and is not blank."""
    query = _media_of_frames(media_ids).where(~schema.frame.c.is_blank)
    with session.connect() as connection:
        return set(connection.execute(query).scalars())


def sample_frames(
    session: Session, backbones: Sequence[BackboneRow], count: int, seed: int
) -> dict[int, str]:
    """Frames drawn at random from those that all of these backbones have embedded.

    Drawn by what they are, not by their keys: the same media in another database give the same
    frames, and a smaller sample is the beginning of a larger one.

    Returns:
        For each frame_id a text that is the same wherever this frame is stored.
    """
    frame, media = schema.frame.c, schema.media.c
    name = func.concat(media.content_id, "/", frame.frame_index)
    query = (
        select(frame.frame_id, name)
        .join(schema.media, media.media_id == frame.media_id)
        .where(*_embedded_by(backbones))
        .order_by(func.md5(func.concat(cast(seed, Text), "/", name)), frame.frame_id)
        .limit(count)
    )
    with session.connect() as connection:
        return {row[0]: row[1] for row in connection.execute(query)}


def vectors_of(session: Session, backbone: BackboneRow, frame_ids: Ids) -> Vectors:
    """The embeddings of frames, each of them once: unit vectors, float32 (n, dim), in that order.

    A frame that is gone meanwhile is left zero.
    """
    vectors = np.zeros((len(frame_ids), backbone.dim), np.float32)
    order = np.argsort(frame_ids)
    for found, halves in matrix.blocks(session, backbone, frame_ids):
        places = order[np.searchsorted(frame_ids, found, sorter=order)]
        vectors[places] = l2_normalize(halves.astype(np.float32))
    return vectors


def found_by_index(
    session: Session, backbone: BackboneRow, queries: Vectors, k: int
) -> list[list[int]]:
    """The k nearest frames to each of many unit vectors, float32 (q, dim), as searches find them.

    Through the HNSW index, which the table must have, at the ef_search that a search for k uses.
    """
    with session.transaction() as connection:
        search.set_width(connection, search.width(k, ef_search_of(connection, backbone)))
        found = []
        for query in queries:
            rows = connection.execute(search.index_neighbours(backbone, query, k)).all()
            found.append(
                [row.frame_id for row in sorted(rows, key=lambda r: (r.distance, r.frame_id))]
            )
    return found


def save(
    session: Session,
    *,
    kind: str,
    source: str,
    seed: int,
    started_at: datetime,
    duration_s: float,
    measurements: Sequence[Measurement],
) -> Evaluation:
    """Save an evaluation, in one transaction; the arguments are those of Evaluation."""
    table = result_schema.evaluation
    facts = {"kind": kind, "seed": seed, "started_at": started_at, "duration_s": duration_s}
    with session.transaction() as connection:
        evaluation_id: int = connection.execute(
            insert(table)
            .values(**facts, source=paths.readable(source))
            .returning(table.c.evaluation_id)
        ).scalar_one()
        connection.execute(
            insert(result_schema.evaluation_metric),
            [_row(evaluation_id, each) for each in measurements],
        )
    return Evaluation(
        evaluation_id=evaluation_id,
        kind=kind,
        source=source,
        seed=seed,
        started_at=started_at,
        duration_s=duration_s,
        measurements=tuple(measurements),
    )


def _row(evaluation_id: int, each: Measurement) -> dict[str, Any]:
    return {
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


def _embedded_by(backbones: Sequence[BackboneRow]) -> list[ColumnElement[bool]]:
    """Whether a row of frame has an embedding by each of these."""
    frame_id = schema.frame.c.frame_id
    return [exists().where(row.table.c.frame_id == frame_id) for row in backbones]


def _media_of_frames(media_ids: Collection[int]) -> Select[Any]:
    media_id = schema.frame.c.media_id
    return select(media_id).where(_one_of(media_id, media_ids)).distinct()


def _one_of(column: ColumnElement[int], ids: Collection[int]) -> ColumnElement[bool]:
    return column == any_(literal(sorted(ids), ARRAY(BigInteger)))
