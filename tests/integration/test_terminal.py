"""What a person sees: the progress bar, silence, and names that are no text. Real processes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.integration.command import Imgsim

if sys.platform == "win32":
    pytest.skip("needs a pseudo-terminal", allow_module_level=True)

import pty

Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def run(database: str) -> Run:
    """Runs `imgsim ARGUMENTS`, with stdout and stderr in files unless told otherwise."""

    def call(*arguments: object, **options: object) -> subprocess.CompletedProcess[str]:
        environment = os.environ | {"IMGSIM_DATABASE_URL": database, "PYTHONIOENCODING": "utf-8"}
        places = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE} | options
        words = [os.fsencode(str(argument)) for argument in arguments]
        return subprocess.run(  # type: ignore[call-overload, no-any-return]
            [sys.executable, "-m", "imgsim", *words],
            env=environment,
            encoding="utf-8",
            check=False,
            **places,
        )

    return call


def _on_a_terminal(run: Run, *arguments: object) -> str:
    """What appears on stderr when it is a terminal."""
    ours, theirs = pty.openpty()
    ran = run(*arguments, stderr=theirs)
    assert ran.returncode == 0
    os.close(theirs)
    seen = b""
    try:
        while part := os.read(ours, 65536):
            seen += part
    except OSError:  # Linux's way to say that the other end is closed
        pass
    os.close(ours)
    return seen.decode()


def test_a_terminal_shows_progress_and_quiet_does_not(run: Run, sample: Path) -> None:
    seen = _on_a_terminal(run, "ingest", sample, "--every", "3")
    assert "1/1 bigbuckbunny.mp4" in seen
    assert "frames" in seen
    assert _on_a_terminal(run, "ingest", sample, "--every", "30", "--quiet") == ""


def test_a_file_gets_notes_but_no_bar(run: Run, sample: Path) -> None:
    ran = run("ingest", sample, "--every", "40", "--format", "json")
    *others, last = ran.stderr.splitlines()
    assert last == "efficientnet_lite0 runs on cpu (OpenVINO)"
    assert all("once" in line for line in others), "the first use exports the network"
    assert json.loads(ran.stdout)["media"][0]["embedded"] == 4


@pytest.mark.skipif(sys.platform != "linux", reason="other systems refuse such names")
def test_names_that_are_no_text_are_shown_somehow(
    run: Run, imgsim: Imgsim, picture: Path, tmp_path: Path
) -> None:
    strange = tmp_path / os.fsdecode(b"\xff\n:cat:.jpg")
    strange.write_bytes(picture.read_bytes())
    missing = tmp_path / os.fsdecode(b":cat:\xfe.jpg")
    assert imgsim("ingest", strange).code == 0
    for form in ("csv", "json"):
        found = run("search", strange, missing, "--format", form)
        assert found.returncode == 4, found.stderr
        assert found.stdout
        assert ":cat:" in found.stderr
    assert len(run("search", strange).stdout.rstrip().splitlines()) == 3


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no such device")
def test_a_full_disk_behind_stdout_is_told(run: Run, imgsim: Imgsim, picture: Path) -> None:
    imgsim("ingest", picture)
    with Path("/dev/full").open("w") as full:
        ran = run("search", picture, stdout=full)
    assert ran.returncode == 1
    assert "Traceback" not in ran.stderr
    assert "No space left" in ran.stderr
