"""Temporary tables that batches are copied into, before their media is published.

They belong to one connection and vanish with it. A row carries the number that the run gave its
media, because several media may be under way at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pgvector import HalfVector
from sqlalchemy import (
    ARRAY,
    BigInteger,
    Column,
    Connection,
    Integer,
    MetaData,
    Select,
    Table,
    TableValuedAlias,
    func,
    literal,
    select,
    text,
)
from sqlalchemy.schema import CreateTable

from imgsim.domain import HalfVectors
from imgsim.store import engine, schema
from imgsim.store.registry import BackboneRow

FRAME_COLUMNS = ("frame_index", "pts", "timestamp_s", "is_blank", "thumbnail")


@dataclass(frozen=True, kw_only=True, slots=True)
class FrameRow:
    """A kept frame, ready for the frame table."""

    frame_index: int
    pts: int | None
    timestamp_s: float | None
    is_blank: bool
    thumbnail: bytes  # JPEG


class Staging:
    """The staging tables of one connection: one for frames, one for each backbone."""

    def __init__(self, connection: Connection, backbones: Sequence[BackboneRow]) -> None:
        """Create the tables."""
        self._connection = connection
        self._raw = engine.raw(connection)
        self._used = False  # whether there is anything to clear
        metadata = MetaData()
        self._frames = _table(
            metadata, "staging_frame", [schema.frame.c[name] for name in FRAME_COLUMNS]
        )
        self._embeddings = {
            row.backbone_id: _table(
                metadata,
                f"staging_embedding_{row.backbone_id}",
                [schema.frame.c.frame_index, row.table.c.embedding],
            )
            for row in backbones
        }
        for table in metadata.tables.values():
            connection.execute(CreateTable(table))

    def add_frames(self, frames: Sequence[tuple[int, FrameRow]]) -> None:
        """Copy frames in, each with the number of its media."""
        types = ["int4", "int4", "int8", "float8", "bool", "bytea"]
        self._copy(
            self._frames,
            types,
            [
                (media, f.frame_index, f.pts, f.timestamp_s, f.is_blank, f.thumbnail)
                for media, f in frames
            ],
        )

    def add_embeddings(
        self, backbone_id: int, media: Sequence[int], indices: Sequence[int], vectors: HalfVectors
    ) -> None:
        """Copy embeddings, float16 (n, dim), of frames given by media number and frame index in."""
        self._copy(
            self._embeddings[backbone_id],
            ["int4", "int4", "halfvec"],
            [
                (number, index, HalfVector(vector))
                for number, index, vector in zip(media, indices, vectors, strict=True)
            ],
        )

    def frames(self, media: Sequence[int], media_ids: Sequence[int]) -> Select[Any]:
        """Rows for imgsim.frame, of media with the keys under which they are published."""
        staged, published = self._frames.c, _published(media, media_ids)
        return (
            select(published.c.media_id, *(staged[name] for name in FRAME_COLUMNS))
            .where(staged.media_number == published.c.media_number)
            .order_by(staged.media_number, staged.frame_index)
        )

    def embeddings(
        self, backbone_id: int, media: Sequence[int], media_ids: Sequence[int]
    ) -> Select[Any]:
        """Rows for an embedding table, of frames that are in imgsim.frame already."""
        staged, frame = self._embeddings[backbone_id].c, schema.frame.c
        published = _published(media, media_ids)
        return (
            select(frame.frame_id, staged.embedding)
            .where(
                staged.media_number == published.c.media_number,
                frame.media_id == published.c.media_id,
                frame.frame_index == staged.frame_index,
            )
            .order_by(func.hashint8(frame.frame_id))  # see row_order
        )

    def clear(self) -> None:
        """Empty all tables; TRUNCATE, since no vacuum ever visits temporary tables."""
        if not self._used:
            return
        self._used = False
        names = ", ".join(f"pg_temp.{table.name}" for table in self._tables())
        self._connection.execute(text(f"TRUNCATE {names}"))

    def _tables(self) -> list[Table]:
        return [self._frames, *self._embeddings.values()]

    def _copy(self, table: Table, types: list[str], rows: Sequence[tuple[Any, ...]]) -> None:
        """Binary COPY: as text, vectors are 15 times slower."""
        with (
            self._raw.cursor() as cursor,
            cursor.copy(f"COPY pg_temp.{table.name} FROM STDIN (FORMAT BINARY)".encode()) as copy,
        ):
            self._used = True
            copy.set_types(types)
            for row in rows:
                copy.write_row(row)


def _published(media: Sequence[int], media_ids: Sequence[int]) -> TableValuedAlias:
    """A row for each media: its number in staging and its key."""
    return (
        func.unnest(
            literal(list(media), ARRAY(Integer)), literal(list(media_ids), ARRAY(BigInteger))
        )
        .table_valued("media_number", "media_id")
        .render_derived(name="published")
    )


def _table(metadata: MetaData, name: str, columns: Sequence[Column[Any]]) -> Table:
    """A temporary table with these columns' names and types, and the media's number before."""
    return Table(
        name,
        metadata,
        Column("media_number", Integer, nullable=False),
        *(Column(column.name, column.type) for column in columns),
        prefixes=["TEMPORARY"],
    )
