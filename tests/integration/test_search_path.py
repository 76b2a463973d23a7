"""Tables and functions without `imgsim.` before them, for programs other than imgsim."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from benchmarks.gallery import backbone, clustered, publish
from imgsim.store import migrations
from imgsim.store.engine import Session
from imgsim.store.server import EmbeddedServer
from tests.integration.command import calling


@pytest.fixture
def own_server(server_root: Path) -> Iterator[EmbeddedServer]:
    """An embedded server whose own database this test fills."""
    server = EmbeddedServer(server_root / "data")
    yield server
    server.stop()


def ask(url: str, query: str) -> list[tuple[Any, ...]]:
    """What a plain connection is answered."""
    with psycopg.connect(url, autocommit=True) as connection:
        return connection.execute(query.encode()).fetchall()


def test_the_embedded_database_needs_no_schema_names(own_server: EmbeddedServer) -> None:
    url = own_server.ensure()
    migrations.upgrade(url)
    session = Session(url)
    publish(session, backbone(session, "vgg16", 8), clustered(60, 8, seed=1))
    session.close()
    found = ask(own_server.url(), "select * from similar(42, 'vgg16', 10)")
    assert [row[0] for row in found] == list(range(1, 11))
    assert ask(url, "SELECT count(*) FROM frame WHERE embedding_of(frame_id, 'vgg16') <> '[0]'")


def test_a_database_of_an_earlier_imgsim_gets_its_search_path(own_server: EmbeddedServer) -> None:
    url = own_server.ensure()
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("ALTER DATABASE imgsim RESET search_path")
    assert ask(url, "SHOW search_path") == [('"$user", public',)]
    own_server.ensure()
    assert ask(url, "SHOW search_path") == [("imgsim, public",)]


def test_a_search_path_that_somebody_chose_is_kept(own_server: EmbeddedServer) -> None:
    url = own_server.ensure()
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("ALTER DATABASE imgsim SET search_path = imgsim, bi, public")
    own_server.stop()
    own_server.ensure()
    assert ask(own_server.url(), "SHOW search_path") == [("imgsim, bi, public",)]


def test_another_database_is_left_alone_and_its_user_told_what_to_run(
    empty_database: str, capfd: pytest.CaptureFixture[str]
) -> None:
    imgsim = calling(empty_database, capfd)
    with psycopg.connect(empty_database, autocommit=True) as connection:
        connection.execute('CREATE SCHEMA "The ""x"""; CREATE EXTENSION vector SCHEMA "The ""x"""')
    told = imgsim("db", "upgrade")
    assert told.code == 0
    assert ask(empty_database, "SHOW search_path") == [('"$user", public',)]
    statement = re.search(r"^ALTER ROLE .*;$", told.err, re.MULTILINE)
    assert statement
    with psycopg.connect(empty_database, autocommit=True) as connection:
        connection.execute(statement[0].encode())
    session = Session(empty_database)
    publish(session, backbone(session, "vgg16", 8), clustered(60, 8, seed=1))
    session.close()
    assert len(ask(empty_database, "select * from similar(42, 'vgg16', 10)")) == 10
    assert ask(empty_database, "SELECT '[1]'::halfvec <=> '[1]'") == [(0.0,)]
    assert "ALTER ROLE" not in imgsim("db", "upgrade").err
