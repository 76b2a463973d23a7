"""Adding to a table that has its HNSW index: row by row, or without the index and a new one after.

A row costs several times more to insert into the graph than it does in a build, so a large load is
quicker without the index. How large a load becomes is not known before its end. Hence the rule of
ski rental (Karlin, Manasse, Rudolph and Sleator, 1988): insert until that has cost what building
anew would, then drop the index and have it built at the end. It costs at most twice the better way,
whatever comes. Searches compare every frame while there is no index.
"""

from __future__ import annotations

from collections.abc import Callable

import psycopg
from psycopg import sql
from sqlalchemy import Connection, func, select, text

from imgsim.store import engine, indexes, schema
from imgsim.store.registry import BackboneRow

INSERT_COST = 7.0
"""A row inserted costs as much as so many in a build; benchmarks/exact_or_hnsw.py measures 6 to 8.
Counts until this run has measured it."""

_MEASURED_FROM_ROWS = 500
_LOOK_EVERY_ROWS = 1000  # another process may drop or build the index
_LOCK_TIMEOUT = "1s"  # searches queue behind whoever waits for the table


class IndexUpkeep:
    """What adding to one embedding table costs in this run, and what to do about its index."""

    def __init__(self, backbone: BackboneRow, notice: Callable[[str], None]) -> None:
        """Watch the table of `backbone`; `notice` is told when its index is dropped."""
        self._backbone = backbone
        self._notice = notice
        self._rebuild_s: float | None = None  # None: there is no index to keep up
        self._build_row_s = 0.0
        self._rows = 0  # inserted into the index
        self._spent_s = 0.0
        self._since_look = _LOOK_EVERY_ROWS

    def make_way(self, connection: Connection, rows: int) -> None:
        """Before so many rows are added: drop the index where inserting them costs more."""
        self._since_look += rows
        if rows and self._since_look >= _LOOK_EVERY_ROWS:
            self._since_look = 0
            self._look(connection)
        if self._rebuild_s is None:
            return
        coming_s = rows * self._insert_row_s()
        if self._spent_s + coming_s > self._rebuild_s + rows * self._build_row_s:
            self._drop(connection)

    def added(self, rows: int, seconds: float) -> None:
        """Note what rows have cost, if there was an index to insert them into."""
        if self._rebuild_s is not None:
            self._rows += rows
            self._spent_s += seconds

    def _insert_row_s(self) -> float:
        if self._rows >= _MEASURED_FROM_ROWS:
            return self._spent_s / self._rows
        return INSERT_COST * self._build_row_s

    def _look(self, connection: Connection) -> None:
        """Find out whether there is an index, and what building it anew would take."""
        record, there = schema.hnsw_index.c, indexes.has_index(connection, self._backbone)
        built = connection.execute(
            select(record.rows, record.build_s).where(
                record.backbone_id == self._backbone.backbone_id
            )
        ).one_or_none()
        if not there or built is None or not built.rows:
            self._rebuild_s = None
            return
        self._build_row_s = built.build_s / built.rows
        self._rebuild_s = self._build_row_s * max(built.rows, self._estimated_rows(connection))

    def _estimated_rows(self, connection: Connection) -> float:
        """What the planner believes; counting a large table takes longer than a search."""
        estimate: float = connection.execute(
            text("SELECT reltuples FROM pg_class WHERE oid = to_regclass(:table)"),
            {"table": f"{schema.SCHEMA}.{self._backbone.table.name}"},
        ).scalar_one()
        return estimate

    def _drop(self, connection: Connection) -> None:
        """Drop the index; it stays until the next look if somebody is using the table just now."""
        name = sql.Identifier(schema.SCHEMA, indexes.index_name(self._backbone))
        try:
            with engine.transaction(connection):
                connection.execute(select(func.set_config("lock_timeout", _LOCK_TIMEOUT, True)))
                engine.raw(connection).execute(sql.SQL("DROP INDEX IF EXISTS {}").format(name))
        except psycopg.errors.LockNotAvailable:
            self._rebuild_s = None  # until the next look
            return
        self._rebuild_s = None
        self._rows, self._spent_s = 0, 0.0  # should another process build it meanwhile
        self._notice(
            f"so many frames are added that the index of {self._backbone.name} is quicker built "
            "anew at the end; searches compare every frame until then"
        )
