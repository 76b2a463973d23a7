"""One narrow table of embeddings per backbone revision, made at run time.

A table of its own keeps the planner on the index: with a parameterised backbone id in one wide
table, a generic plan scans. The vectors are `halfvec`: pgvector indexes `vector` up to 2,000
dimensions only, `halfvec` up to 4,000.
"""

from __future__ import annotations

import functools

from pgvector.sqlalchemy import HALFVEC
from sqlalchemy import BigInteger, Column, Connection, ForeignKey, MetaData, Table, text
from sqlalchemy.schema import CreateTable, SetColumnComment, SetTableComment

from imgsim.store import schema

PREFIX = "embedding_"
MAX_DIM = 4000
"""pgvector's HNSW index takes halfvec columns up to this many dimensions."""

_PARALLEL_WORKERS = 4


def vector_bytes(dim: int) -> int:
    """What PostgreSQL stores for one embedding, in bytes: pgvector's figure for halfvec."""
    return 2 * dim + 8


@functools.cache  # SQLAlchemy compiles a statement once, but anew for another Table object
def embedding_table(slug: str, dim: int) -> Table:
    """Declare the table of one backbone revision; nothing is created.

    It lives in a MetaData of its own so that Alembic never sees it.
    """
    metadata = MetaData(schema=schema.SCHEMA)
    return Table(
        f"{PREFIX}{slug}",
        metadata,
        Column(
            "frame_id",
            BigInteger,
            ForeignKey(schema.frame.c.frame_id, ondelete="CASCADE"),
            primary_key=True,
            autoincrement=False,
            comment="The frame",
        ),
        Column(
            "embedding",
            HALFVEC(dim),
            nullable=False,
            comment="Unit length; compare with <=> (cosine distance)",
        ),
        comment=f"Embeddings of backbone revision {slug}; see imgsim.backbone",
    )


def create_embedding_table(connection: Connection, slug: str, dim: int) -> Table:
    """Create the table if it is absent; safe to repeat and from two sessions at once.

    PLAIN storage: vectors over 2 kB would move to TOAST, where exact scans are 2 to 5 times
    slower. With PLAIN the planner needs `parallel_workers` to build the index in parallel.

    Raises:
        ValueError: dim is more than pgvector can index.
    """
    if not 0 < dim <= MAX_DIM:
        raise ValueError(f"an embedding of {dim} dimensions cannot be indexed (1 to {MAX_DIM})")
    table = embedding_table(slug, dim)
    connection.execute(CreateTable(table, if_not_exists=True))
    name = connection.dialect.identifier_preparer.format_table(table)
    for setting in (
        f"ALTER TABLE {name} ALTER COLUMN embedding SET STORAGE PLAIN",
        f"ALTER TABLE {name} SET (parallel_workers = {_PARALLEL_WORKERS})",
    ):
        connection.execute(text(setting))
    connection.execute(SetTableComment(table))
    for column in table.columns:
        connection.execute(SetColumnComment(column))
    return table
