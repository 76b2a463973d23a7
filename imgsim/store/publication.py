"""Making staged media visible, many of them in one transaction.

A photo is one row in each of several tables: published one by one, a folder of photos would spend
as much time in statements as in networks.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import (
    ARRAY,
    Connection,
    Select,
    Table,
    Text,
    any_,
    bindparam,
    func,
    literal,
    select,
)
from sqlalchemy.dialects.postgresql import insert

from imgsim.domain import MediaInfo, MediaStatus
from imgsim.store import schema
from imgsim.store.paths import readable


@dataclass(frozen=True, kw_only=True, slots=True)
class MediaOutcome:
    """How decoding a media ended."""

    content_id: str
    path: Path  # absolute
    file_status: os.stat_result | None  # of the file when it was read; None: not to be relied on
    info: MediaInfo | None  # None when it could not be opened
    status: MediaStatus
    decoded_frames: int
    detail: str | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Publication:
    """A media that is ready to become visible; one that failed has only its outcome."""

    number: int  # in staging
    outcome: MediaOutcome
    sampling: str = ""  # key of the rule
    embedded: dict[int, int] = field(default_factory=dict)
    """By backbone_id: frames of the sampling that have an embedding."""


def upsert_media(connection: Connection, outcomes: Sequence[MediaOutcome]) -> list[int]:
    """Insert or refresh the row of each media; gives their media_id.

    A failure never overwrites what was decoded before.
    """
    columns = ["content_id", "status", "detail", "decoded_frames", *_described(None)]
    statement = insert(schema.media).values({name: bindparam(name) for name in columns})
    new, old = statement.excluded, schema.media.c
    told = {name: new[name] for name in ("status", "detail", "decoded_frames")}
    described = {name: func.coalesce(new[name], old[name]) for name in _described(None)}
    connection.execute(
        statement.on_conflict_do_update(
            index_elements=["content_id"],
            set_={**told, **described, "ingested_at": func.now()},
            where=(old.status == MediaStatus.FAILED.value)
            | (old.status == "pending")
            | (new.status != MediaStatus.FAILED.value),
        ),
        [_media_row(outcome) for outcome in outcomes],
    )
    wanted = [outcome.content_id for outcome in outcomes]
    found = connection.execute(
        select(old.content_id, old.media_id).where(
            old.content_id == any_(literal(wanted, ARRAY(Text)))
        )
    )
    ids = {row.content_id: row.media_id for row in found}
    return [ids[content_id] for content_id in wanted]


def _media_row(outcome: MediaOutcome) -> dict[str, Any]:
    return {
        "content_id": outcome.content_id,
        "status": outcome.status.value,
        "detail": readable(outcome.detail) if outcome.detail else None,
        "decoded_frames": outcome.decoded_frames,
        **_described(outcome.info),
    }


def _described(info: MediaInfo | None) -> dict[str, Any]:
    time_base = info.time_base if info else None
    return {
        "kind": info.kind.value if info else None,
        "width": info.width if info else None,
        "height": info.height if info else None,
        "duration_s": info.duration_s if info else None,
        "frame_rate": info.frame_rate if info else None,
        "codec": info.codec if info else None,
        "declared_frames": info.declared_frames if info else None,
        "stream_index": info.stream_index if info else None,
        "time_base_num": time_base.numerator if time_base else None,
        "time_base_den": time_base.denominator if time_base else None,
    }


def upsert_coverage(connection: Connection, published: Sequence[tuple[int, Publication]]) -> None:
    """Note what was embedded of media, given with their media_id."""
    rows = [
        {
            "media_id": media_id,
            "backbone_id": backbone_id,
            "sampling": each.sampling,
            "status": each.outcome.status.value,
            "embedded": count,
            "detail": readable(each.outcome.detail) if each.outcome.detail else None,
        }
        for media_id, each in published
        for backbone_id, count in each.embedded.items()
    ]
    if not rows:
        return
    statement = insert(schema.coverage).values({name: bindparam(name) for name in rows[0]})
    new = statement.excluded
    connection.execute(
        statement.on_conflict_do_update(
            index_elements=["media_id", "backbone_id", "sampling"],
            set_={
                "status": new.status,
                "embedded": new.embedded,
                "detail": new.detail,
                "completed_at": func.now(),
            },
        ),
        rows,
    )


def insert_new(connection: Connection, table: Table, columns: list[str], rows: Select[Any]) -> None:
    """Insert the rows of a query that are not there yet."""
    statement = insert(table).from_select(columns, rows)
    connection.execute(statement.on_conflict_do_nothing())
