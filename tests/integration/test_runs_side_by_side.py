"""Ingests that are killed, and two at once, as processes of their own."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from sqlalchemy import text

from imgsim.store import indexes
from imgsim.store.engine import Session
from tests.integration.command import Imgsim


def _start(database: str, *arguments: object) -> subprocess.Popen[str]:
    words = [str(argument) for argument in arguments]
    return subprocess.Popen(
        [sys.executable, "-m", "imgsim", "--database-url", database, "ingest", *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def _count(session: Session, table: str) -> int:
    with session.connect() as connection:
        return int(connection.execute(text(f"SELECT count(*) FROM {table}")).scalar_one())  # noqa: S608


def _wait_for_staging(session: Session, process: subprocess.Popen[str]) -> None:
    """Until the ingest has its staging tables: it is at the film now."""
    query = text("SELECT count(*) FROM pg_class WHERE relname = 'staging_frame' AND relpages >= 0")
    until = time.monotonic() + 60
    while time.monotonic() < until and process.poll() is None:
        with session.connect() as connection:
            if connection.execute(query).scalar_one():
                return
        time.sleep(0.05)
    raise AssertionError(f"the ingest never came so far: {process.communicate()[0]}")


@pytest.mark.parametrize("sign", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_a_killed_ingest_leaves_a_film_whole_or_absent(
    session: Session, database: str, sample: Path, imgsim: Imgsim, sign: signal.Signals
) -> None:
    process = _start(database, sample, "--every", "2")
    _wait_for_staging(session, process)
    process.send_signal(sign)
    process.communicate(timeout=60)
    assert _count(session, "frame") in (0, 66)
    assert _count(session, "media") == (_count(session, "frame") > 0)
    finished = imgsim("ingest", sample, "--every", "2", "--format", "json").json()["media"][0]
    assert (finished["status"], finished["embedded"]) == ("complete", 66)
    assert _count(session, "embedding_efficientnet_lite0") == 66


def test_two_ingests_of_one_folder_do_each_file_once(
    session: Session, database: str, sample: Path, picture: Path, tmp_path: Path
) -> None:
    for number in range(3):
        shutil.copyfile(picture, tmp_path / f"equal{number}.jpg")
    shutil.copyfile(sample, tmp_path / "film.mp4")
    both = [_start(database, tmp_path, "--every", "10") for _process in range(2)]
    said = [process.communicate(timeout=120)[0] for process in both]
    assert [process.returncode for process in both] == [0, 0], said
    assert _count(session, "media") == 2
    assert _count(session, "frame") == 1 + 14
    assert _count(session, "embedding_efficientnet_lite0") == 1 + 14
    assert _count(session, "media_path") == 4


def test_an_ingest_ends_by_building_a_due_index(
    imgsim: Imgsim, sample: Path, picture: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(indexes, "BUILD_FROM_ROWS", 20)
    few = imgsim("ingest", sample, "--every", "10")
    assert "HNSW" not in few.err
    more = imgsim("ingest", sample, "--every", "2")
    assert "HNSW index of efficientnet_lite0 built" in more.err
    found = imgsim("search", picture)
    assert "HNSW index" in found.out
    assert found.out.splitlines()[2].split()[4] == "22"
