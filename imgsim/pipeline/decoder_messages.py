"""What goes to the decoder process and what comes back, pickled.

A file of its own: what the process defines itself would be `__main__`'s there.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from imgsim.domain import MediaInfo
from imgsim.pipeline.frames import PreparedFrame
from imgsim.sampling import Sampling

PULSE_S = 1.0
"""So often the process says how far it is, frames or not."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Task:
    """One file to decode."""

    path: Path
    sampling: Sampling
    sides: frozenset[int]  # of the squares that networks take, pixels
    done: frozenset[int]  # indices of frames that no network needs any more


@dataclass(frozen=True, kw_only=True, slots=True)
class Opened:
    """The file is a media."""

    info: MediaInfo
    decoded: int  # frames so far


@dataclass(frozen=True, kw_only=True, slots=True)
class Kept:
    """A frame that the sampling keeps."""

    index: int
    prepared: PreparedFrame | None  # None: one of the frames that are done
    decoded: int  # frames decoded so far, kept or not
    share: float  # of the file, 0 to 1


@dataclass(frozen=True, kw_only=True, slots=True)
class Pulse:
    """A sign of life."""

    decoded: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Ended:
    """The file is done with."""

    decoded: int  # frames, kept or not
    similar: int  # frames left out because they hardly differ from the one kept before
    error: str | None  # the MediaError's class
    reason: str
    starved: bool  # it failed for want of memory


Message = Opened | Kept | Pulse | Ended
