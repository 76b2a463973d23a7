"""What the options before the command's name say, for every command."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import typer

from imgsim.cli.terminal import Terminal
from imgsim.config import Settings
from imgsim.store.engine import Session
from imgsim.store.session import open_session


@dataclass(frozen=True, kw_only=True, slots=True)
class State:
    """Settings and the terminal of this run."""

    settings: Settings
    terminal: Terminal

    @contextmanager
    def session(self) -> Iterator[Session]:
        """The gallery's database, ready for use, and the progress bar's place on the screen."""
        with (
            open_session(
                database_url=self.settings.database_url,
                data_dir=self.settings.data_dir,
                notice=self.terminal.note,
            ) as session,
            self.terminal,
        ):
            yield session


def state_of(context: typer.Context) -> State:
    """The state that the options before the command made."""
    state: State = context.obj
    return state
