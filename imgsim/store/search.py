"""Nearest-neighbour queries, one at a time; `matrix` answers many at once.

Two statements. The one for the index orders by the distance alone, since nothing else makes
pgvector use it. The exact one adds 0 to the distance, which no index matches.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import (
    ARRAY,
    BigInteger,
    ColumnElement,
    Connection,
    Row,
    Select,
    any_,
    func,
    literal,
    select,
)

from imgsim.domain import FrameRef, Hit, MediaKind, Vectors
from imgsim.store import matrix, paths, schema
from imgsim.store.engine import Session
from imgsim.store.indexes import DEFAULT_EF_SEARCH, ef_search_of, has_index
from imgsim.store.registry import BackboneRow

MAX_EF_SEARCH = 1000
"""pgvector's limit. The index returns at most ef_search rows, so a larger k is answered exactly."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """The hits of one query, and how they were found."""

    hits: list[Hit]
    exact: bool  # every row compared, rather than the HNSW index followed
    ef_search: int | None = None  # at which the index was followed; None for an exact search


_FRAME_COLUMNS: tuple[ColumnElement[Any], ...] = (
    schema.frame.c.frame_id,
    schema.frame.c.frame_index,
    schema.frame.c.timestamp_s,
    schema.frame.c.pts,
    schema.media.c.media_id,
    schema.media.c.kind,
)


def width(k: int, ef_search: int = DEFAULT_EF_SEARCH) -> int:
    """The hnsw.ef_search to find k hits with: never less than k, nor more than pgvector allows."""
    return min(MAX_EF_SEARCH, max(ef_search, k))


def exact_neighbours(backbone: BackboneRow, vector: Vectors, k: int) -> Select[Any]:
    """The k nearest of all rows, ties by frame_id."""
    table = backbone.table.c
    distance = table.embedding.cosine_distance(vector)
    return (
        select(table.frame_id, distance.label("distance"))
        .order_by(distance + 0, table.frame_id)
        .limit(k)
    )


def index_neighbours(backbone: BackboneRow, vector: Vectors, k: int) -> Select[Any]:
    """The k nearest as the HNSW index finds them; hnsw.ef_search must be k or more."""
    table = backbone.table.c
    distance = table.embedding.cosine_distance(vector)
    return select(table.frame_id, distance.label("distance")).order_by(distance).limit(k)


def _described(neighbours: Select[Any]) -> Select[Any]:
    """Neighbours with their frame and media, nearest first, ties by frame_id."""
    near = neighbours.subquery("near")
    return (
        select(near.c.distance, *_FRAME_COLUMNS)
        .join(schema.frame, schema.frame.c.frame_id == near.c.frame_id)
        .join(schema.media, schema.media.c.media_id == schema.frame.c.media_id)
        .order_by(near.c.distance, near.c.frame_id)
    )


def set_width(connection: Connection, ef_search: int) -> None:
    """How `index_neighbours` follows the index until the transaction ends.

    In statements before it: what a query sets itself comes after it was planned. On a table of some
    tens of MB, a wide search may still be planned without the index; it finds no less.
    """
    connection.execute(
        select(
            func.set_config("hnsw.ef_search", str(ef_search), True),
            # Rows that were deleted still take places among the ef_search until a vacuum.
            func.set_config("hnsw.iterative_scan", "relaxed_order", True),
        )
    )


def nearest(
    session: Session,
    backbone: BackboneRow,
    vector: Vectors,
    k: int,
    *,
    exact: bool = False,
    ef_search: int | None = None,
) -> Answer:
    """The k frames nearest to a unit vector, float32 (dim,), by cosine distance.

    The HNSW index is used where there is one, unless `exact` is set or k is over what it returns;
    without an ef_search, at the width it was tuned to.
    """
    with session.transaction() as connection:
        exact = exact or k > MAX_EF_SEARCH or not has_index(connection, backbone)
        used = None
        if exact:
            query = exact_neighbours(backbone, vector, k)
        else:
            query = index_neighbours(backbone, vector, k)
            if ef_search is None:
                ef_search = ef_search_of(connection, backbone)
            used = width(k, ef_search)
            set_width(connection, used)
        rows = connection.execute(_described(query)).all()
        found = paths.usable_paths(connection, (row.media_id for row in rows))
    hits = [
        Hit(rank=rank, distance=float(row.distance), frame=_frame_ref(row, found))
        for rank, row in enumerate(rows, start=1)
    ]
    return Answer(hits=hits, exact=exact, ef_search=used)


def nearest_of_many(
    session: Session, backbone: BackboneRow, vectors: Vectors, k: int
) -> list[Answer]:
    """The k frames nearest to each of many unit vectors, float32 (q, dim), by exact comparison."""
    ids, distances = matrix.nearest_of_many(session, backbone, vectors, k)
    frames = frame_refs(session, set(ids.ravel().tolist()))
    return [
        Answer(
            hits=[
                Hit(rank=rank, distance=distance, frame=frames[frame_id])
                for rank, (frame_id, distance) in enumerate(
                    # A media may be forgotten between the two readings.
                    ((i, d) for i, d in zip(row, far, strict=True) if i in frames),
                    start=1,
                )
            ],
            exact=True,
        )
        for row, far in zip(ids.tolist(), distances.tolist(), strict=True)
    ]


def frame_refs(session: Session, frame_ids: Iterable[int]) -> dict[int, FrameRef]:
    """Frames of the gallery by frame_id; what is not there (any more) is left out."""
    query = (
        select(*_FRAME_COLUMNS)
        .join(schema.media, schema.media.c.media_id == schema.frame.c.media_id)
        .where(schema.frame.c.frame_id == any_(literal(sorted(frame_ids), ARRAY(BigInteger))))
    )
    with session.connect() as connection:
        rows = connection.execute(query).all()
        found = paths.usable_paths(connection, (row.media_id for row in rows))
    return {row.frame_id: _frame_ref(row, found) for row in rows}


def _frame_ref(row: Row[Any], found: dict[int, Path]) -> FrameRef:
    return FrameRef(
        frame_id=row.frame_id,
        path=str(found[row.media_id]),
        kind=MediaKind(row.kind),
        frame_index=row.frame_index,
        timestamp_s=row.timestamp_s,
        pts=row.pts,
    )
