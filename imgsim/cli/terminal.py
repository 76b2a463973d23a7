"""What goes to stderr: notes, errors, a progress bar."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from imgsim.reports.readable import readable


class Terminal:
    """Talks to the person at the keyboard. Is the pipeline's Progress."""

    def __init__(self, *, quiet: bool) -> None:
        """With `quiet`, only errors are shown; the bar needs a terminal besides."""
        self._quiet = quiet
        self._console = Console(
            stderr=True, highlight=False, markup=False, emoji=False, soft_wrap=True
        )
        self._bar = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            TextColumn("{task.fields[speed]}", markup=False),
            TimeRemainingColumn(),
            console=self._console,
            transient=True,
            # Not by the console, which takes FORCE_COLOR in the environment for a terminal.
            disable=quiet or not sys.stderr.isatty(),
        )
        self._task = self._bar.add_task("", total=None, speed="", visible=False)
        self._files = 0
        self._finished = 0
        self._began = 0.0

    def __enter__(self) -> Terminal:
        """Make room for the bar."""
        if not self._bar.disable:
            self._bar.start()
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        """Take the bar away."""
        if not self._bar.disable:  # older releases of rich would print an empty line
            self._bar.stop()

    def start(self, files: int) -> None:
        """See imgsim.pipeline.progress."""
        self._files, self._finished, self._began = files, 0, 0.0
        self._bar.update(self._task, total=files, completed=0, visible=files > 0)

    def at(self, path: Path, share: float, frames: int) -> None:
        """See imgsim.pipeline.progress."""
        self._began = self._began or time.monotonic()
        elapsed = time.monotonic() - self._began
        speed = f"{frames} frames" + (f", {frames / elapsed:.0f}/s" if elapsed > 1 else "")
        self._bar.update(
            self._task,
            completed=min(self._finished + share, self._files),
            description=f"{self._finished + 1}/{self._files} {readable(path.name)}",
            speed=speed,
        )

    def done(self, _path: Path) -> None:
        """See imgsim.pipeline.progress."""
        self._finished += 1
        self._bar.update(self._task, completed=self._finished)

    def note(self, text: str) -> None:
        """See imgsim.pipeline.progress."""
        if not self._quiet:
            self._console.print(text)

    def error(self, text: str) -> None:
        """Say why something failed; shown in any case."""
        self._console.print(f"imgsim: {text}")
