"""One table of results per backbone name, made at run time.

It is a partition of `result`: made first and attached after, so that the parent is not locked while
it is made. The revision is a column, for results outlive revisions. Readers get a view of it.
"""

from __future__ import annotations

from sqlalchemy import Connection, text

from imgsim.store import schema
from imgsim.store.engine import raw

PREFIX = "result_"

READERS_SCHEMA = "bi"
"""Where readers find views of everything."""


def create_result_table(connection: Connection, backbone: str) -> None:
    """Create the result table of a backbone, where it is absent.

    Args:
        connection: in a transaction.
        backbone: its name, which is a slug.
    """
    quote = connection.dialect.identifier_preparer.quote
    name = quote(f"{PREFIX}{backbone}")
    parent, table = f"{schema.SCHEMA}.result", f"{schema.SCHEMA}.{name}"
    if connection.execute(text("SELECT to_regclass(:table)"), {"table": table}).scalar() is None:
        for statement in (
            f"CREATE TABLE {table} (LIKE {parent} INCLUDING ALL)",
            f"ALTER TABLE {parent} ATTACH PARTITION {table} FOR VALUES IN ('{backbone}')",
            f"COMMENT ON TABLE {table} IS 'Hits found by {backbone}, a partition of result'",
        ):
            connection.execute(text(statement))


def create_match_view(connection: Connection, backbone: str) -> None:
    """Create the view `bi.fact_match_<name>`: the hits of one backbone, for readers.

    Safe to repeat. The name is a constant in it, so that the planner reads that one partition.
    """
    view = connection.dialect.identifier_preparer.quote(f"fact_match_{backbone}")
    if connection.execute(
        text("SELECT to_regclass(:view)"), {"view": f"{READERS_SCHEMA}.{view}"}
    ).scalar():
        return
    hits = f"SELECT * FROM {READERS_SCHEMA}.fact_match WHERE backbone = '{backbone}'"  # noqa: S608 - a slug
    connection.execute(text(f"CREATE VIEW {READERS_SCHEMA}.{view} AS {hits}"))
    comments = connection.execute(
        text(
            "SELECT attname, col_description(attrelid, attnum) FROM pg_attribute "
            "WHERE attrelid = CAST(:facts AS regclass) AND attnum > 0 ORDER BY attnum"
        ),
        {"facts": f"{READERS_SCHEMA}.fact_match"},
    ).all()
    for column, comment in comments:
        quoted = comment.replace("'", "''")
        raw(connection).execute(
            f"COMMENT ON COLUMN {READERS_SCHEMA}.{view}.{column} IS '{quoted}'".encode()
        )
    connection.execute(
        text(f"COMMENT ON VIEW {READERS_SCHEMA}.{view} IS 'The hits that {backbone} found'")
    )
