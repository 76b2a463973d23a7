"""Galleries with BI users, and looking at what these can do."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo
from psycopg.errors import InsufficientPrivilege

from benchmarks.gallery import backbone, clustered, publish
from imgsim.store.engine import Session
from imgsim.store.role_standing import GROUPS, MARK
from imgsim.store.server import EmbeddedServer
from tests.integration.command import Imgsim, Ran

Connection = psycopg.Connection[Any]


@contextmanager
def without_roles(server: EmbeddedServer, *others: str) -> Iterator[None]:
    """Takes BI users, their groups and `others` from the server at the end; databases go before."""
    yield
    with psycopg.connect(server.url(), autocommit=True) as connection:
        found = connection.execute(
            "SELECT rolname FROM pg_roles WHERE shobj_description(oid, 'pg_authid') = %s "
            "OR rolname = ANY(%s) ORDER BY rolname = ANY(%s)",  # the others made some of them
            [MARK, [*GROUPS, *others], list(others)],
        ).fetchall()
        for (name,) in found:
            connection.execute(sql.SQL("DROP ROLE {}").format(sql.Identifier(name)))


def fill(database: str) -> None:
    """Put 40 frames in, embedded by a backbone `net`."""
    session = Session(database)
    publish(session, backbone(session, "net", 8), clustered(40, 8, seed=1))
    session.close()


def bi_user_of(imgsim: Imgsim) -> Imgsim:
    """Runs `imgsim db bi-user ARGUMENTS`."""

    def call(*arguments: object) -> Ran:
        return imgsim("db", "bi-user", *arguments)

    return call


def entering(database: str, made: Ran) -> Connection:
    """A connection of the user that `imgsim db bi-user ... --format json` printed."""
    assert made.code == 0, made.err
    said = made.json()
    return psycopg.connect(
        make_conninfo(database, user=said["user"], password=said["password"]), autocommit=True
    )


def names(connection: Connection, schema: str) -> list[str]:
    """Tables and views of a schema, whether or not they can be read."""
    rows = connection.execute(
        "SELECT relname FROM pg_class WHERE relnamespace = %s::regnamespace "
        "AND relkind IN ('r', 'p', 'v')",
        [schema],
    ).fetchall()
    return [row[0] for row in rows]


def count(connection: Connection, schema: str, name: str) -> int:
    """How many rows a table or view has, all columns computed."""
    query = sql.SQL("SELECT * FROM {}").format(sql.Identifier(schema, name))
    return len(connection.execute(query).fetchall())


def refused(connection: Connection, statement: str) -> bool:
    """Whether the statement fails for want of a right, and not for another reason."""
    try:
        connection.execute(statement.encode())
    except InsufficientPrivilege:
        return True
    return False
