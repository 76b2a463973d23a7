"""HNSW indexes: whether a table has one, what it was built with, building it.

An index is built after the load: with it in place, inserts run at hundreds of rows a second
instead of tens of thousands.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import psycopg
from psycopg import sql
from sqlalchemy import Connection, Row, func, select, text
from sqlalchemy.dialects.postgresql import insert

from imgsim.domain import TableStatus
from imgsim.store import engine, schema
from imgsim.store.engine import Session
from imgsim.store.registry import BackboneRow

BUILD_FROM_ROWS = 20_000
"""Measured on 2 cores with 1,280 dimensions: an exact scan costs 0.6 ms per 1,000 rows, so up to
here 12 ms, which nobody waits for, while building the index costs 0.7 s per 1,000 rows."""

M = 16
EF_CONSTRUCTION = 64
"""pgvector's defaults; recall@10 was .97 to .98 with them at ef_search 100."""

_MAX_BUILD_MEMORY_MB = 4096


def index_name(backbone: BackboneRow) -> str:
    """The index of a backbone's embedding table."""
    return f"{backbone.table.name}_hnsw"


def has_index(connection: Connection, backbone: BackboneRow) -> bool:
    """Whether the embedding table has its HNSW index."""
    return _relation(connection, index_name(backbone)) is not None


def _relation(connection: Connection, name: str) -> int | None:
    """The size in bytes of a table or index of schema imgsim; None when there is none."""
    size: int | None = connection.execute(
        text("SELECT pg_relation_size(to_regclass(:name))"), {"name": f"{schema.SCHEMA}.{name}"}
    ).scalar_one()
    return size


def status(session: Session, backbones: list[BackboneRow]) -> list[TableStatus]:
    """Tables and indexes of these backbone revisions."""
    with session.connect() as connection:
        built = {row.backbone_id: row for row in connection.execute(select(schema.hnsw_index))}
        return [_status(connection, row, built.get(row.backbone_id)) for row in backbones]


def _status(connection: Connection, backbone: BackboneRow, built: Row[Any] | None) -> TableStatus:
    return TableStatus(
        slug=backbone.slug,
        dim=backbone.dim,
        rows=count_rows(connection, backbone),
        table_bytes=_relation(connection, backbone.table.name) or 0,
        index_bytes=_relation(connection, index_name(backbone)),
        m=built.m if built else None,
        ef_construction=built.ef_construction if built else None,
        rows_at_build=built.rows if built else None,
        build_s=built.build_s if built else None,
    )


def count_rows(connection: Connection, backbone: BackboneRow) -> int:
    """Embeddings in the table."""
    return connection.execute(select(func.count()).select_from(backbone.table)).scalar_one()


def build_if_due(
    session: Session, backbone: BackboneRow, notice: Callable[[str], None]
) -> float | None:
    """Build the index when the table is large enough and has none; seconds it took, or None."""
    with session.connect() as connection:
        due = not has_index(connection, backbone) and (
            count_rows(connection, backbone) >= BUILD_FROM_ROWS
        )
    return build(session, backbone, notice) if due else None


def build(session: Session, backbone: BackboneRow, notice: Callable[[str], None]) -> float:
    """Build the index anew and note how; searches go on meanwhile, writes wait.

    Args:
        session: the database.
        backbone: whose embedding table.
        notice: is told what PostgreSQL remarks, for example that the graph no longer fits into
            maintenance_work_mem, which makes the build many times slower.

    Returns:
        Seconds the build took.
    """
    try:
        return _build(session, backbone, notice, parallel=True)
    except psycopg.errors.DiskFull:
        # The parallel build keeps the graph in shared memory: 64 MB in a container by default.
        notice("the server's shared memory is too small for a parallel build; building serially")
        return _build(session, backbone, notice, parallel=False)


def _build(
    session: Session, backbone: BackboneRow, notice: Callable[[str], None], *, parallel: bool
) -> float:
    name = index_name(backbone)
    with session.transaction() as connection:
        driver = engine.raw(connection)

        def hear(diagnostic: psycopg.errors.Diagnostic) -> None:
            notice(diagnostic.message_primary or "")

        connection.execute(select(func.pg_advisory_xact_lock(_lock_key(backbone))))
        rows = count_rows(connection, backbone)
        memory = f"{_build_memory_mb(rows, backbone.dim)}MB"
        connection.execute(select(func.set_config("maintenance_work_mem", memory, True)))
        if not parallel:
            connection.execute(text("SET LOCAL max_parallel_maintenance_workers = 0"))
        connection.execute(text(f'DROP INDEX IF EXISTS {schema.SCHEMA}."{name}"'))
        started = time.monotonic()
        driver.add_notice_handler(hear)
        try:
            driver.execute(create_index(backbone))
        finally:
            driver.remove_notice_handler(hear)
        build_s = time.monotonic() - started
        _record(connection, backbone, rows, build_s)
    return build_s


def create_index(backbone: BackboneRow) -> sql.Composed:
    """The DDL of the index. Written out: SQLAlchemy drops an operator class with a misspelt key."""
    return sql.SQL(
        "CREATE INDEX {name} ON {schema}.{table} USING hnsw (embedding halfvec_cosine_ops) "
        "WITH (m = {m}, ef_construction = {ef_construction})"
    ).format(
        name=sql.Identifier(index_name(backbone)),
        schema=sql.Identifier(schema.SCHEMA),
        table=sql.Identifier(backbone.table.name),
        m=sql.Literal(M),
        ef_construction=sql.Literal(EF_CONSTRUCTION),
    )


def _build_memory_mb(rows: int, dim: int) -> int:
    """Memory that holds the whole graph: each vector, and 2 * M links of 8 bytes with overhead."""
    per_row = 2 * dim + 24 * M + 256
    return min(_MAX_BUILD_MEMORY_MB, 64 + rows * per_row * 5 // (4 << 20))


def _lock_key(backbone: BackboneRow) -> int:
    """Of two processes that build the same index, the second waits for the first."""
    return (0x68_6E_73_77 << 24) + backbone.backbone_id  # "hnsw"


def _record(connection: Connection, backbone: BackboneRow, rows: int, build_s: float) -> None:
    values = {
        "m": M,
        "ef_construction": EF_CONSTRUCTION,
        "rows": rows,
        "build_s": build_s,
        "pgvector_version": connection.execute(
            text("SELECT extversion FROM pg_extension WHERE extname = 'vector'")
        ).scalar_one(),
    }
    statement = insert(schema.hnsw_index).values(backbone_id=backbone.backbone_id, **values)
    connection.execute(
        statement.on_conflict_do_update(
            index_elements=["backbone_id"], set_={**values, "built_at": func.now()}
        )
    )
