"""Getting media into the gallery: claim, stage, publish.

A media is claimed by a session advisory lock on its content, so that no row lock or snapshot is
held for the hours a film takes. Batches are copied into staging in autocommit. One short
transaction then publishes what is complete: a crash leaves a media whole or absent.
"""

from __future__ import annotations

import hashlib
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from sqlalchemy import ARRAY, BigInteger, Connection, bindparam, func, select

from imgsim.domain import HalfVectors
from imgsim.store import engine, schema
from imgsim.store.engine import Session
from imgsim.store.index_upkeep import IndexUpkeep
from imgsim.store.paths import remember_paths
from imgsim.store.publication import Publication, insert_new, upsert_coverage, upsert_media
from imgsim.store.registry import BackboneRow
from imgsim.store.staging import FRAME_COLUMNS, FrameRow, Staging


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
        self._open: set[int] = set()  # media with staged frames
        self._staging = Staging(connection, backbones)
        self._claims: set[str] = set()

    def claim(self, content_ids: Sequence[str]) -> set[str]:
        """Reserve contents, without waiting; gives those that are reserved now.

        The others are claimed by another connection, or by this one already.
        """
        keys = {lock_key(each): each for each in content_ids if each not in self._claims}
        granted = self.connection.execute(
            select(_KEYS.c.key).where(func.pg_try_advisory_lock(_KEYS.c.key)),
            {"keys": list(keys)},
        )
        claimed = {keys[key] for key in granted.scalars()}
        self._claims |= claimed
        return claimed

    def claim_patiently(self, content_id: str) -> None:
        """Reserve a content, however long another connection has it.

        Only while no claim is held: two connections that wait for each other's would never end.
        """
        if self._claims:
            raise ValueError("a claim is held already")
        self.connection.execute(select(func.pg_advisory_lock(lock_key(content_id))))
        self._claims.add(content_id)

    def release(self, content_ids: Sequence[str]) -> None:
        """Give claimed contents back."""
        self.connection.execute(
            select(func.pg_advisory_unlock(_KEYS.c.key)),
            {"keys": [lock_key(each) for each in content_ids]},
        ).all()
        self._claims.difference_update(content_ids)

    def stage_frames(self, frames: Sequence[tuple[int, FrameRow]]) -> None:
        """Put kept frames aside, each with the number that the run gave its media."""
        self._staging.add_frames(frames)
        self._open.update(number for number, _ in frames)

    def stage_embeddings(
        self, backbone_id: int, media: Sequence[int], indices: Sequence[int], vectors: HalfVectors
    ) -> None:
        """Put unit vectors, float16 (n, dim), aside; the frames may be of several media."""
        self._staging.add_embeddings(backbone_id, media, indices, vectors)
        self._staged.update((backbone_id, number) for number in media)

    def publish(self, ready: Sequence[Publication], dropped: Sequence[int] = ()) -> None:
        """Make staged media visible, all of them in one transaction.

        Args:
            ready: media whose last frame is staged, and media that failed.
            dropped: numbers of media of which nothing may be stored.
        """
        numbers = [each.number for each in ready]
        rows = {
            key: sum(self._staged.pop((key, number), 0) for number in numbers)
            for key in self._backbones
        }
        for backbone_id, count in rows.items():
            self._upkeep[backbone_id].make_way(self.connection, count)
        if ready:
            self._publish(ready, numbers, rows)
        self._open.difference_update(numbers, dropped)
        if not self._open:
            self._staging.clear()
            self._staged.clear()

    def _publish(
        self, ready: Sequence[Publication], numbers: list[int], rows: dict[int, int]
    ) -> None:
        connection = self.connection
        with engine.transaction(connection):
            outcomes = [each.outcome for each in ready]
            ids = upsert_media(connection, outcomes)
            remember_paths(
                connection,
                [
                    (key, each.path, each.file_status)
                    for key, each in zip(ids, outcomes, strict=True)
                ],
            )
            insert_new(
                connection,
                schema.frame,
                ["media_id", *FRAME_COLUMNS],
                self._staging.frames(numbers, ids),
            )
            for backbone_id, count in rows.items():
                if not count:
                    continue
                began = time.monotonic()
                insert_new(
                    connection,
                    self._backbones[backbone_id].table,
                    ["frame_id", "embedding"],
                    self._staging.embeddings(backbone_id, numbers, ids),
                )
                self._upkeep[backbone_id].added(count, time.monotonic() - began)
            upsert_coverage(connection, list(zip(ids, ready, strict=True)))


_KEYS = (
    func.unnest(bindparam("keys", type_=ARRAY(BigInteger)))
    .table_valued("key")
    .render_derived(name="keys")
)


def lock_key(content_id: str) -> int:
    """An advisory lock's key: 64 bits, signed."""
    return int.from_bytes(hashlib.sha256(content_id.encode()).digest()[:8], "big", signed=True)
