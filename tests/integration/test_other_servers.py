"""A PostgreSQL that is not imgsim's own: what it must have, and what is said where it has not."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from imgsim.errors import DatabaseUnreachable, PgvectorUnusable
from imgsim.store import binaries, extension, migrations
from imgsim.store.engine import Session
from imgsim.store.server import EmbeddedServer
from tests.integration.command import run


@pytest.fixture
def bare_server(server_root: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The URL of a PostgreSQL without pgvector: a copy of our own, with the extension taken out."""
    found = binaries.find_binaries()
    assert found.package is not None
    copy = server_root / found.package.name / "pg"
    shutil.copytree(found.folder.parent, copy, symlinks=True)
    bundled = found.package.parent / f"{found.package.name}.libs"
    if bundled.is_dir():
        # The programs find these by a path relative to their own folder.
        shutil.copytree(bundled, server_root / bundled.name)
    for control in copy.rglob("vector.control"):
        control.unlink()
    monkeypatch.setenv("IMGSIM_PG_BIN", str(copy / "bin"))
    monkeypatch.setattr(binaries, "_has_pgvector", lambda _folder: True)
    server = EmbeddedServer(server_root / "data")
    yield server.ensure()
    server.stop()


def test_a_server_without_pgvector_is_told_what_to_install(
    bare_server: str, picture: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    for words in (["db", "upgrade"], ["search", picture]):
        assert run("--database-url", bare_server, *words) == 1
        err = capfd.readouterr().err
        assert "has no pgvector" in err
        assert "0.8.4 or newer" in err


def test_an_older_pgvector_is_updated_by_an_upgrade(database: str) -> None:
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("UPDATE pg_extension SET extversion = '0.8.3' WHERE extname = 'vector'")
    session = Session(database)
    with session.connect() as link, pytest.raises(PgvectorUnusable, match="imgsim db upgrade"):
        extension.require(link)
    migrations.upgrade(database)
    with session.connect() as link:
        extension.require(link)
    session.close()


def test_a_pgvector_that_is_new_enough_need_not_be_the_newest(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its owner alone may update it, so that others must be able to go on without."""
    monkeypatch.setattr(extension, "MIN_VERSION", (0, 8, 0))
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("UPDATE pg_extension SET extversion = '0.8.3' WHERE extname = 'vector'")
        connection.execute("DROP ROLE IF EXISTS guest")
        connection.execute("CREATE ROLE guest LOGIN PASSWORD 'guest'")
        connection.execute("ALTER SCHEMA imgsim OWNER TO guest")
        connection.execute("ALTER TABLE imgsim.alembic_version OWNER TO guest")
    migrations.upgrade(make_conninfo(database, user="guest", password="guest"))
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("REASSIGN OWNED BY guest TO CURRENT_USER")
        connection.execute("DROP ROLE guest")


def test_a_database_of_another_encoding_is_refused(
    server: EmbeddedServer, picture: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with psycopg.connect(server.url(), autocommit=True) as connection:
        connection.execute(
            "CREATE DATABASE ascii ENCODING 'SQL_ASCII' LOCALE_PROVIDER libc LOCALE 'C' "
            "TEMPLATE template0"
        )
    url = make_conninfo(server.url(), dbname="ascii")
    for words in (["db", "upgrade"], ["search", picture]):
        assert run("--database-url", url, *words) == 1
        assert "imgsim needs UTF8" in capfd.readouterr().err
    with psycopg.connect(server.url(), autocommit=True) as connection:
        connection.execute("DROP DATABASE ascii WITH (FORCE)")


def test_a_client_encoding_in_the_environment_does_not_matter(
    database: str, picture: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PGCLIENTENCODING", "latin1")
    named = tmp_path / "фото 猫.jpg"
    named.write_bytes(picture.read_bytes())
    assert run("--database-url", database, "ingest", named) == 0


def test_pgvector_in_a_schema_of_its_own(
    empty_database: str, picture: Path, sample: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with psycopg.connect(empty_database, autocommit=True) as connection:
        connection.execute("CREATE SCHEMA extensions; CREATE EXTENSION vector SCHEMA extensions")
    assert run("--database-url", empty_database, "db", "upgrade") == 0
    assert run("--database-url", empty_database, "ingest", sample, "--every", "44") == 0
    assert run("--database-url", empty_database, "search", picture, "-k", "1") == 0
    assert "bigbuckbunny.mp4" in capfd.readouterr().out


def test_an_ordinary_user_is_told_which_rights_it_lacks(
    server: EmbeddedServer,
    empty_database: str,
    picture: Path,
    capfd: pytest.CaptureFixture[str],
) -> None:
    with psycopg.connect(empty_database, autocommit=True) as connection:
        connection.execute("DROP ROLE IF EXISTS plain")
        connection.execute("CREATE ROLE plain LOGIN PASSWORD 'plain'")
        (name,) = connection.execute("SELECT current_database()").fetchone() or ("",)
        port = connection.info.port
    url = f"postgresql://plain:plain@127.0.0.1:{port}/{name}"
    assert run("--database-url", url, "db", "upgrade") == 1
    assert "administrator" in capfd.readouterr().err
    with psycopg.connect(empty_database, autocommit=True) as connection:
        connection.execute("CREATE EXTENSION vector")
    assert run("--database-url", url, "db", "upgrade") == 1
    assert "needs CREATE on the database" in capfd.readouterr().err
    with psycopg.connect(empty_database, autocommit=True) as connection:
        connection.execute(f"GRANT CREATE ON DATABASE {name} TO plain")
    assert run("--database-url", url, "db", "upgrade") == 0
    assert run("--database-url", url, "ingest", picture) == 0
    assert run("--database-url", url, "search", picture) == 0
    with psycopg.connect(server.url(), autocommit=True) as connection:
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")
        connection.execute(f"CREATE DATABASE {name}")
        connection.execute("DROP ROLE plain")


def test_a_connection_that_breaks_is_reported(server: EmbeddedServer, database: str) -> None:
    session = Session(database)
    with session.connect() as connection:
        backend = connection.exec_driver_sql("SELECT pg_backend_pid()").scalar_one()

    def ask() -> None:
        with session.connect() as connection:
            connection.exec_driver_sql("SELECT 1")

    with psycopg.connect(server.url(), autocommit=True) as other:
        other.execute("SELECT pg_terminate_backend(%s, 1000)", (backend,))
    with pytest.raises(DatabaseUnreachable, match="cannot be reached"):
        ask()
    session.close()
