"""pgvector on the server: which version there must be, and taking it into use."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import LiteralString

import psycopg
from sqlalchemy import Connection, text

from imgsim.errors import PgvectorUnusable
from imgsim.store import engine

MIN_VERSION = (0, 8, 4)
"""0.8.4 fixes CVE-2026-3172 (parallel HNSW build) and two faults in HNSW vacuuming."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Extension:
    """pgvector as a server has it."""

    available: str  # version that is installed on the server
    installed: str | None  # version that this database uses; None: not created in it


def find(connection: Connection) -> Extension | None:
    """pgvector on this server; None when it is not installed there."""
    row = connection.execute(
        text(
            "SELECT default_version AS available, installed_version AS installed "
            "FROM pg_available_extensions WHERE name = 'vector'"
        )
    ).one_or_none()
    return Extension(available=row.available, installed=row.installed) if row else None


def require(connection: Connection) -> Extension:
    """Check that the database has a pgvector that is new enough, or can get one.

    Raises:
        PgvectorUnusable: it has not; the message says what to install or to run.
    """
    found = find(connection)
    wanted = ".".join(map(str, MIN_VERSION))
    if found is None:
        version = str(connection.execute(text("SHOW server_version")).scalar_one())
        raise PgvectorUnusable(
            f"This PostgreSQL {version} has no pgvector. Install version {wanted} or newer on the "
            f"server (the package is often called postgresql-{version_tuple(version)[0]}-pgvector, "
            "the container image pgvector/pgvector), then try again."
        )
    used = found.installed or found.available
    if version_tuple(used) >= MIN_VERSION:
        return found
    if version_tuple(found.available) >= MIN_VERSION:
        way_out = f"the server has {found.available}: `imgsim db upgrade` takes it into use"
    else:
        way_out = f"install {wanted} or newer on the server, then run `imgsim db upgrade`"
    raise PgvectorUnusable(
        f"pgvector {used} is too old: imgsim needs {wanted} or newer, which fixes CVE-2026-3172 "
        f"and faults in HNSW vacuuming; {way_out}."
    )


def take_into_use(connection: Connection) -> None:
    """Create the extension in this database, or update it to what the server has.

    Raises:
        PgvectorUnusable: absent, too old, or the user may not; the message says who must do what.
    """
    found = find(connection)
    if found and found.installed is None:
        require(connection)
        _run(connection, "CREATE EXTENSION vector")
    elif found and found.installed and _is_older(found.installed, found.available):
        try:
            _run(connection, "ALTER EXTENSION vector UPDATE")
        except PgvectorUnusable:
            if version_tuple(found.installed) < MIN_VERSION:
                raise  # else the older one does as well
    require(connection)


def _run(connection: Connection, command: LiteralString) -> None:
    try:
        with engine.transaction(connection):
            engine.raw(connection).execute(command)
    except psycopg.errors.InsufficientPrivilege as error:
        raise PgvectorUnusable(
            f"The user of the database URL may not run `{command}`. Let an administrator of the "
            "server run it in this database once, then try again."
        ) from error


def _is_older(installed: str, available: str) -> bool:
    return version_tuple(installed) < version_tuple(available)


def version_tuple(version: str) -> tuple[int, ...]:
    """`0.8.4` as (0, 8, 4); what is not a number ends it."""
    parts = re.match(r"\d+(\.\d+)*", version)
    return tuple(map(int, parts[0].split("."))) if parts else ()
