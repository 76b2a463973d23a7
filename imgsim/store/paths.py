"""Where the files of media lie."""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from sqlalchemy import (
    ARRAY,
    BigInteger,
    ColumnElement,
    Connection,
    FromClause,
    LargeBinary,
    Select,
    Text,
    any_,
    bindparam,
    exists,
    func,
    literal,
    or_,
    select,
)
from sqlalchemy.dialects.postgresql import insert

from imgsim.store import schema
from imgsim.store.engine import Session

HOST = platform.node() or "localhost"
"""Paths mean something on one machine only."""

_SETTLED_NS = 2_000_000_000
"""FAT counts in steps of 2 s: a younger file may change again and show the same time."""


def is_settled(stat: os.stat_result) -> bool:
    """Whether a change of the file from now on will show in its modification time."""
    return 0 <= stat.st_mtime_ns <= time.time_ns() - _SETTLED_NS


def remember_paths(
    connection: Connection, seen: Sequence[tuple[int, Path, os.stat_result | None]]
) -> None:
    """Note that media lie at absolute paths on this machine now.

    Args:
        connection: in autocommit or a transaction.
        seen: for each path its media, which may have been deleted meanwhile: then nothing is noted;
            the path; and the status of the file before its content was read, if it was settled
            then: an unchanged file is known by it later on, without being read.
    """
    given: dict[str, ColumnElement[Any]] = {
        "media_id": bindparam("media", type_=BigInteger),
        "host": literal(HOST),
        "path_raw": bindparam("path_raw", type_=LargeBinary),
        "path": bindparam("path", type_=Text),
        "size_bytes": bindparam("size_bytes", type_=BigInteger),
        "mtime_ns": bindparam("mtime_ns", type_=BigInteger),
    }
    # The lock waits for whoever deletes the media; without it, the foreign key would refuse.
    there = (
        select(*given.values())
        .where(schema.media.c.media_id == given["media_id"])
        .with_for_update(read=True, key_share=True, of=schema.media)
    )
    statement = insert(schema.media_path).from_select(list(given), there)
    connection.execute(
        statement.on_conflict_do_update(
            index_elements=["host", "path_raw", "media_id"],
            set_={
                "seen_at": func.now(),
                "size_bytes": statement.excluded.size_bytes,
                "mtime_ns": statement.excluded.mtime_ns,
            },
        ),
        [
            {
                "media": media_id,
                "path_raw": os.fsencode(path),
                "path": readable(os.fsencode(path)),
                "size_bytes": stat.st_size if stat else None,
                "mtime_ns": stat.st_mtime_ns if stat else None,
            }
            for media_id, path, stat in seen
        ],
    )


def readable(raw: bytes | str) -> str:
    """Text that PostgreSQL takes: what is not UTF-8 is replaced, NUL too."""
    text = raw.decode("utf-8", "replace") if isinstance(raw, bytes) else raw
    return text.encode("utf-8", "replace").decode("utf-8").replace("\x00", "\ufffd")


def lies_at(path: Path) -> ColumnElement[bool]:
    """Whether a row of media_path is this absolute path, or lies in this folder at any depth."""
    raw, separator = os.fsencode(path), os.fsencode(os.sep)
    inside = raw if raw.endswith(separator) else raw + separator
    after = inside[:-1] + bytes([inside[-1] + 1])  # the first that no longer begins so
    column = schema.media_path.c.path_raw
    return or_(column == raw, (column >= inside) & (column < after))


def taken_over(own: FromClause) -> ColumnElement[bool]:
    """Whether another content was seen later at the path of a row of media_path."""
    later = schema.media_path.alias("later")
    return exists().where(
        later.c.host == own.c.host,
        later.c.path_raw == own.c.path_raw,
        later.c.seen_at > own.c.seen_at,
    )


def media_at_paths(session: Session, wanted: Iterable[Path]) -> dict[Path, int]:
    """The media that lie at absolute paths of this machine now; other paths are left out."""
    own = schema.media_path.alias("own")
    raw = [os.fsencode(path) for path in wanted]
    query = select(own.c.path_raw, own.c.media_id).where(
        own.c.host == HOST,
        own.c.path_raw == any_(literal(raw, ARRAY(LargeBinary))),
        ~taken_over(own),
    )
    with session.connect() as connection:
        return {Path(os.fsdecode(row.path_raw)): row.media_id for row in connection.execute(query)}


def _paths(media_ids: list[int]) -> Select[Any]:
    """Paths of media, best first: of this machine, not taken over by another content, oldest."""
    own = schema.media_path.alias("own")
    return (
        select(own.c.media_id, own.c.path_raw)
        .where(own.c.media_id == any_(literal(media_ids, ARRAY(BigInteger))))
        .order_by(own.c.host != HOST, taken_over(own), own.c.media_path_id)
    )


def usable_paths(connection: Connection, media_ids: Iterable[int]) -> dict[int, Path]:
    """For each media the first of its paths whose file is there, else the first."""
    found: dict[int, list[Path]] = {}
    for media_id, raw in connection.execute(_paths(sorted(set(media_ids)))):
        found.setdefault(media_id, []).append(Path(os.fsdecode(raw)))
    return {
        media_id: next((path for path in paths if os.path.exists(path)), paths[0])  # noqa: PTH110 - Path.exists raises where a folder is closed
        for media_id, paths in found.items()
    }
