"""The embedded server in ordinary use: what it is, where it listens, who may come in."""

from __future__ import annotations

import json
import os
import socket
import stat
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from imgsim.errors import ServerError
from imgsim.store.server import EmbeddedServer, default_data_dir


@pytest.fixture
def server(server_root: Path) -> Iterator[EmbeddedServer]:
    """A server that was never started, in a folder of its own."""
    made = EmbeddedServer(server_root / "data")
    yield made
    made.stop()


@pytest.fixture(scope="module")
def running(module_server_root: Path) -> Iterator[EmbeddedServer]:
    """A server that runs, for tests that leave it as it is."""
    made = EmbeddedServer(module_server_root / "data")
    made.ensure()
    yield made
    made.stop()


def show(url: str, setting: str) -> str:
    """A setting as a client of `url` sees it."""
    with psycopg.connect(url) as connection:
        row = connection.execute("SELECT current_setting(%s)", [setting]).fetchone()
    assert row is not None
    return str(row[0])


def test_first_start_creates_a_database_that_answers(server: EmbeddedServer) -> None:
    with psycopg.connect(server.ensure()) as connection:
        row = connection.execute(
            "SELECT current_database(), current_user, 'Ä' ~ '[[:alpha:]]', "
            "(SELECT datlocale FROM pg_database WHERE datname = current_database()), "
            "EXISTS (SELECT FROM pg_available_extensions WHERE name = 'vector')"
        ).fetchone()
    assert row == ("imgsim", "imgsim", True, "C.UTF-8", True)


def test_a_running_server_is_attached_to_quickly(running: EmbeddedServer) -> None:
    url = running.ensure()
    pid = running.status().pid
    began = time.monotonic()
    again = EmbeddedServer(running.data_dir).ensure()
    assert time.monotonic() - began < 0.5  # 0.01 s where nothing else runs
    assert (again, running.url()) == (url, url)
    assert EmbeddedServer(running.data_dir).status().pid == pid


def test_status_before_during_and_after(server: EmbeddedServer) -> None:
    before = server.status()
    assert (before.running, before.port, before.pid) == (False, None, None)
    assert not server.data_dir.exists()  # asking changes nothing
    server.ensure()
    during = server.status()
    assert during.running
    assert during.port is not None
    assert during.pid is not None
    assert during.postgres_version is not None
    assert during.postgres_version.startswith("18.")
    assert (during.binaries / "psql").is_file()
    assert server.stop()
    after = server.status()
    assert (after.running, after.port, after.pid) == (False, during.port, None)


def test_stop_tells_whether_it_was_running(server: EmbeddedServer) -> None:
    assert not server.stop()
    server.ensure()
    assert server.stop()
    assert not server.stop()


def test_url_of_a_stopped_server_is_the_one_it_will_have(server: EmbeddedServer) -> None:
    with pytest.raises(ServerError, match="imgsim db start"):
        server.url()
    url = server.ensure()
    server.stop()
    assert server.url() == url
    assert server.ensure() == url


def test_a_wrong_password_is_refused(running: EmbeddedServer) -> None:
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(
            host="127.0.0.1", port=running.status().port, user="imgsim", password="guess"
        )


def test_it_listens_on_one_address_only(running: EmbeddedServer) -> None:
    url = running.url()
    assert show(url, "listen_addresses") == "127.0.0.1"
    assert show(url, "unix_socket_directories") == ""
    port = running.status().port
    assert port is not None
    if sys.platform == "linux":  # where all of 127.0.0.0/8 is ours
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.2", port), timeout=2)


@pytest.mark.skipif(os.name == "nt", reason="modes of files are a matter of POSIX")
def test_only_the_owner_can_read_the_password_and_the_data(running: EmbeddedServer) -> None:
    url = running.url()
    secret = running.data_dir / "secret.json"
    assert json.loads(secret.read_text())["password"] in url
    assert stat.S_IMODE(secret.stat().st_mode) == 0o600
    assert stat.S_IMODE((running.data_dir / "postgres").stat().st_mode) == 0o700
    assert stat.S_IMODE((running.data_dir / "server.log").stat().st_mode) == 0o600


