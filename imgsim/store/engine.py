"""Connections: how they are made, and how driver errors are translated."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from pgvector.psycopg import register_vector
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from sqlalchemy import Connection, Engine, create_engine, exc

from imgsim.errors import DatabaseError, DatabaseUnreachable, InvalidArgument
from imgsim.store import schema

SEARCH_PATH = (schema.SCHEMA, "public")
_CONNECT_TIMEOUT_S = 10


def create(url: str, search_path: tuple[str, ...] = SEARCH_PATH) -> Engine:
    """Make an engine for a libpq URI or conninfo string; connects on first use.

    Autocommit: a film takes hours and must hold no snapshot meanwhile. Statements that belong
    together run inside `Session.transaction`.
    """
    conninfo = _conninfo(url)

    def connect() -> psycopg.Connection[Any]:
        # No server-side prepared statements: after five runs PostgreSQL may plan them generically,
        # and a LIMIT it cannot see makes it scan instead of using the HNSW index.
        connection = psycopg.connect(conninfo, autocommit=True, prepare_threshold=None)
        _prepare(connection, search_path)
        return connection

    return create_engine("postgresql+psycopg://", creator=connect, isolation_level="AUTOCOMMIT")


def _conninfo(url: str) -> str:
    given = url.strip()
    if re.match(r"postgres(ql)?\+\w+://", given):
        raise InvalidArgument(
            "The database URL must be one that psql accepts, postgresql://user:password@host/name; "
            f"take the '+driver' out of '{given.split('://')[0]}://'."
        )
    try:
        parts = conninfo_to_dict(given)
    except psycopg.ProgrammingError as error:
        raise InvalidArgument(
            f"The database URL cannot be read: {str(error).strip()}. "
            "It should look like postgresql://user:password@host:5432/name."
        ) from error
    parts.setdefault("connect_timeout", _CONNECT_TIMEOUT_S)
    parts.setdefault("application_name", "imgsim")
    return make_conninfo("", **parts)


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


@contextmanager
def translated() -> Iterator[None]:
    """Turn what the driver raises into DatabaseError; programming errors stay as they are."""
    try:
        yield
    except exc.DBAPIError as error:
        if isinstance(error.orig, psycopg.Error):
            _translate(error.orig)
        raise
    except psycopg.Error as error:
        _translate(error)
        raise


def _translate(error: psycopg.Error) -> None:
    """Raise the DatabaseError for a driver error, or return when it is a fault of the program."""
    said = str(error).strip()
    if isinstance(error, psycopg.errors.InsufficientPrivilege):
        raise DatabaseError(
            f"The database refused: {said}. The user of the database URL needs CREATE on the "
            "database (for schema imgsim) and to own what imgsim made there."
        ) from error
    if isinstance(
        error, (psycopg.errors.InsufficientResources, psycopg.errors.ReadOnlySqlTransaction)
    ):
        raise DatabaseError(f"The database cannot go on: {said}.") from error
    if isinstance(error, psycopg.OperationalError):
        raise DatabaseUnreachable(
            f"The database cannot be reached: {said}\n"
            "Check --database-url or IMGSIM_DATABASE_URL, or leave both out to use the embedded "
            "server (`imgsim db status`)."
        ) from error
