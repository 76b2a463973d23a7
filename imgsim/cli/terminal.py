"""What goes to stderr: notes, errors, a progress bar."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

from imgsim.reports.readable import readable

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID


class Terminal:
    """Talks to the person at the keyboard. Is the pipeline's Progress."""

    def __init__(self, *, quiet: bool) -> None:
        """With `quiet`, only errors are shown; the bar needs a terminal besides."""
        self._quiet = quiet
        self._bar: Progress | None = None
        self._task: TaskID | None = None  # the bar's only one
        self._files = 0
        self._finished = 0
        self._began = 0.0

    def __enter__(self) -> Terminal:
        """The bar is shown once there is something to show."""
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        """Take the bar away."""
        if self._bar is not None:
            self._bar.stop()
            self._bar = None

    def start(self, files: int) -> None:
        """See imgsim.pipeline.progress."""
        self._files, self._finished, self._began = files, 0, 0.0
        if self._bar is None and not self._quiet and sys.stderr.isatty():
            self._bar = _bar()
            self._task = self._bar.add_task("", total=None, speed="", visible=False)
        if self._bar is not None and self._task is not None:
            self._bar.update(self._task, total=files, completed=0, visible=files > 0)

    def at(self, path: Path, share: float, frames: int) -> None:
        """See imgsim.pipeline.progress."""
        self._began = self._began or time.monotonic()
        elapsed = time.monotonic() - self._began
        speed = f"{frames} frames" + (f", {frames / elapsed:.0f}/s" if elapsed > 1 else "")
        if self._bar is None or self._task is None:
            return
        self._bar.update(
            self._task,
            completed=min(self._finished + share, self._files),
            description=f"{self._finished + 1}/{self._files} {readable(path.name)}",
            speed=speed,
        )

    def done(self, _path: Path) -> None:
        """See imgsim.pipeline.progress."""
        self._finished += 1
        if self._bar is not None and self._task is not None:
            self._bar.update(self._task, completed=self._finished)

    def note(self, text: str) -> None:
        """See imgsim.pipeline.progress."""
        if not self._quiet:
            self._say(text)

    def error(self, text: str) -> None:
        """Say why something failed; shown in any case."""
        self._say(f"imgsim: {text}")

    def _say(self, text: str) -> None:
        if self._bar is None:
            print(text, file=sys.stderr, flush=True)  # noqa: T201 - what a terminal is for
        else:  # above the bar
            self._bar.console.print(text)


def _bar() -> Progress:
    """A progress bar on stderr. Loads rich, which takes longer than a search needs to answer."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    bar = Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TextColumn("{task.fields[speed]}", markup=False),
        TimeRemainingColumn(),
        # A terminal for sure: rich itself would take FORCE_COLOR in the environment for one.
        console=Console(stderr=True, highlight=False, markup=False, emoji=False, soft_wrap=True),
        transient=True,
    )
    bar.start()
    return bar
