"""Removing from the gallery: what is asked first, what is left alone, two at it at once."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import select

from imgsim.store import removal, schema
from imgsim.store.engine import Session
from imgsim.store.paths import HOST
from imgsim.store.write import open_writer
from tests.integration.command import Imgsim, counted, listed


def test_pruning_asks_and_a_dry_run_changes_nothing(
    imgsim: Imgsim, session: Session, photos: list[Path], tmp_path: Path
) -> None:
    imgsim("ingest", *photos)
    shutil.rmtree(tmp_path / "a")  # as a disk that is not plugged in
    before = counted(session)
    dry = imgsim("prune", "--dry-run")
    assert (dry.code, sorted(dry.out.splitlines())) == (0, sorted(f"gone: {p}" for p in photos))
    refused = imgsim("prune")
    assert (refused.code, refused.out) == (2, "")
    assert "--yes" in refused.err
    assert counted(session) == before
    assert imgsim("prune", "--yes").code == 0
    assert counted(session) == (0, 0, 0, 0)
    assert imgsim("prune", "--yes").out == ""


@pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal")
@pytest.mark.parametrize(("answer", "code", "left"), [("n\n", 1, 3), ("y\n", 0, 2)])
def test_the_question_of_a_terminal(
    imgsim: Imgsim,
    session: Session,
    database: str,
    photos: list[Path],
    answer: str,
    code: int,
    left: int,
) -> None:
    imgsim("ingest", *photos)
    photos[0].unlink()
    ours, theirs = os.openpty()
    os.write(ours, answer.encode())
    ran = subprocess.run(
        [sys.executable, "-m", "imgsim", "prune"],
        env=os.environ | {"IMGSIM_DATABASE_URL": database},
        stdin=theirs,
        capture_output=True,
        text=True,
        check=False,
    )
    os.close(ours)
    os.close(theirs)
    assert ran.returncode == code, ran.stderr
    assert "Forget the paths above (1)?" in ran.stderr
    assert ran.stdout.startswith(f"gone: {photos[0]}\n")
    assert counted(session)[0] == left


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="every folder is open")
def test_what_lies_in_a_closed_folder_is_not_gone(imgsim: Imgsim, photos: list[Path]) -> None:
    imgsim("ingest", *photos)
    photos[0].parent.chmod(0)
    try:
        assert imgsim("prune", "--yes").out == ""
    finally:
        photos[0].parent.chmod(0o700)


def test_a_content_that_is_being_ingested_is_left_alone(
    imgsim: Imgsim, session: Session, photos: list[Path]
) -> None:
    imgsim("ingest", *photos)
    (line,) = imgsim("media", "list", photos[0], "--format", "json").json()
    with open_writer(session, []) as writer:
        assert writer.claim([line["content_id"]])
        ran = imgsim("forget", *photos)
        assert ran.code == 4
        assert f"{photos[0]}: is being ingested just now" in ran.err
        assert listed(imgsim) == [str(photos[0])]
    assert imgsim("forget", photos[0]).code == 0
    assert counted(session)[0] == 0


def test_many_media_go_and_two_at_it_do_not_stop_each_other(session: Session) -> None:
    with session.connect() as connection:
        connection.execute(
            schema.media.insert(),
            [{"content_id": f"sha256:{n}", "status": "complete"} for n in range(350)],
        )
        ids = connection.scalars(select(schema.media.c.media_id)).all()
        connection.execute(
            schema.media_path.insert(),
            [
                {"media_id": key, "host": HOST, "path_raw": b"/films/%d" % key, "path": "film"}
                for key in ids
            ],
        )
    paths = removal.paths_here(session, Path("/films"))
    assert len(paths) == 350
    with ThreadPoolExecutor() as pool:
        done = list(pool.map(lambda order: removal.remove(session, order), [paths, paths[::-1]]))
    assert sum(removed.media for removed, _busy in done) == 350
    assert counted(session)[:2] == (0, 0)
