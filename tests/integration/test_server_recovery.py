"""The embedded server after kills, collisions and half-done work."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from imgsim.errors import ServerError
from imgsim.store.lock import file_lock
from imgsim.store.server import EmbeddedServer
from tests.integration.command import heed_signals

pytestmark = pytest.mark.skipif(os.name == "nt", reason="signals and process groups of POSIX")

ENSURE = (
    "import sys, pathlib; from imgsim.store.server import EmbeddedServer; "
    "print(EmbeddedServer(pathlib.Path(sys.argv[1])).ensure(), flush=True)"
)


@pytest.fixture
def server(server_root: Path) -> Iterator[EmbeddedServer]:
    """A server that was never started, in a folder of its own."""
    made = EmbeddedServer(server_root / "data")
    yield made
    made.stop()


@contextmanager
def imgsim_process(server: EmbeddedServer, then: str = "") -> Iterator[subprocess.Popen[str]]:
    """Another process, in its own group, that ensures the server and goes on with `then`."""
    process = subprocess.Popen(
        [sys.executable, "-c", f"{ENSURE}{then}", str(server.data_dir)],
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=heed_signals,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
    )
    with process:
        yield process
        process.kill()


def first_line(process: subprocess.Popen[str]) -> str:
    """The URL that the other process prints."""
    assert process.stdout is not None
    return process.stdout.readline().strip()


def answers(url: str) -> bool:
    """Tell whether the database of `url` executes a statement."""
    with psycopg.connect(url) as connection:
        return connection.execute("SELECT 1").fetchone() == (1,)


def pid_of(server: EmbeddedServer) -> int:
    """The process id of a running server."""
    pid = server.status().pid
    assert pid is not None
    return pid


def test_three_processes_starting_it_at_once_share_one_server(server: EmbeddedServer) -> None:
    with (
        imgsim_process(server) as one,
        imgsim_process(server) as two,
        imgsim_process(server) as three,
    ):
        urls = {first_line(process) for process in (one, two, three)}
    assert urls == {server.url()}
    assert answers(urls.pop())


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT, signal.SIGHUP])
def test_it_outlives_the_process_that_started_it(
    server: EmbeddedServer, how: signal.Signals
) -> None:
    with imgsim_process(server, "; import time; time.sleep(60)") as process:
        url = first_line(process)
        os.killpg(process.pid, how)  # ctrl-C and a closed terminal reach the whole group
        process.wait(timeout=10)
    time.sleep(0.2)
    assert answers(url)
    assert server.ensure() == url


def test_a_killed_server_starts_again_with_what_it_had(server: EmbeddedServer) -> None:
    with psycopg.connect(server.ensure(), autocommit=True) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 42 AS answer")
    killed = pid_of(server)
    os.kill(killed, signal.SIGKILL)
    with psycopg.connect(server.ensure()) as connection:
        assert connection.execute("SELECT answer FROM kept").fetchone() == (42,)
    assert pid_of(server) != killed


def test_a_busy_child_of_a_killed_server_is_waited_for(server: EmbeddedServer) -> None:
    url = server.ensure()

    def keep_a_child_busy() -> None:
        endless = "SET LOCAL statement_timeout = '2s'; DO 'BEGIN LOOP END LOOP; END'"
        with pytest.raises(psycopg.Error), psycopg.connect(url) as connection:
            connection.execute(endless)

    with ThreadPoolExecutor() as threads:
        busy = threads.submit(keep_a_child_busy)
        time.sleep(0.5)
        os.kill(pid_of(server), signal.SIGKILL)
        assert answers(server.ensure())
        busy.result(timeout=30)
    assert "is still in use" in (server.data_dir / "server.log").read_text()


@pytest.fixture
def stranger(server: EmbeddedServer) -> Iterator[subprocess.Popen[bytes]]:
    """The server is down, and its pid file names an unrelated process of the same user."""
    server.ensure()
    pid_file = server.data_dir / "postgres" / "postmaster.pid"
    content = pid_file.read_text()
    server.stop()
    owner = pid_file.parent.stat()
    user = {"user": owner.st_uid, "group": owner.st_gid} if os.geteuid() == 0 else {}
    with subprocess.Popen(["sleep", "60"], cwd="/", **user) as process:  # type: ignore[call-overload]
        pid_file.write_text("\n".join([str(process.pid), *content.split("\n")[1:]]))
        os.chown(pid_file, owner.st_uid, owner.st_gid)
        yield process
        process.kill()


def test_a_recycled_pid_does_not_prevent_the_start(
    server: EmbeddedServer, stranger: subprocess.Popen[bytes]
) -> None:
    assert not server.status().running
    assert answers(server.ensure())
    assert pid_of(server) != stranger.pid
    assert stranger.poll() is None


def test_stop_leaves_the_owner_of_a_recycled_pid_alone(
    server: EmbeddedServer, stranger: subprocess.Popen[bytes]
) -> None:
    assert not server.stop()
    time.sleep(0.2)
    assert stranger.poll() is None


@pytest.mark.parametrize("content", ["", "not a number\n", "123"])
def test_a_damaged_pid_file_does_not_prevent_the_start(
    server: EmbeddedServer, content: str
) -> None:
    server.ensure()
    server.stop()
    (server.data_dir / "postgres" / "postmaster.pid").write_text(content)
    assert answers(server.ensure())


def test_it_moves_when_its_port_is_taken_and_stays_there(server: EmbeddedServer) -> None:
    server.ensure()
    port = server.status().port
    assert port is not None
    server.stop()
    with socket.create_server(("127.0.0.1", port)):
        moved = server.ensure()
        assert server.status().port != port
        assert answers(moved)
    server.stop()
    assert server.ensure() == moved


def test_an_interrupted_creation_is_begun_anew(server: EmbeddedServer) -> None:
    with imgsim_process(server) as process:
        deadline = time.monotonic() + 20
        while not list(server.data_dir.glob("*new-*/postgres/PG_VERSION")):
            assert time.monotonic() < deadline
            time.sleep(0.005)
        process.kill()
        process.wait(timeout=10)
    assert not (server.data_dir / "postgres").exists()
    assert answers(server.ensure())
    server.stop()
    server.ensure()  # the abandoned initdb may have gone on writing during the first start
    assert not list(server.data_dir.rglob("*new-*"))


def test_waiting_for_another_process_comes_to_an_end(
    server: EmbeddedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("imgsim.store.server._LOCK_TIMEOUT_S", 0.1)
    server.data_dir.mkdir()
    with (
        file_lock(server.data_dir / "server.lock", timeout_s=0),
        pytest.raises(ServerError, match="Another imgsim"),
    ):
        server.ensure()
    assert answers(server.ensure())


def test_a_lost_password_is_replaced_at_the_next_start(server: EmbeddedServer) -> None:
    with psycopg.connect(server.ensure(), autocommit=True) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 42 AS answer")
    before = server.url()
    (server.data_dir / "secret.json").unlink()
    with pytest.raises(ServerError, match="imgsim db stop"):
        server.ensure()
    assert server.stop()
    with psycopg.connect(server.ensure()) as connection:
        assert connection.execute("SELECT answer FROM kept").fetchone() == (42,)
    assert server.url() != before


def test_a_dropped_database_is_created_again(server: EmbeddedServer) -> None:
    url = server.ensure()
    with psycopg.connect(url.replace("/imgsim?", "/postgres?"), autocommit=True) as connection:
        connection.execute("DROP DATABASE imgsim")
    assert answers(server.ensure())


def test_a_failed_start_shows_the_end_of_the_log(server: EmbeddedServer) -> None:
    with psycopg.connect(server.ensure(), autocommit=True) as connection:
        connection.execute("ALTER SYSTEM SET shared_preload_libraries = 'no_such_library'")
    server.stop()
    with pytest.raises(ServerError, match="no_such_library") as raised:
        server.ensure()
    assert str(server.data_dir / "server.log") in str(raised.value)
