"""The views of schema bi as the database describes them, and where a reader finds them."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import text

from imgsim.store.engine import Session, raw

_COLUMNS = """
SELECT c.relname AS view, coalesce(obj_description(c.oid, 'pg_class'), '') AS view_comment,
    a.attname AS name, format_type(a.atttypid, a.atttypmod) AS type,
    coalesce(col_description(c.oid, a.attnum), '') AS comment
FROM pg_class c
JOIN pg_namespace n ON n.oid = c.relnamespace AND n.nspname = 'bi'
JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
WHERE c.relkind = 'v'
ORDER BY c.relname, a.attnum
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class BiColumn:
    """A column of a view in schema bi."""

    view: str
    view_comment: str
    name: str
    type: str  # as PostgreSQL names it: text, bigint, double precision ...
    comment: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Address:
    """Where the database is, for a program that reaches it by TCP."""

    server: str  # host:port
    database: str


def bi_columns(session: Session) -> list[BiColumn]:
    """The columns of all views in schema bi, by view, in the view's order."""
    with session.connect() as connection:
        return [BiColumn(**row) for row in connection.execute(text(_COLUMNS)).mappings()]


def address(session: Session) -> Address:
    """Where the open database is."""
    with session.connect() as connection:
        info = raw(connection).info
        return Address(server=by_tcp(info.host, info.port), database=info.dbname)


def by_tcp(host: str, port: int) -> str:
    """The host:port of a server that libpq reaches at `host`, which may be a local socket."""
    if not host or host.startswith(("/", "@")):
        return f"localhost:{port}"
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
