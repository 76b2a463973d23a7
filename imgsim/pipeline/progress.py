"""What a long run tells whoever watches it."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from imgsim.sources import Media


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


def share_of(media: Media) -> float:
    """How much of a media is decoded, 0 to 1, as far as its declared length can be believed."""
    info = media.info
    declared = info.declared_frames
    if not declared and info.duration_s and info.frame_rate:
        declared = round(info.duration_s * info.frame_rate)
    return min(1.0, media.decoded_frames / declared) if declared else 0.0
