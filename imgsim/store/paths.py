"""Where the files of media lie."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from sqlalchemy import ARRAY, BigInteger, Connection, Select, any_, exists, func, literal, select
from sqlalchemy.dialects.postgresql import insert

from imgsim.store import schema

HOST = platform.node() or "localhost"
"""Paths mean something on one machine only."""


def remember_path(connection: Connection, media_id: int, path: Path) -> None:
    """Note that a media lies at an absolute path on this machine now."""
    raw = os.fsencode(path)
    statement = insert(schema.media_path).values(
        media_id=media_id, host=HOST, path_raw=raw, path=readable(raw)
    )
    connection.execute(
        statement.on_conflict_do_update(
            index_elements=["host", "path_raw", "media_id"], set_={"seen_at": func.now()}
        )
    )


def readable(raw: bytes | str) -> str:
    """Text that PostgreSQL takes: what is not UTF-8 is replaced, NUL too."""
    text = raw.decode("utf-8", "replace") if isinstance(raw, bytes) else raw
    return text.encode("utf-8", "replace").decode("utf-8").replace("\x00", "\ufffd")


def _paths(media_ids: list[int]) -> Select[Any]:
    """Paths of media, best first: of this machine, not taken over by another content, oldest."""
    own, later = schema.media_path.alias("own"), schema.media_path.alias("later")
    taken_over = exists().where(
        later.c.host == own.c.host,
        later.c.path_raw == own.c.path_raw,
        later.c.seen_at > own.c.seen_at,
    )
    return (
        select(own.c.media_id, own.c.path_raw)
        .where(own.c.media_id == any_(literal(media_ids, ARRAY(BigInteger))))
        .order_by(own.c.host != HOST, taken_over, own.c.media_path_id)
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
