"""Databases on the embedded server of a test run."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from psycopg.conninfo import make_conninfo

from imgsim.store.server import EmbeddedServer


@contextmanager
def clone(server: EmbeddedServer, source: str) -> Iterator[str]:
    """The conninfo of a copy of the database `source`, which nobody uses; dropped afterwards."""
    name = f"test_{secrets.token_hex(6)}"
    with psycopg.connect(server.url(), autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE {source}")
        yield make_conninfo(server.url(), dbname=name)
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")
