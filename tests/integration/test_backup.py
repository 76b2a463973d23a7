"""A gallery that was backed up and restored answers as before."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.integration.command import Imgsim, run


@pytest.fixture
def backup(imgsim: Imgsim, sample: Path, tmp_path: Path) -> Path:
    """A backup of a gallery with an index."""
    file = tmp_path / "gallery 1.dump"
    assert imgsim("ingest", sample, "--every", "3").code == 0
    assert imgsim("index", "rebuild").code == 0
    assert imgsim("db", "backup", file).code == 0
    return file


def test_the_same_top_ten_before_and_after(
    imgsim: Imgsim,
    backup: Path,
    picture: Path,
    sample: Path,
    empty_database: str,
    capfd: pytest.CaptureFixture[str],
) -> None:
    before = imgsim("search", picture, "--format", "json").json()
    restored = ["--database-url", empty_database]
    assert run(*restored, "db", "upgrade") == 0
    assert run(*restored, "db", "restore", backup) == 0
    capfd.readouterr()
    assert run(*restored, "search", picture, "--format", "csv", "--quiet") == 0
    after = capfd.readouterr().out.splitlines()[1:]
    assert [line.split(",")[-1] for line in after] == [
        str(hit["frame_id"]) for hit in before[0]["hits"]
    ]
    assert run(*restored, "index", "status") == 0
    assert capfd.readouterr().out.split()[-2:] == ["16", "200"]
    assert run(*restored, "ingest", sample, "--every", "3") == 0
    assert "1 unchanged" in capfd.readouterr().out


def test_nothing_is_overwritten(imgsim: Imgsim, backup: Path) -> None:
    size = backup.stat().st_size
    again = imgsim("db", "backup", backup)
    assert again.code == 1
    assert "overwrites nothing" in again.err
    assert backup.stat().st_size == size
    refused = imgsim("db", "restore", backup)
    assert refused.code == 2
    assert "holds 1 media already" in refused.err


def test_a_file_that_is_no_backup_leaves_an_empty_gallery(
    imgsim: Imgsim, picture: Path, tmp_path: Path
) -> None:
    (tmp_path / "no.dump").write_text("no backup")
    failed = imgsim("db", "restore", tmp_path / "no.dump")
    assert failed.code == 1
    assert "pg_restore failed" in failed.err
    assert imgsim("db", "restore", tmp_path / "missing.dump").code == 2
    assert imgsim("ingest", picture).code == 0


def test_a_place_that_cannot_be_written(imgsim: Imgsim, tmp_path: Path) -> None:
    failed = imgsim("db", "backup", tmp_path / "no" / "folder.dump")
    assert failed.code == 1
    assert "pg_dump failed" in failed.err
