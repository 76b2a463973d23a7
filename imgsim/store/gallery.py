"""What the gallery already holds, so that nothing is done twice."""

from __future__ import annotations

import os
import platform
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Select, Table, func, select
from sqlalchemy.dialects.postgresql import insert

from imgsim.domain import MediaStatus
from imgsim.store import schema
from imgsim.store.engine import Session
from imgsim.store.registry import BackboneRow

HOST = platform.node() or "localhost"
"""Paths mean something on one machine only."""


@dataclass(frozen=True, kw_only=True, slots=True)
class StoredMedia:
    """A media as the gallery has it."""

    media_id: int
    status: MediaStatus
    decoded_frames: int
    detail: str | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Survey:
    """What the gallery has of a content, for some backbones and one sampling."""

    media: StoredMedia | None  # None: the content was never seen
    covered: dict[int, int]  # backbone_id of what is done -> frames with an embedding
    present: dict[int, set[int]]  # backbone_id of what is not -> frame indices that are embedded


@dataclass(frozen=True, kw_only=True, slots=True)
class Counts:
    """How much the gallery holds."""

    media: int
    frames: int
    embeddings: dict[str, int]  # by slug


def find_media(connection: Connection, content_id: str) -> StoredMedia | None:
    """The media with this content; None when it was never seen."""
    columns = schema.media.c
    row = connection.execute(
        select(columns.media_id, columns.status, columns.decoded_frames, columns.detail).where(
            columns.content_id == content_id
        )
    ).one_or_none()
    if row is None:
        return None
    return StoredMedia(
        media_id=row.media_id,
        status=MediaStatus(row.status),
        decoded_frames=row.decoded_frames,
        detail=row.detail,
    )


def survey(
    connection: Connection, content_id: str, backbones: Sequence[BackboneRow], sampling: str
) -> Survey:
    """Find out what is left to do for a content."""
    media = find_media(connection, content_id)
    covered: dict[int, int] = {}
    present: dict[int, set[int]] = {}
    for row in backbones:
        done = _covered(connection, media.media_id, row, sampling) if media else None
        if done is not None:
            covered[row.backbone_id] = done
        else:
            present[row.backbone_id] = (
                _embedded_indices(connection, media.media_id, row) if media else set()
            )
    return Survey(media=media, covered=covered, present=present)


def _covered(
    connection: Connection, media_id: int, backbone: BackboneRow, sampling: str
) -> int | None:
    columns = schema.coverage.c
    return connection.execute(
        select(columns.embedded).where(
            columns.media_id == media_id,
            columns.backbone_id == backbone.backbone_id,
            columns.sampling == sampling,
        )
    ).scalar_one_or_none()


def _embedded_indices(connection: Connection, media_id: int, backbone: BackboneRow) -> set[int]:
    """The frame indices of a media that this backbone has embedded, by any sampling."""
    frame, table = schema.frame, backbone.table
    query = (
        select(frame.c.frame_index)
        .join(table, table.c.frame_id == frame.c.frame_id)
        .where(frame.c.media_id == media_id)
    )
    return set(connection.execute(query).scalars())


def remember_path(connection: Connection, media_id: int, path: Path) -> None:
    """Note that a media lies at an absolute path on this machine now."""
    values = {
        "media_id": media_id,
        "host": HOST,
        "path_raw": os.fsencode(path),
        "path": readable(os.fsencode(path)),
    }
    statement = insert(schema.media_path).values(values)
    connection.execute(
        statement.on_conflict_do_update(
            index_elements=["host", "path_raw"],
            set_={"media_id": statement.excluded.media_id, "seen_at": func.now()},
        )
    )


def readable(raw: bytes | str) -> str:
    """Text that PostgreSQL takes: what is not UTF-8 is replaced, NUL too."""
    text = raw.decode("utf-8", "replace") if isinstance(raw, bytes) else raw
    return text.encode("utf-8", "replace").decode("utf-8").replace("\x00", "\ufffd")


def paths_of(connection: Connection, media_ids: set[int]) -> dict[int, list[Path]]:
    """The paths of each media, oldest first, those of this machine before others'."""
    columns = schema.media_path.c
    query: Select[Any] = (
        select(columns.media_id, columns.path_raw)
        .where(columns.media_id.in_(media_ids))
        .order_by((columns.host != HOST), columns.media_path_id)
    )
    found: dict[int, list[Path]] = {}
    for media_id, raw in connection.execute(query):
        found.setdefault(media_id, []).append(Path(os.fsdecode(raw)))
    return found


def first_present(paths: list[Path]) -> Path:
    """The path to use for a media: the first whose file exists, else the first."""
    return next((path for path in paths if path.exists()), paths[0])


def thumbnails(session: Session, frame_ids: Sequence[int]) -> dict[int, bytes]:
    """The JPEG thumbnails of frames, by frame_id."""
    columns = schema.frame.c
    query = select(columns.frame_id, columns.thumbnail).where(columns.frame_id.in_(frame_ids))
    with session.connect() as connection:
        return {row.frame_id: bytes(row.thumbnail) for row in connection.execute(query)}


def counts(session: Session, backbones: list[BackboneRow]) -> Counts:
    """Count media, frames and embeddings."""

    def size(connection: Connection, table: Table) -> int:
        return connection.execute(select(func.count()).select_from(table)).scalar_one()

    with session.connect() as connection:
        return Counts(
            media=size(connection, schema.media),
            frames=size(connection, schema.frame),
            embeddings={row.slug: size(connection, row.table) for row in backbones},
        )
