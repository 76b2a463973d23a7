"""Getting media into the gallery: claim, stage, publish.

A media is claimed by a session advisory lock on its content, so that no row lock or snapshot is
held for the hours a film takes. Batches are copied into staging in autocommit. One short
transaction then publishes the media: a crash leaves it whole or absent.
"""

from __future__ import annotations

import hashlib
import os
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Select, Table, func, select
from sqlalchemy.dialects.postgresql import insert

from imgsim.domain import HalfVectors, MediaInfo, MediaStatus
from imgsim.store import engine, schema
from imgsim.store.engine import Session
from imgsim.store.index_upkeep import IndexUpkeep
from imgsim.store.paths import readable, remember_path
from imgsim.store.registry import BackboneRow
from imgsim.store.staging import FRAME_COLUMNS, FrameRow, Staging


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


@contextmanager
def open_writer(
    session: Session,
    backbones: Sequence[BackboneRow],
    notice: Callable[[str], None] = lambda _text: None,
) -> Iterator[Writer]:
    """A writer on a connection of its own; what was claimed or staged goes with it.

    `notice` is told what becomes of indexes.
    """
    with session.connect() as connection:
        try:
            yield Writer(connection, backbones, notice)
        finally:
            # Back in the pool, the connection would keep its temporary tables and claims.
            connection.invalidate()


class Writer:
    """Puts media into the gallery over one connection; made by `open_writer`."""

    def __init__(
        self,
        connection: Connection,
        backbones: Sequence[BackboneRow],
        notice: Callable[[str], None],
    ) -> None:
        """Create the connection's staging tables."""
        self.connection = connection
        self._backbones = {row.backbone_id: row for row in backbones}
        self._upkeep = {row.backbone_id: IndexUpkeep(row, notice) for row in backbones}
        self._staged: Counter[tuple[int, int]] = Counter()  # by backbone and media, embeddings
        self._staging = Staging(connection, backbones)
        self._claims: set[str] = set()

    def claim(self, content_id: str, *, wait: bool) -> bool:
        """Reserve a content; False when another connection has it, or this one already.

        Wait only while no other claim is held: two connections that wait for each other's claims
        would never end.
        """
        if content_id in self._claims:
            return False
        lock = func.pg_advisory_lock if wait else func.pg_try_advisory_lock
        granted = self.connection.execute(select(lock(lock_key(content_id)))).scalar_one()
        if granted is False:
            return False
        self._claims.add(content_id)
        return True

    def release(self, content_id: str) -> None:
        """Give a claimed content back."""
        self.connection.execute(select(func.pg_advisory_unlock(lock_key(content_id))))
        self._claims.discard(content_id)
        if not self._claims:
            self._staging.clear()
            self._staged.clear()

    def stage_frames(self, media: int, frames: Sequence[FrameRow]) -> None:
        """Put kept frames aside. `media` is a number that the run gives each of its media."""
        self._staging.add_frames(media, frames)

    def stage_embeddings(
        self, backbone_id: int, media: Sequence[int], indices: Sequence[int], vectors: HalfVectors
    ) -> None:
        """Put unit vectors, float16 (n, dim), aside; the frames may be of several media."""
        self._staging.add_embeddings(backbone_id, media, indices, vectors)
        self._staged.update((backbone_id, number) for number in media)

    def publish(
        self, media: int, outcome: MediaOutcome, sampling: str, embedded: dict[int, int]
    ) -> None:
        """Make a staged media visible, in one transaction.

        Args:
            media: its number in staging.
            outcome: how decoding it ended.
            sampling: key of the sampling rule.
            embedded: by backbone_id, how many frames of the sampling have an embedding.
        """
        rows = {key: self._staged.pop((key, media), 0) for key in embedded}
        for backbone_id, count in rows.items():
            self._upkeep[backbone_id].make_way(self.connection, count)
        with engine.transaction(self.connection):
            media_id = _upsert_media(self.connection, outcome)
            remember_path(self.connection, media_id, outcome.path, outcome.file_status)
            self._insert_new(
                schema.frame, ["media_id", *FRAME_COLUMNS], self._staging.frames(media, media_id)
            )
            for backbone_id, count in embedded.items():
                began = time.monotonic()
                self._insert_new(
                    self._backbones[backbone_id].table,
                    ["frame_id", "embedding"],
                    self._staging.embeddings(backbone_id, media, media_id),
                )
                self._upkeep[backbone_id].added(rows[backbone_id], time.monotonic() - began)
                _upsert_coverage(self.connection, media_id, backbone_id, sampling, count, outcome)

    def record_failure(self, outcome: MediaOutcome) -> None:
        """Note a content of which nothing could be decoded; one that was decoded before stays."""
        with engine.transaction(self.connection):
            media_id = _upsert_media(self.connection, outcome)
            remember_path(self.connection, media_id, outcome.path, outcome.file_status)

    def _insert_new(self, table: Table, columns: list[str], rows: Select[Any]) -> None:
        statement = insert(table).from_select(columns, rows)
        self.connection.execute(statement.on_conflict_do_nothing())


def lock_key(content_id: str) -> int:
    """An advisory lock's key: 64 bits, signed."""
    return int.from_bytes(hashlib.sha256(content_id.encode()).digest()[:8], "big", signed=True)


def _upsert_media(connection: Connection, outcome: MediaOutcome) -> int:
    """Insert or refresh the row of a media; a failure never overwrites what was decoded before."""
    values = {
        "content_id": outcome.content_id,
        "status": outcome.status.value,
        "detail": readable(outcome.detail) if outcome.detail else None,
        "decoded_frames": outcome.decoded_frames,
        **_described(outcome.info),
    }
    statement = insert(schema.media).values(values)
    refreshed = statement.on_conflict_do_update(
        index_elements=["content_id"],
        set_={**{name: statement.excluded[name] for name in values}, "ingested_at": func.now()},
        where=schema.media.c.status.in_(["pending", "failed"])
        | (statement.excluded.status != MediaStatus.FAILED.value),
    )
    connection.execute(refreshed)
    found = select(schema.media.c.media_id).where(schema.media.c.content_id == outcome.content_id)
    return int(connection.execute(found).scalar_one())


def _described(info: MediaInfo | None) -> dict[str, Any]:
    if info is None:
        return {}
    return {
        "kind": info.kind.value,
        "width": info.width,
        "height": info.height,
        "duration_s": info.duration_s,
        "frame_rate": info.frame_rate,
        "codec": info.codec,
        "declared_frames": info.declared_frames,
        "stream_index": info.stream_index,
        "time_base_num": info.time_base.numerator if info.time_base else None,
        "time_base_den": info.time_base.denominator if info.time_base else None,
    }


def _upsert_coverage(
    connection: Connection,
    media_id: int,
    backbone_id: int,
    sampling: str,
    embedded: int,
    outcome: MediaOutcome,
) -> None:
    statement = insert(schema.coverage).values(
        media_id=media_id,
        backbone_id=backbone_id,
        sampling=sampling,
        status=outcome.status.value,
        embedded=embedded,
        detail=readable(outcome.detail) if outcome.detail else None,
    )
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
        )
    )
