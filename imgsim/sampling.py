"""Which frames of a video to keep.

Decided frame by frame, while decoding, from the frame's index and the span of time during which a
player shows it; nothing is decoded twice and no clock is derived from a frame rate.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction

from imgsim.domain import MediaKind
from imgsim.errors import InvalidArgument


@dataclass(frozen=True, kw_only=True, slots=True)
class Sampling:
    """A rule for keeping frames. `key` names it in the database; equal keys keep equal frames."""

    every: int = 1  # keep frame indices 0, every, 2 * every, ...
    fps: Fraction | None = None  # frames per second of media time; None: by index

    def __post_init__(self) -> None:
        """Raise InvalidArgument for a rule that keeps nothing or contradicts itself."""
        if self.every < 1:
            raise InvalidArgument(f"--every must be 1 or more, not {self.every}.")
        if self.fps is not None and self.fps <= 0:
            raise InvalidArgument(f"--fps must be more than 0, not {self.fps}.")
        if self.fps is not None and self.every != 1:
            raise InvalidArgument("--every and --fps exclude each other; give one of them.")

    @property
    def key(self) -> str:
        """`all`, `every=10` or `fps=1/2`: stable text for the coverage table."""
        if self.fps is not None:
            return f"fps={self.fps}"
        return "all" if self.every == 1 else f"every={self.every}"

    def key_for(self, kind: MediaKind | None) -> str:
        """The key under which a media of this kind is covered: of an image there is one frame."""
        return ALL_FRAMES.key if kind is MediaKind.IMAGE else self.key

    def keeps(self, index: int, start: Fraction, end: Fraction, clock_start: Fraction) -> bool:
        """Tell whether to keep the frame that a player shows from `start` until `end`.

        With `fps`, the frames kept are those on screen at clock_start + n / fps for n = 0, 1, ...;
        the first frame also stands for the time before it.

        Args:
            index: 0-based, in presentation order.
            start: when the frame appears, seconds.
            end: when the next one replaces it, seconds.
            clock_start: when the container's clock starts, seconds.
        """
        if self.fps is None:
            return index % self.every == 0
        if index == 0:
            return True
        tick = max(0, math.ceil((start - clock_start) * self.fps))
        return clock_start + tick / self.fps < end


ALL_FRAMES = Sampling()
