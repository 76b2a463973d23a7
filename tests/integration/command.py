"""Running `imgsim` inside a test, and looking at what it left."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import pytest
from sqlalchemy import func, select

from imgsim.cli import app
from imgsim.store import schema
from imgsim.store.engine import Session


@dataclass(frozen=True)
class Ran:
    """A command that has ended."""

    code: int
    out: str
    err: str

    def json(self) -> Any:  # noqa: ANN401 - what JSON holds
        """Its stdout, parsed."""
        return json.loads(self.out)


Imgsim = Callable[..., Ran]


def run(*arguments: object) -> int:
    """Run `imgsim ARGUMENTS` in this process; returns its exit code."""
    with pytest.raises(SystemExit) as ended:
        app.run([str(argument) for argument in arguments])
    return int(ended.value.code or 0)


def calling(database: str, capfd: pytest.CaptureFixture[str]) -> Imgsim:
    """A function that runs `imgsim ARGUMENTS` on a database and keeps what is printed."""

    def call(*arguments: object) -> Ran:
        capfd.readouterr()
        code = run(*arguments, "--database-url", database)
        said = capfd.readouterr()
        return Ran(code=code, out=said.out, err=said.err)

    return call


def listed(imgsim: Imgsim, *arguments: object) -> list[str]:
    """The paths that `imgsim media list ARGUMENTS` gives, in order."""
    return sorted(
        each["path"] for each in imgsim("media", "list", *arguments, "--format", "json").json()
    )


def counted(session: Session) -> tuple[int, int, int, int]:
    """How many media, paths, frames and coverages there are."""
    tables = (schema.media, schema.media_path, schema.frame, schema.coverage)
    with session.connect() as connection:
        media, paths, frames, coverage = (
            connection.execute(select(func.count()).select_from(table)).scalar_one()
            for table in tables
        )
    return media, paths, frames, coverage


def measured(told: dict[str, Any], backbone: str, metric: str, k: int, part: str = "all") -> float:
    """A number that `imgsim evaluate --format json` told."""
    (value,) = (
        each["value"]
        for each in told["measurements"]
        if (each["backbone"], each["metric"], each["k"], each["part"])
        == (backbone, metric, k, part)
    )
    return float(value)


def cropped(picture: Path, path: Path, left: int) -> Path:
    """A part of the picture, with content of its own."""
    image = cv2.imread(str(picture))
    assert image is not None
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(cv2.imencode(".jpg", image[:, left:])[1].tobytes())
    return path


def heed_signals() -> None:
    """For a process before it begins: background jobs and nohup leave signals ignored for it."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
