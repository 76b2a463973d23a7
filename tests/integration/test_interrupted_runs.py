"""Runs that are cut off: killed at any moment, or left by the database or the decoder."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from imgsim.store import migrations
from imgsim.store.server import EmbeddedServer
from tests.integration.command import Imgsim, calling, heed_signals

pytestmark = pytest.mark.skipif(os.name == "nt", reason="signals and /proc of POSIX")

Start = Callable[..., subprocess.Popen[str]]


@pytest.fixture(scope="module")
def stoppable(module_server_root: Path) -> Iterator[EmbeddedServer]:
    """A server that tests may stop."""
    made = EmbeddedServer(module_server_root / "data")
    yield made
    made.stop()


@pytest.fixture
def server(stoppable: EmbeddedServer) -> EmbeddedServer:
    """A server that a test may stop, with an empty gallery."""
    elsewhere = make_conninfo(stoppable.ensure(), dbname="postgres")
    with psycopg.connect(elsewhere, autocommit=True) as connection:
        connection.execute("DROP DATABASE imgsim WITH (FORCE)")
    migrations.upgrade(stoppable.ensure())
    return stoppable


@pytest.fixture
def imgsim(server: EmbeddedServer, capfd: pytest.CaptureFixture[str]) -> Imgsim:
    """Runs `imgsim ARGUMENTS` in this process, on the same gallery."""
    return calling(server.url(), capfd)


@pytest.fixture
def folder(tmp_path: Path, sample: Path, picture: Path) -> Path:
    """A clip and pictures that all differ."""
    made = tmp_path / "media"
    made.mkdir()
    shutil.copyfile(sample, made / "clip.mp4")
    for number in range(6):
        (made / f"{number}.jpg").write_bytes(picture.read_bytes() + bytes([number]))
    return made


@pytest.fixture
def start(server: EmbeddedServer) -> Iterator[Start]:
    """Starts `imgsim ARGUMENTS` as a process; none is left running."""
    started: list[subprocess.Popen[str]] = []

    def begin(*arguments: object) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "imgsim", "--data-dir", str(server.data_dir)]
        process = subprocess.Popen(
            [*command, *map(str, arguments)],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            preexec_fn=heed_signals,
        )
        started.append(process)
        return process

    yield begin
    for process in started:
        process.kill()
        process.wait()


def contents(server: EmbeddedServer) -> list[tuple[object, ...]]:
    """What the gallery holds, without keys and times."""
    with psycopg.connect(server.ensure()) as connection:
        return connection.execute(
            "SELECT m.content_id, m.status, m.decoded_frames, c.sampling, c.embedded, "
            "count(f.frame_id), count(e.frame_id), min(f.timestamp_s), max(f.timestamp_s) "
            "FROM imgsim.media m JOIN imgsim.coverage c USING (media_id) "
            "JOIN imgsim.frame f USING (media_id) "
            "LEFT JOIN imgsim.embedding_efficientnet_lite0 e USING (frame_id) "
            "GROUP BY 1, 2, 3, 4, 5 ORDER BY 1"
        ).fetchall()


def wait_for_claim(server: EmbeddedServer) -> None:
    """Until an ingest is at a file: it decodes and embeds from now on."""
    until = time.monotonic() + 60
    with psycopg.connect(server.url(), autocommit=True) as connection:
        while time.monotonic() < until:
            row = connection.execute(
                # Claims are named by 64 bits of a digest; other locks of imgsim's by 32.
                "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND granted "
                "AND classid <> 0"
            ).fetchone()
            if row and row[0]:
                return
            time.sleep(0.02)
    raise AssertionError("no ingest came so far")


def decoder_of(process: subprocess.Popen[str]) -> int:
    """The process id of an ingest's decoder, once there is one."""
    until = time.monotonic() + 60
    while time.monotonic() < until:
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
        for child in children.read_text().split():
            if b"decoder_process" in Path(f"/proc/{child}/cmdline").read_bytes():
                return int(child)
        time.sleep(0.02)
    raise AssertionError("no decoder was started")


