"""Ingests that are killed, and two at once, as processes of their own."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest
from sqlalchemy import text

from imgsim.domain import MediaStatus
from imgsim.pipeline import ingest_run
from imgsim.pipeline.ingest import ingest
from imgsim.pipeline.progress import Silent
from imgsim.sampling import Sampling
from imgsim.store import indexes
from imgsim.store.embedding_tables import vector_bytes
from imgsim.store.engine import Session
from tests.integration.command import Imgsim, heed_signals


def _start(database: str, *arguments: object) -> subprocess.Popen[str]:
    words = [str(argument) for argument in arguments]
    return subprocess.Popen(
        [sys.executable, "-m", "imgsim", "--database-url", database, "ingest", *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        preexec_fn=heed_signals,
    )


def _count(session: Session, table: str) -> int:
    with session.connect() as connection:
        return int(connection.execute(text(f"SELECT count(*) FROM {table}")).scalar_one())  # noqa: S608


_CLAIMS = text(
    "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND granted AND database = "
    "(SELECT oid FROM pg_database WHERE datname = current_database())"
)


def _wait_for_claim(session: Session, process: subprocess.Popen[str]) -> None:
    """Until the ingest has claimed the film: it decodes and embeds from now on."""
    until = time.monotonic() + 60
    while time.monotonic() < until and process.poll() is None:
        with session.connect() as connection:
            if connection.execute(_CLAIMS).scalar_one():
                return
        time.sleep(0.02)
    raise AssertionError(f"the ingest never came so far: {process.communicate()[0]}")


@pytest.mark.parametrize("delay", [0.2, 1.0, 1.6])
def test_a_killed_ingest_leaves_a_film_whole_or_absent(
    session: Session, database: str, sample: Path, imgsim: Imgsim, delay: float
) -> None:
    process = _start(database, sample)
    _wait_for_claim(session, process)
    time.sleep(delay)
    process.kill()
    process.communicate(timeout=60)
    frames = _count(session, "frame")
    assert frames in (0, 132)
    assert _count(session, "media") == (frames > 0)
    assert _count(session, "embedding_efficientnet_lite0") == frames
    finished = imgsim("ingest", sample, "--format", "json").json()["media"][0]
    assert (finished["status"], finished["embedded"]) == ("complete", 132)
    assert _count(session, "embedding_efficientnet_lite0") == 132


def test_an_interrupted_ingest_says_so(session: Session, database: str, sample: Path) -> None:
    process = _start(database, sample)
    _wait_for_claim(session, process)
    process.send_signal(signal.SIGINT)
    said, _nothing = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "interrupted" in said
    assert "Traceback" not in said
    assert _count(session, "media") == 0


def test_two_ingests_of_one_folder_do_each_file_once(
    session: Session, database: str, sample: Path, picture: Path, tmp_path: Path
) -> None:
    for number in range(3):
        shutil.copyfile(picture, tmp_path / f"equal{number}.jpg")
    shutil.copyfile(sample, tmp_path / "film.mp4")
    both = [
        _start(database, tmp_path, "--every", "10", "--format", "json", "--quiet")
        for _process in range(2)
    ]
    said = [process.communicate(timeout=120)[0] for process in both]
    assert [process.returncode for process in both] == [0, 0], said
    actions = Counter(
        (Path(media["path"]).suffix, media["action"])
        for report in said
        for media in json.loads(report)["media"]
    )
    assert actions == {
        (".jpg", "ingested"): 1,
        (".jpg", "unchanged"): 5,
        (".mp4", "ingested"): 1,
        (".mp4", "unchanged"): 1,
    }
    assert _count(session, "media") == 2
    assert _count(session, "embedding_efficientnet_lite0") == 1 + 14
    assert _count(session, "media_path") == 4


def test_an_ingest_ends_by_building_a_due_index(
    imgsim: Imgsim,
    session: Session,
    sample: Path,
    picture: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(indexes, "BUILD_FROM_BYTES", 20 * vector_bytes(1280))
    few = imgsim("ingest", sample, "--every", "10")
    assert "HNSW" not in few.err
    more = imgsim("ingest", sample, "--every", "2")
    assert "HNSW index of efficientnet_lite0 built" in more.err
    found = imgsim("search", picture)
    assert "HNSW index" in found.out
    assert found.out.splitlines()[2].split()[4] == "22"
    with session.connect() as connection:  # as a run leaves it that was killed before its end
        connection.execute(text("DROP INDEX imgsim.embedding_efficientnet_lite0_hnsw"))
    again = imgsim("ingest", sample, "--every", "2")
    assert "1 unchanged" in again.out
    assert "HNSW index of efficientnet_lite0 built" in again.err


class _Watched(Silent):
    """Counts the claims that are held while frames of a film come in."""

    def __init__(self, session: Session, film: Path) -> None:
        self._session = session
        self._film = film
        self.claims: set[int] = set()

    def at(self, path: Path, share: float, frames: int) -> None:
        del share, frames
        if path == self._film:
            with self._session.connect() as connection:
                self.claims.add(connection.execute(_CLAIMS).scalar_one())


@pytest.mark.parametrize(("ahead", "claims"), [(64 << 20, 4), (1 << 20, 1)])
def test_what_lies_behind_a_large_film_is_left_to_others(
    session: Session,
    sample: Path,
    photos: list[Path],
    monkeypatch: pytest.MonkeyPatch,
    ahead: int,
    claims: int,
) -> None:
    """The sample has a little more than a megabyte; pictures behind it wait for their turn."""
    monkeypatch.setattr(ingest_run, "_AHEAD_BYTES", ahead)
    watched = _Watched(session, sample)
    report = ingest(
        session,
        [str(sample), *map(str, photos)],
        sampling=Sampling(every=60),
        progress=watched,
    )
    assert watched.claims == {claims}
    assert [media.status for media in report.media] == [MediaStatus.COMPLETE] * 4
