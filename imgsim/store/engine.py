"""Connections, sessions and transactions."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from pgvector.psycopg import register_vector
from psycopg import sql
from sqlalchemy import Connection, Engine, create_engine

from imgsim.errors import DatabaseUnreachable
from imgsim.store import conninfo, schema
from imgsim.store.driver_errors import translated

# A connection that breaks is reported as DatabaseUnreachable; its pool need not print a traceback.
logging.getLogger("sqlalchemy.pool").addHandler(logging.NullHandler())

_RETRY_S = 1.0

SEARCH_PATH = (schema.SCHEMA, "public")


def create(url: str, search_path: tuple[str, ...] = SEARCH_PATH) -> Engine:
    """Make an engine for a libpq URI or conninfo string; connects on first use.

    Autocommit: a film takes hours and must hold no snapshot meanwhile. Statements that belong
    together run inside `Session.transaction`.
    """
    parameters = conninfo.parse(url)

    def connect() -> psycopg.Connection[Any]:
        # No server-side prepared statements: after five runs PostgreSQL may plan them generically,
        # and a LIMIT it cannot see makes it scan instead of using the HNSW index.
        connection = psycopg.connect(autocommit=True, prepare_threshold=None, **parameters)
        _prepare(connection, search_path)
        return connection

    return create_engine("postgresql+psycopg://", creator=connect, isolation_level="AUTOCOMMIT")


def _prepare(connection: psycopg.Connection[Any], search_path: tuple[str, ...]) -> None:
    """Set the search path, with the schema pgvector lives in, and teach psycopg its types."""
    row = connection.execute(
        "SELECT n.nspname FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace "
        "WHERE e.extname = 'vector'"
    ).fetchone()
    schemas = dict.fromkeys([*search_path, *([row[0]] if row else [])])
    names = sql.SQL(", ").join(sql.Identifier(name) for name in schemas)
    connection.execute(sql.SQL("SET search_path TO {}").format(names))
    if row:
        register_vector(connection)


class Session:
    """An open database. Other stages pass it on and never look inside."""

    def __init__(self, url: str) -> None:
        """Wrap a libpq URI or conninfo string; connects on first use."""
        self._engine = create(url)

    @contextmanager
    def connect(self) -> Iterator[Connection]:
        """A connection in autocommit; driver errors leave it as DatabaseError."""
        with translated(), self._engine.connect() as connection:
            yield connection

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """A connection whose statements are published together or not at all."""
        with self.connect() as connection, transaction(connection):
            yield connection

    def wait_until_reachable(self, timeout_s: float) -> bool:
        """Wait until the database answers again, at most so long; whether it does."""
        until = time.monotonic() + timeout_s
        while True:
            self._engine.dispose()  # of connections that are dead, which the pool cannot know
            try:
                with self.connect():
                    return True
            except DatabaseUnreachable:
                if time.monotonic() > until:
                    return False
                time.sleep(_RETRY_S)

    def close(self) -> None:
        """Close all connections."""
        self._engine.dispose()


def raw(connection: Connection) -> psycopg.Connection[Any]:
    """The psycopg connection beneath, for binary COPY, which SQLAlchemy does not offer."""
    driver = connection.connection.driver_connection
    if not isinstance(driver, psycopg.Connection):
        raise TypeError(f"not a psycopg connection: {type(driver)}")
    return driver


@contextmanager
def transaction(connection: Connection) -> Iterator[None]:
    """Run the statements of the block, through SQLAlchemy or psycopg alike, in one transaction."""
    with raw(connection).transaction():
        yield
