"""HNSW indexes: whether a table has one, what it was built with, building it.

An index is built after the load: with it in place, inserts run at hundreds of rows a second
instead of tens of thousands. What a later load does is up to `index_upkeep`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from psycopg import sql
from sqlalchemy import Connection, Row, case, func, null, select, text
from sqlalchemy.dialects.postgresql import insert

from imgsim.domain import TableStatus
from imgsim.store import engine, row_order, schema
from imgsim.store.embedding_tables import vector_bytes
from imgsim.store.engine import Session
from imgsim.store.registry import BackboneRow

BUILD_FROM_BYTES = 50_000_000
"""Of embeddings in a table. An exact scan takes time by the byte, whatever the dimensions; so does
a build, which is repaid after some hundreds of searches (benchmarks/exact_or_hnsw.py). From here
on, a scan on 2 cores takes more than 20 ms, and more than twice as long as the index."""

M = 16
"""pgvector's default."""

EF_CONSTRUCTION = 200
"""Three times pgvector's default: a build takes two to four times as long, and a search finds more
at ef_search 40 than it would at 400 (benchmarks/row_order.py)."""

DEFAULT_EF_SEARCH = 100
"""Of an index that was not tuned. Wider than pgvector's 40, for recall; benchmarks/exact_or_hnsw.py
measures it at this width."""

_MAX_BUILD_MEMORY_MB = 1024


def build_from_rows(dim: int) -> int:
    """From how many rows on a table of so many dimensions gets an index."""
    return BUILD_FROM_BYTES // vector_bytes(dim)


def index_name(backbone: BackboneRow) -> str:
    """The index of a backbone's embedding table."""
    return f"{backbone.table.name}_hnsw"


def has_index(connection: Connection, backbone: BackboneRow) -> bool:
    """Whether the embedding table has its HNSW index."""
    return _relation(connection, index_name(backbone)) is not None


def is_indexed(session: Session, backbone: BackboneRow) -> bool:
    """Whether searches by this backbone follow an index."""
    with session.connect() as connection:
        return has_index(connection, backbone)


def ef_search_of(connection: Connection, backbone: BackboneRow) -> int:
    """The hnsw.ef_search of searches by this backbone: as `imgsim index tune` found it, or 100."""
    record = schema.hnsw_index.c
    tuned: int | None = connection.execute(
        select(record.ef_search).where(record.backbone_id == backbone.backbone_id)
    ).scalar_one_or_none()
    return DEFAULT_EF_SEARCH if tuned is None else tuned


def _relation(connection: Connection, name: str) -> int | None:
    """The size in bytes of a table or index of schema imgsim; None when there is none.

    Read from the catalogue, not by to_regclass: that answers from a cache, which a wait for an
    advisory lock does not refresh.
    """
    size: int | None = connection.execute(
        text(
            "SELECT pg_relation_size(c.oid) FROM pg_class c JOIN pg_namespace n "
            "ON n.oid = c.relnamespace WHERE n.nspname = :schema AND c.relname = :name"
        ),
        {"schema": schema.SCHEMA, "name": name},
    ).scalar_one_or_none()
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
    """Build the index when the table is large enough and has none; seconds it took, or None.

    Of two processes that find it due at once, one builds; the other waits and finds it there.
    """
    with session.connect() as connection:
        if not _is_due(connection, backbone):
            return None
    with session.connect() as connection, _turn(connection, backbone):
        return _rebuild(connection, backbone, notice) if _is_due(connection, backbone) else None


def build(session: Session, backbone: BackboneRow, notice: Callable[[str], None]) -> float:
    """Build the index anew and note how. Searches compare every row meanwhile; writes wait.

    The rows are shuffled before, which searches wait for; it takes about as long as copying them.

    Args:
        session: the database.
        backbone: whose embedding table.
        notice: is told what PostgreSQL remarks, for example that the graph no longer fits into
            maintenance_work_mem, which makes the build many times slower.

    Returns:
        Seconds the build took.
    """
    with session.connect() as connection, _turn(connection, backbone):
        return _rebuild(connection, backbone, notice)


def _rebuild(connection: Connection, backbone: BackboneRow, notice: Callable[[str], None]) -> float:
    began = time.monotonic()
    row_order.shuffle(connection, backbone, index_name(backbone), notice)
    with engine.transaction(connection):
        return _build(connection, backbone, notice, began)


@contextmanager
def _turn(connection: Connection, backbone: BackboneRow) -> Iterator[None]:
    """Let one process at a time build this index; a connection that breaks gives its turn away."""
    key = (0x686E7377 << 24) + backbone.backbone_id  # "hnsw"
    connection.execute(select(func.pg_advisory_lock(key)))
    try:
        yield
    except BaseException:
        connection.invalidate()  # whatever state it is in
        raise
    connection.execute(select(func.pg_advisory_unlock(key)))


