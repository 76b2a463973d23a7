"""What a long run tells whoever watches it."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol


class Progress(Protocol):
    """Told by the pipeline, shown by a front end."""

    def start(self, files: int) -> None:
        """A run over this many files begins."""

    def at(self, path: Path, share: float, frames: int) -> None:
        """`share` of a file, 0 to 1, is decoded; `frames` were kept in the whole run so far."""

    def done(self, path: Path, /) -> None:
        """A file is decoded or passed over; it may still wait for its batch."""

    def note(self, text: str) -> None:
        """Something a person should know; one line."""


class Silent:
    """Shows nothing."""

    def start(self, files: int) -> None:
        """See Progress."""

    def at(self, path: Path, share: float, frames: int) -> None:
        """See Progress."""

    def done(self, path: Path, /) -> None:
        """See Progress."""

    def note(self, text: str) -> None:
        """See Progress."""
