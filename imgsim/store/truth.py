"""Finding the frame that a query is known to show, and the frames around it."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Select, select

from imgsim.comparison import TrueFrame, TruthSource
from imgsim.store import paths, schema
from imgsim.store.engine import Session
from imgsim.store.registry import BackboneRow


def kept_indices(session: Session, media_id: int) -> list[int]:
    """The indices of a media's frames in the gallery, in order."""
    query = (
        select(schema.frame.c.frame_index)
        .where(schema.frame.c.media_id == media_id)
        .order_by(schema.frame.c.frame_index)
    )
    with session.connect() as connection:
        return list(connection.execute(query).scalars())


def frame_of_media(session: Session, media_id: int, frame_index: int) -> TrueFrame | None:
    """A frame that was named; None where the gallery has not kept it."""
    query = _frames().where(
        schema.frame.c.media_id == media_id, schema.frame.c.frame_index == frame_index
    )
    return _one(session, query, TruthSource.GIVEN)


def frame_of_content(session: Session, sha256: str) -> TrueFrame | None:
    """The frame of the image with these bytes; None where the gallery has no such image."""
    query = _frames().where(
        schema.media.c.content_id == f"sha256:{sha256}",
        schema.media.c.kind == "image",
        schema.frame.c.frame_index == 0,
    )
    return _one(session, query, TruthSource.CONTENT)


def frame_by_id(session: Session, frame_id: int) -> TrueFrame | None:
    """A frame that was recognised; None where it is gone meanwhile."""
    query = _frames().where(schema.frame.c.frame_id == frame_id)
    return _one(session, query, TruthSource.CONTENT)


def embedded_frames(session: Session, backbone: BackboneRow, media_id: int) -> list[int]:
    """The frame_ids of a media that a backbone has embedded, in order of time."""
    frame, table = schema.frame, backbone.table
    query = (
        select(frame.c.frame_id)
        .join(table, table.c.frame_id == frame.c.frame_id)
        .where(frame.c.media_id == media_id)
        .order_by(frame.c.frame_index)
    )
    with session.connect() as connection:
        return list(connection.execute(query).scalars())


def _frames() -> Select[Any]:
    frame, media = schema.frame, schema.media
    return select(
        frame.c.frame_id, frame.c.media_id, frame.c.frame_index, frame.c.timestamp_s
    ).join(media, media.c.media_id == frame.c.media_id)


def _one(session: Session, query: Select[Any], source: TruthSource) -> TrueFrame | None:
    with session.connect() as connection:
        row = connection.execute(query).one_or_none()
        if row is None:
            return None
        found = paths.usable_paths(connection, [row.media_id])
    return TrueFrame(**row._mapping, path=str(found[row.media_id]), source=source)