def test_settings_of_libpq_and_locale_do_not_leak_in(
    server: EmbeddedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {
        "LC_ALL": "xx_XX.UTF-8",
        "TZ": "Asia/Tokyo",
        "PGDATA": "/nonexistent",
        "PGPORT": "1",
        "PGUSER": "nobody",
        "PGDATABASE": "nothing",
        "PGSSLMODE": "require",
    }.items():
        monkeypatch.setenv(name, value)
    url = server.ensure()
    assert show(url, "lc_messages") == "C"
    assert show(url, "log_timezone") == "UTC"


@pytest.mark.parametrize("name", ["it's", 'say "hi" $HOME `x` \\', "фото 猫"])
def test_odd_names_of_folders(server_root: Path, name: str) -> None:
    if os.name == "nt" and '"' in name:
        pytest.skip("Windows has no such names")
    server = EmbeddedServer(server_root / name / "data")
    try:
        assert Path(show(server.ensure(), "data_directory")).samefile(server.data_dir / "postgres")
    finally:
        server.stop()


@pytest.mark.skipif(sys.platform != "linux", reason="names of other systems are Unicode")
def test_a_folder_whose_name_is_not_utf8(server_root: Path) -> None:
    server = EmbeddedServer(server_root / os.fsdecode(b"caf\xe9"))
    try:
        url = server.ensure()
        assert server.ensure() == url
    finally:
        server.stop()


def test_a_link_to_the_data_directory_reaches_the_same_server(running: EmbeddedServer) -> None:
    url = running.ensure()
    link = running.data_dir.with_name("link")
    link.symlink_to(running.data_dir)
    assert EmbeddedServer(link).ensure() == url


def test_a_database_of_another_major_version_is_refused(server: EmbeddedServer) -> None:
    server.ensure()
    server.stop()
    (server.data_dir / "postgres" / "PG_VERSION").write_text("17\n")
    with pytest.raises(ServerError, match=r"made by PostgreSQL 17.*imgsim db backup") as raised:
        server.ensure()
    assert "--data-dir" in str(raised.value)


def test_folders_that_are_something_else_are_left_alone(server_root: Path) -> None:
    (server_root / "cluster").mkdir()
    (server_root / "cluster" / "PG_VERSION").write_text("18\n")
    with pytest.raises(ServerError, match="is itself a PostgreSQL data directory"):
        EmbeddedServer(server_root / "cluster").ensure()
    (server_root / "other" / "postgres").mkdir(parents=True)
    mine = server_root / "other" / "postgres" / "notes.txt"
    mine.write_text("mine")
    with pytest.raises(ServerError, match="is not a PostgreSQL data directory"):
        EmbeddedServer(server_root / "other").ensure()
    assert mine.read_text() == "mine"
    (server_root / "file").touch()
    with pytest.raises(ServerError, match="cannot be used"):
        EmbeddedServer(server_root / "file").ensure()


@pytest.mark.skipif(
    os.name == "nt" or os.geteuid() != 0, reason="only root hands the server to another user"
)
def test_root_is_told_which_folder_shuts_the_server_out(server_root: Path) -> None:
    closed = server_root / "closed"
    closed.mkdir(mode=0o700)
    with pytest.raises(ServerError, match="cannot enter") as raised:
        EmbeddedServer(closed / "deep" / "data").ensure()
    assert f"cannot enter {closed}, " in str(raised.value)
    assert "--data-dir" in str(raised.value)
    assert stat.S_IMODE(closed.stat().st_mode) == 0o700


@pytest.mark.skipif(os.name == "nt" or os.geteuid() != 0, reason="needs a server of another user")
def test_root_runs_the_server_as_somebody_else(
    server: EmbeddedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECRET_OF_ROOT", "x")
    before = os.umask(0o077)
    try:
        server.ensure()
    finally:
        os.umask(before)
    process = Path("/proc") / str(server.status().pid)
    assert process.stat().st_uid != 0
    assert b"SECRET_OF_ROOT" not in (process / "environ").read_bytes()
    assert (server.data_dir / "postgres").stat().st_uid == process.stat().st_uid
    assert (server.data_dir / "secret.json").stat().st_uid == 0


def test_the_default_folder_is_absolute() -> None:
    assert default_data_dir().is_absolute()
    assert default_data_dir().name == "imgsim"
