"""The SQL that the README shows, run as it stands there."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from imgsim.store.server import EmbeddedServer
from tests.databases import clone
from tests.integration.command import run

README = Path(__file__).resolve().parents[2] / "README.md"


def _statements() -> list[str]:
    blocks = [part.partition("```")[0] for part in README.read_text().split("```sql\n")[1:]]
    return [each.strip() for block in blocks for each in block.split(";") if each.strip()]


@pytest.fixture(scope="module")
def readers(
    server: EmbeddedServer, filled: str, picture: Path
) -> Iterator[psycopg.Connection[Any]]:
    """A plain connection to the sample by two backbones, and a comparison of one query."""
    with clone(server, filled) as conninfo:
        assert run("compare", picture, "--database-url", conninfo) == 0
        path = "-csearch_path=imgsim,public"
        with psycopg.connect(conninfo, autocommit=True, options=path) as connection:
            yield connection


def test_there_are_queries() -> None:
    assert len(_statements()) >= 10


@pytest.mark.parametrize("statement", _statements())
def test_a_query_runs_and_gives_rows(readers: psycopg.Connection[Any], statement: str) -> None:
    cursor = readers.execute(statement.encode())
    if cursor.description is None:  # it makes or fills a table
        assert cursor.statusmessage
    else:
        assert cursor.fetchall()
