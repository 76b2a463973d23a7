"""Taking paths out of the gallery, and the media whose last path that was.

Frames, embeddings and coverage go with their media (foreign keys cascade). A few media share a
transaction, so that nobody waits long for their rows. A content that an ingest has claimed is left
alone: what it is about to add may rest on frames that are there already.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import (
    ARRAY,
    BigInteger,
    ColumnElement,
    Connection,
    any_,
    delete,
    exists,
    func,
    literal,
    select,
)

from imgsim.domain import Removal
from imgsim.store import engine, schema
from imgsim.store.engine import Session
from imgsim.store.paths import HOST, lies_at
from imgsim.store.write import lock_key

_MEDIA_AT_ONCE = 100


@dataclass(frozen=True, kw_only=True, slots=True)
class PathHere:
    """A path of this machine at which a media was seen; a path may have had several."""

    media_path_id: int
    media_id: int
    content_id: str
    path: str  # absolute


def paths_here(session: Session, at: Path | None = None) -> list[PathHere]:
    """The paths of this machine, in order; only this path and what lies below it if given."""
    place = schema.media_path.c
    query = (
        select(place.media_path_id, place.media_id, schema.media.c.content_id, place.path_raw)
        .join(schema.media, schema.media.c.media_id == place.media_id)
        .where(place.host == HOST)
        .order_by(place.path_raw, place.media_path_id)
    )
    if at is not None:
        query = query.where(lies_at(at))
    with session.connect() as connection:
        return [
            PathHere(
                media_path_id=row.media_path_id,
                media_id=row.media_id,
                content_id=row.content_id,
                path=os.fsdecode(row.path_raw),
            )
            for row in connection.execute(query)
        ]


def remove(session: Session, paths: Sequence[PathHere]) -> tuple[Removal, list[PathHere]]:
    """Take paths out; media that have no path left on any machine are deleted.

    Returns:
        What went, and the paths that stay because an ingest has their content in hand.
    """
    of_media: dict[int, list[PathHere]] = {}
    for path in paths:
        of_media.setdefault(path.media_id, []).append(path)
    media_ids = sorted(of_media)
    gone: set[str] = set()
    media = frames = 0
    busy: list[PathHere] = []
    for start in range(0, len(media_ids), _MEDIA_AT_ONCE):
        some = [path for key in media_ids[start : start + _MEDIA_AT_ONCE] for path in of_media[key]]
        with session.connect() as connection, engine.transaction(connection):
            free = _claim(connection, {path.content_id for path in some})
            ready = [path for path in some if path.content_id in free]
            more_media, more_frames = _remove(connection, ready)
        gone.update(path.path for path in ready)
        busy += [path for path in some if path.content_id not in free]
        media, frames = media + more_media, frames + more_frames
    return Removal(paths=len(gone), media=media, frames=frames), busy


def _claim(connection: Connection, content_ids: set[str]) -> set[str]:
    """The contents that nobody else has claimed; they are ours until the transaction ends."""
    content_of = {lock_key(content_id): content_id for content_id in content_ids}
    key = func.unnest(literal(list(content_of), ARRAY(BigInteger))).column_valued("key")
    rows = connection.execute(select(key, func.pg_try_advisory_xact_lock(key)))
    return {content_of[number] for number, granted in rows if granted}


def _remove(connection: Connection, paths: Sequence[PathHere]) -> tuple[int, int]:
    """Delete these rows and media without any; returns how many media, and frames of theirs."""
    media, place, frame = schema.media, schema.media_path, schema.frame
    media_ids = _among({path.media_id for path in paths})
    # Media before paths, as `remember_paths` locks them: a path that is noted just now either is
    # there for the statement below, or finds its media gone.
    connection.execute(
        select(media.c.media_id)
        .where(media.c.media_id == media_ids)
        .order_by(media.c.media_id)
        .with_for_update()
    )
    rows = _among({path.media_path_id for path in paths})
    connection.execute(delete(place).where(place.c.media_path_id == rows))
    lost = connection.scalars(
        select(media.c.media_id).where(
            media.c.media_id == media_ids, ~exists().where(place.c.media_id == media.c.media_id)
        )
    ).all()
    of_lost = select(func.count()).select_from(frame).where(frame.c.media_id == _among(set(lost)))
    frames = connection.execute(of_lost).scalar_one()
    connection.execute(delete(media).where(media.c.media_id == _among(set(lost))))
    return len(lost), frames


def _among(keys: set[int]) -> ColumnElement[Any]:
    return any_(literal(sorted(keys), ARRAY(BigInteger)))