def test_kills_at_random_moments_change_nothing(
    server: EmbeddedServer, start: Start, imgsim: Imgsim, folder: Path
) -> None:
    moments = random.Random(5)
    kills = 0
    for _ in range(4):
        process = start("ingest", folder)
        time.sleep(moments.uniform(0.6, 2))
        kills += process.poll() is None
        process.kill()
        process.communicate()
    assert kills
    said = imgsim("ingest", folder).out
    assert "7 ingested" in said or "unchanged" in said
    interrupted = contents(server)
    assert len(interrupted) == 7
    assert imgsim("forget", folder).code == 0
    assert imgsim("ingest", folder).code == 0
    assert interrupted == contents(server)
    assert {(row[1], row[4] == row[5] == row[6]) for row in interrupted} == {("complete", True)}


def test_a_database_that_comes_back_is_waited_for(
    server: EmbeddedServer, start: Start, folder: Path
) -> None:
    process = start("ingest", folder)
    wait_for_claim(server)
    server.stop()
    time.sleep(3)
    server.ensure()
    said = process.communicate(timeout=120)[0]
    assert process.returncode == 0, said
    assert "the database does not answer any more; waiting" in said
    assert "the database is back" in said
    assert [row[4] for row in contents(server)].count(132) == 1
    assert len(contents(server)) == 7


def test_a_database_that_stays_away_ends_the_run(
    server: EmbeddedServer, folder: Path, start: Start
) -> None:
    process = start("ingest", folder, "--database-timeout", "2")
    wait_for_claim(server)
    server.stop()
    said = process.communicate(timeout=60)[0]
    assert process.returncode == 3, said
    assert "cannot be reached" in said
    assert "Traceback" not in said


@pytest.mark.skipif(sys.platform != "linux", reason="finds the decoder in /proc")
@pytest.mark.parametrize("stop", [signal.SIGKILL, signal.SIGSTOP])
def test_a_decoder_that_dies_or_stalls_costs_one_file(
    start: Start, imgsim: Imgsim, folder: Path, stop: signal.Signals
) -> None:
    process = start("ingest", folder, "--every", "6", "--time-limit", "8")
    os.kill(decoder_of(process), stop)
    said = process.communicate(timeout=120)[0]
    assert process.returncode == 4, said
    assert "6 ingested, 1 failed" in said
    assert ("crashed" if stop is signal.SIGKILL else "standstill") in said
    assert "1 ingested, 6 unchanged" in imgsim("ingest", folder, "--every", "6").out


def test_a_file_that_changes_while_it_is_read_is_not_stored(
    server: EmbeddedServer, start: Start, imgsim: Imgsim, folder: Path
) -> None:
    clip = folder / "clip.mp4"
    process = start("ingest", clip)
    wait_for_claim(server)
    with clip.open("ab") as file:
        file.write(bytes(1000))
    said = process.communicate(timeout=60)[0]
    assert process.returncode == 1, said
    assert "changed while it was being read; ingest it again" in said
    assert imgsim("media", "list", clip).code == 1
    assert "1 ingested" in imgsim("ingest", clip).out
    assert [row[4] for row in contents(server)] == [132]


def test_ctrl_c_ends_heavy_networks_at_once(start: Start, folder: Path) -> None:
    process = start("ingest", folder, "-b", "efficientnet_lite2", "-b", "efficientnet_lite1")
    assert process.stdout is not None
    lines = iter(process.stdout.readline, "")
    assert any("efficientnet_lite1 runs on" in line for line in lines), "both are built then"
    time.sleep(0.5)
    assert process.poll() is None
    began = time.monotonic()
    process.send_signal(signal.SIGINT)
    said = process.communicate(timeout=60)[0]
    assert process.returncode == 130
    assert time.monotonic() - began < 8  # 1 s where nothing else runs
    assert "The same command again goes on." in said
    assert "Traceback" not in said
