"""The one boundary at which the driver's errors become imgsim's."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from psycopg.errors import DiskFull
from sqlalchemy import exc

from imgsim.errors import DatabaseError, DatabaseUnreachable

# Classes of SQLSTATE, from PostgreSQL's appendix A.
_GONE = ("08", "57P01", "57P02", "57P03", "53300")  # connection, shutdown, too many connections
_OUT_OF = ("53", "58", "25006")  # disk, memory; files of the server; read-only
_CUT_OFF = ("57014", "55P03", "40")  # statement or lock timeout, deadlock
_NOT_OURS = ("42P01", "42703", "3F000", "42883", "42704")  # table, column, schema, function, type


@contextmanager
def translated() -> Iterator[None]:
    """Turn what the driver raises into DatabaseError; faults of the program stay as they are."""
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
    """Raise the DatabaseError for a driver's error, or return when it is the program's fault."""
    said = str(error).strip()
    state = error.sqlstate or ""
    if isinstance(error, psycopg.errors.InsufficientPrivilege):
        raise DatabaseError(
            f"The database refused: {said}. The user of the database URL needs CREATE on the "
            "database (for schema imgsim) and to own what imgsim made there."
        ) from error
    if state.startswith(_GONE) or (not state and isinstance(error, psycopg.OperationalError)):
        raise DatabaseUnreachable(
            f"The database cannot be reached: {said}\n"
            "Check --database-url or IMGSIM_DATABASE_URL, or leave both out to use the embedded "
            "server (`imgsim db status`)."
        ) from error
    if state.startswith(_OUT_OF):
        advice = " Make room, then try again." if isinstance(error, DiskFull) else ""
        raise DatabaseError(
            f"The database server cannot go on: {said.rstrip('.')}.{advice} What was stored before "
            "is still there."
        ) from error
    if state.startswith(_CUT_OFF):
        raise DatabaseError(f"The database server cut the work off: {said}.") from error
    if state.startswith(_NOT_OURS):
        raise DatabaseError(
            f"The tables of schema imgsim are not as imgsim made them: {said}. Was something "
            "dropped or changed by hand, or while this ran?"
        ) from error