def _is_due(connection: Connection, backbone: BackboneRow) -> bool:
    """Whether there is no index although the table is large, or although it had one before."""
    if has_index(connection, backbone):
        return False
    record = schema.hnsw_index.c.backbone_id
    had_one = connection.execute(select(record).where(record == backbone.backbone_id)).first()
    return had_one is not None or (
        count_rows(connection, backbone) >= build_from_rows(backbone.dim)
    )


def _build(
    connection: Connection, backbone: BackboneRow, notice: Callable[[str], None], began: float
) -> float:
    """Build under another name, then swap: dropping an old index first would stop all searches."""
    name = index_name(backbone)
    new = f"{name}_new"
    rows = count_rows(connection, backbone)
    _provide_memory(connection, rows, backbone.dim)
    # A build takes as long as it takes, whatever limit the server has for queries.
    connection.execute(select(func.set_config("statement_timeout", "0", True)))
    _create(connection, backbone, new, notice)
    build_s = time.monotonic() - began
    if has_index(connection, backbone):
        connection.execute(text(f"DROP INDEX {schema.SCHEMA}.{name}"))
    connection.execute(text(f"ALTER INDEX {schema.SCHEMA}.{new} RENAME TO {name}"))
    _record(connection, backbone, rows, build_s, notice)
    return build_s


def _create(
    connection: Connection, backbone: BackboneRow, name: str, notice: Callable[[str], None]
) -> None:
    driver = engine.raw(connection)

    def hear(diagnostic: psycopg.errors.Diagnostic) -> None:
        notice(diagnostic.message_primary or "")

    driver.add_notice_handler(hear)
    try:
        with driver.transaction():
            driver.execute(create_index(backbone, name))
    except (psycopg.errors.DiskFull, psycopg.errors.OutOfMemory):
        # The parallel build keeps the graph in shared memory: 64 MB in a container by default.
        notice("the server's shared memory is too small for a parallel build; building serially")
        connection.execute(select(func.set_config("max_parallel_maintenance_workers", "0", True)))
        driver.execute(create_index(backbone, name))
    finally:
        driver.remove_notice_handler(hear)


def create_index(backbone: BackboneRow, name: str) -> sql.Composed:
    """The DDL of the index. Written out: SQLAlchemy drops an operator class with a misspelt key."""
    return sql.SQL(
        "CREATE INDEX {name} ON {schema}.{table} USING hnsw (embedding halfvec_cosine_ops) "
        "WITH (m = {m}, ef_construction = {ef_construction})"
    ).format(
        name=sql.Identifier(name),
        schema=sql.Identifier(schema.SCHEMA),
        table=sql.Identifier(backbone.table.name),
        m=sql.Literal(M),
        ef_construction=sql.Literal(EF_CONSTRUCTION),
    )


def _provide_memory(connection: Connection, rows: int, dim: int) -> None:
    """Let the build hold its whole graph: each vector, and 2 * M links with what goes with them.

    The server's own setting is raised at most to _MAX_BUILD_MEMORY_MB; how much memory somebody
    else's machine has is not known.
    """
    needed = rows * (2 * dim + 24 * M + 256) * 5 // 4 + (64 << 20)
    connection.execute(
        text(
            "SELECT set_config('maintenance_work_mem', "
            "greatest(pg_size_bytes(current_setting('maintenance_work_mem')) / 1024, "
            "least(CAST(:needed AS bigint) / 1024, :most * 1024))::text, true)"
        ),
        {"needed": needed, "most": _MAX_BUILD_MEMORY_MB},
    )


def _record(
    connection: Connection,
    backbone: BackboneRow,
    rows: int,
    build_s: float,
    notice: Callable[[str], None],
) -> None:
    """Note how the index was built, and what of the tuning of the one before still holds.

    That was measured on another graph. A width over the default stays all the same: somebody wanted
    more recall than the default gives, and as tables grow, recall falls rather than rises. A width
    under it goes: that the old graph could be searched so narrowly promises nothing of the new one.
    The recall goes in either case.
    """
    before = ef_search_of(connection, backbone)
    values = {
        "m": M,
        "ef_construction": EF_CONSTRUCTION,
        "rows": rows,
        "build_s": build_s,
        "pgvector_version": connection.execute(
            text("SELECT extversion FROM pg_extension WHERE extname = 'vector'")
        ).scalar_one(),
    }
    width = schema.hnsw_index.c.ef_search
    statement = insert(schema.hnsw_index).values(backbone_id=backbone.backbone_id, **values)
    connection.execute(
        statement.on_conflict_do_update(
            index_elements=["backbone_id"],
            set_={
                **values,
                "built_at": func.now(),
                "ef_search": case((width > DEFAULT_EF_SEARCH, width)),
                "tuned_recall": null(),
                "tuned_k": null(),
            },
        )
    )
    if before != DEFAULT_EF_SEARCH:
        notice(
            f"ef_search {before} of {backbone.slug} was tuned on the index before this one; it is "
            f"{ef_search_of(connection, backbone)} now, and `imgsim index tune -b {backbone.name}` "
            "measures it anew"
        )
