"""Reaching the embedded server, and making sure that it is ours."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import psycopg

from imgsim.errors import ServerError
from imgsim.store import postmaster
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
    has_database: bool  # imgsim's own
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
            "EXISTS (SELECT FROM pg_database WHERE datname = %s)",
            [NAME],
        ).fetchone()
    if row is None or not _same_folder(Path(os.fsdecode(row[0])), home.cluster):
        return None
    return Running(
        port=noted.port,
        pid=noted.pid,
        version=row[1].split()[0],
        has_database=row[2],
        secret=secret,
    )


def _same_folder(one: Path, other: Path) -> bool:
    try:
        return one.samefile(other)
    except FileNotFoundError:
        return False


def create_database(running: Running) -> None:
    """Create imgsim's database.

    Raises:
        ServerError: the server refuses.
    """
    try:
        with psycopg.connect(
            url(running.secret, running.port, _ANY_DATABASE), autocommit=True
        ) as connection:
            connection.execute(f"CREATE DATABASE {NAME}")
    except psycopg.errors.DuplicateDatabase:
        pass
    except psycopg.Error as error:
        raise ServerError(
            f"The database '{NAME}' could not be created on the embedded server: "
            f"{str(error).strip()}"
        ) from error
