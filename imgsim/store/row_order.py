"""The order in which rows of an embedding table lie, which is that in which a graph grows.

Frames of a still scene, one after another, link to each other only, and no path leads to them: of
50,000 frames of a hundred films, searches found .93 of the nearest however widely they looked, and
all in the graph of the same rows shuffled (benchmarks/row_order.py).
"""

from __future__ import annotations

from collections.abc import Callable

import psycopg
from psycopg import sql
from sqlalchemy import Connection, func, select

from imgsim.store import engine, schema
from imgsim.store.registry import BackboneRow

_SETTINGS = {
    "statement_timeout": "0",
    "lock_timeout": "5s",  # searches queue behind whoever waits for the table
    # It would take shared memory, of which a container has little; a small index is soon built.
    "max_parallel_maintenance_workers": "0",
}


def shuffle(
    connection: Connection, backbone: BackboneRow, index: str, notice: Callable[[str], None]
) -> None:
    """Put the rows of a table into an order that has nothing to do with where they come from.

    Searches wait for it, about as long as it takes to copy the table, and compare all rows then:
    `index`, which would be built anew with the table, is dropped. Where somebody uses the table all
    the time, or the disk has no room for a copy, everything stays as it is, and `notice` is told.
    """
    by_chance = f"{backbone.table.name}_by_chance"
    names = {
        "table": sql.Identifier(schema.SCHEMA, backbone.table.name),
        "name": sql.Identifier(by_chance),
        "by_chance": sql.Identifier(schema.SCHEMA, by_chance),
        "hnsw": sql.Identifier(schema.SCHEMA, index),
    }
    try:
        with engine.transaction(connection):
            for setting, value in _SETTINGS.items():
                connection.execute(select(func.set_config(setting, value, True)))
            for statement in (
                "CREATE INDEX {name} ON {table} (hashint8(frame_id))",
                "DROP INDEX IF EXISTS {hnsw}",  # not before: from here on searches wait
                "CLUSTER {table} USING {name}",
                "DROP INDEX {by_chance}",
            ):
                engine.raw(connection).execute(sql.SQL(statement).format(**names))
    except psycopg.errors.LockNotAvailable:
        notice(_not_done(backbone, "the table is in use"))
    except (psycopg.errors.DiskFull, psycopg.errors.OutOfMemory) as error:
        notice(_not_done(backbone, str(error).splitlines()[0]))


def _not_done(backbone: BackboneRow, reason: str) -> str:
    return (
        f"the rows of {backbone.name} were not shuffled before its index was built, which may find "
        f"less: {reason}; `imgsim index rebuild` tries again"
    )
