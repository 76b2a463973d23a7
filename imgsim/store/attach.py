"""Reaching the embedded server, and making sure that it is ours."""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass
from pathlib import Path

import psycopg
from psycopg import sql

from imgsim.errors import ServerError
from imgsim.store import engine, postmaster
from imgsim.store.cluster import HOST, NAME
from imgsim.store.home import Home, Secret

_CONNECT_TIMEOUT_S = 5
_ANY_DATABASE = "postgres"  # always there


@dataclass(frozen=True, kw_only=True, slots=True)
class Running:
    """A server that answered and is ours."""

    port: int
    pid: int
    version: str  # "18.4"
    prepared: bool  # imgsim's own database is there, and its search path is set
    secret: Secret

    @property
    def url(self) -> str:
        """libpq URI of imgsim's database, password included."""
        return url(self.secret, self.port)


def url(secret: Secret, port: int, database: str = NAME) -> str:
    """The libpq URI of a database on the embedded server.

    The server has no TLS and needs none on the loopback, so a PGSSLMODE in the environment must
    not ask for it.
    """
    return f"postgresql://{NAME}:{secret.password}@{HOST}:{port}/{database}?sslmode=disable"


def find(home: Home) -> Running | None:
    """The server of `home` if it runs and answers."""
    try:
        return ask(home)
    except psycopg.OperationalError:
        return None


def ask(home: Home) -> Running | None:
    """The server of `home`; None when there is no trace of one, or another one answers.

    Raises:
        psycopg.OperationalError: no connection; says why.
    """
    secret = home.read_secret()
    noted = postmaster.read_pid_file(home.cluster)
    if secret is None or noted is None:
        return None
    with psycopg.connect(
        url(secret, noted.port, _ANY_DATABASE),
        connect_timeout=_CONNECT_TIMEOUT_S,
        require_auth="scram-sha-256",  # whoever may have taken the port cannot ask for plain text
    ) as connection:
        row = connection.execute(
            # The folder as bytes: its name need not be valid UTF-8.
            "SELECT textsend(current_setting('data_directory')), "
            "current_setting('server_version'), "
            "EXISTS (SELECT FROM pg_database d JOIN pg_db_role_setting s ON s.setdatabase = d.oid "
            "WHERE d.datname = %s AND s.setrole = 0 AND s.setconfig::text LIKE '%%search_path=%%')",
            [NAME],
        ).fetchone()
    if row is None or not _same_folder(Path(os.fsdecode(row[0])), home.cluster):
        return None
    return Running(
        port=noted.port,
        pid=noted.pid,
        version=row[1].split()[0],
        prepared=row[2],
        secret=secret,
    )


def _same_folder(one: Path, other: Path) -> bool:
    try:
        return one.samefile(other)
    except FileNotFoundError:
        return False


def prepare_database(running: Running) -> None:
    """Create imgsim's database unless it is there, and set it up for people and their programs.

    A plain psql finds tables and functions without naming their schema. Other databases of the
    server are for the administrator alone: users that are made later can enter imgsim's only.

    Raises:
        ServerError: the server refuses.
    """
    try:
        with psycopg.connect(
            url(running.secret, running.port, _ANY_DATABASE), autocommit=True
        ) as connection:
            with contextlib.suppress(psycopg.errors.DuplicateDatabase):
                connection.execute(f"CREATE DATABASE {NAME}")
            connection.execute(f"REVOKE CONNECT ON DATABASE {_ANY_DATABASE}, template1 FROM PUBLIC")
            path = sql.SQL(", ").join(map(sql.Identifier, engine.SEARCH_PATH))
            connection.execute(
                sql.SQL("ALTER DATABASE {} SET search_path = {}").format(sql.Identifier(NAME), path)
            )
    except psycopg.Error as error:
        raise ServerError(
            f"The database '{NAME}' could not be created on the embedded server: "
            f"{str(error).strip()}"
        ) from error
