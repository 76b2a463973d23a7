"""Running `imgsim` inside a test."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from imgsim.cli.app import app, hoist


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
        app(hoist([str(argument) for argument in arguments]), prog_name="imgsim")
    return int(ended.value.code or 0)
