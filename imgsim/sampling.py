"""Which frames of a video to keep.

Decided frame by frame, while decoding, from the frame's index and the span of time during which a
player shows it; nothing is decoded twice and no clock is derived from a frame rate. What takes
pixels to decide, `scenes` and `skip_similar`, is left to imgsim.pipeline.selection.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from fractions import Fraction

from imgsim.domain import MediaInfo, MediaKind
from imgsim.errors import InvalidArgument

# `auto` keeps every frame of a clip, and of a film about as many as one can look through.
_CLIP_S = 2 * 60  # up to this long, every frame: 3,000 at 25 frames per second
_EPISODE_S = 20 * 60  # up to this long, 5 frames a second: 6,000; of two hours, 1 a second: 7,200
_EPISODE_FPS = Fraction(5)
_FILM_FPS = Fraction(1)
_USUAL_RATE = 25.0  # frames per second, where frames are declared but neither rate nor duration


@dataclass(frozen=True, kw_only=True, slots=True)
class Sampling:
    """A rule for keeping frames. `key` names it in the database; equal keys keep equal frames.

    `every`, `fps`, `keyframes`, `scenes` and `auto` exclude each other.
    """

    every: int = 1  # keep frame indices 0, every, 2 * every, ...
    fps: Fraction | None = None  # frames per second of media time; None: by index
    keyframes: bool = False  # the first frame, and those that decode without any other
    scenes: bool = False  # one or a few a shot; `keeps` lets all pass, as all must be looked at
    auto: bool = False  # by the length of the media, which makes it a rule: see `resolved`
    skip_similar: bool = False  # of those, only what differs from the one kept before

    def __post_init__(self) -> None:
        """Raise InvalidArgument for a rule that keeps nothing or contradicts itself."""
        if self.every < 1:
            raise InvalidArgument(f"--every must be 1 or more, not {self.every}.")
        if self.fps is not None and self.fps <= 0:
            raise InvalidArgument(f"--fps must be more than 0, not {self.fps}.")
        given = {
            "--every": self.every != 1,
            "--fps": self.fps is not None,
            "--keyframes": self.keyframes,
            "--scenes": self.scenes,
            "automatic sampling": self.auto,
        }
        named = [name for name, is_given in given.items() if is_given]
        if len(named) > 1:
            text = f"{', '.join(named[:-1])} and {named[-1]}"
            raise InvalidArgument(f"{text} exclude each other; give one of them.")

    def resolved(self, info: MediaInfo) -> Sampling:
        """The rule that `auto` comes to for this media; any other rule is its own.

        By the declared duration: every frame up to 2 minutes, 5 a second up to 20 minutes, 1 a
        second beyond. Where none is declared, the declared frames tell the length. Where neither
        is (live recordings), 5 a second: enough of a short clip, and bearable for a long one.
        """
        if info.kind is MediaKind.IMAGE:
            return ALL_FRAMES
        if not self.auto:
            return self
        length_s = _length_s(info)
        fps: Fraction | None = _EPISODE_FPS
        if length_s is not None and length_s <= _CLIP_S:
            fps = None
        elif length_s is not None and length_s > _EPISODE_S:
            fps = _FILM_FPS
        return replace(self, auto=False, fps=fps)

    @property
    def key(self) -> str:
        """`all`, `every=10`, `fps=1/2`, `keyframes` or `scenes`, with `+distinct` if the similar
        are skipped: stable text for the coverage table.

        Raises:
            ValueError: `auto` is not resolved; it means another rule for another media.
        """
        self._refuse_auto()
        rule = "all" if self.every == 1 else f"every={self.every}"
        if self.fps is not None:
            rule = f"fps={self.fps}"
        elif self.keyframes:
            rule = "keyframes"
        elif self.scenes:
            rule = "scenes"
        return f"{rule}+distinct" if self.skip_similar else rule

    def key_for(self, kind: MediaKind | None) -> str:
        """The key under which a media of this kind is covered; of an image all is kept always.

        Raises:
            ValueError: as `key`, unless it is an image.
        """
        return ALL_FRAMES.key if kind is MediaKind.IMAGE else self.key

    def describe(self) -> str:
        """The rule for people: `every 10th frame`, `1 frame a second`, `keyframes`."""
        return f"{self._words()}, similar ones skipped" if self.skip_similar else self._words()

    def keeps(
        self,
        index: int,
        start: Fraction,
        end: Fraction,
        clock_start: Fraction,
        *,
        is_key: bool = True,
    ) -> bool:
        """Tell whether to keep the frame that a player shows from `start` until `end`.

        With `fps`, the frames kept are those on screen at clock_start + n / fps for n = 0, 1, ...;
        the first frame also stands for the time before it. With `keyframes` the first frame is
        kept whatever it is: cut clips begin between keyframes, and some have none.

        Args:
            index: 0-based, in presentation order.
            start: when the frame appears, seconds.
            end: when the next one replaces it, seconds.
            clock_start: when the container's clock starts, seconds.
            is_key: it decodes without any other; true where the format does not tell.

        Raises:
            ValueError: `auto` is not resolved.
        """
        self._refuse_auto()
        if self.keyframes:
            return is_key or index == 0
        if self.fps is None:
            return index % self.every == 0
        if index == 0:
            return True
        tick = max(0, math.ceil((start - clock_start) * self.fps))
        return clock_start + tick / self.fps < end

    def _refuse_auto(self) -> None:
        if self.auto:
            raise ValueError("automatic sampling has no rule until it is resolved for a media")

    def _words(self) -> str:
        if self.auto:
            return (
                f"every frame up to {_CLIP_S // 60} minutes, {_EPISODE_FPS} a second up to "
                f"{_EPISODE_S // 60}, {_FILM_FPS} a second beyond"
            )
        if self.fps is not None:
            frames, seconds = self.fps.as_integer_ratio()
            span = "a second" if seconds == 1 else f"every {seconds} seconds"
            return f"{frames} frame{'' if frames == 1 else 's'} {span}"
        if self.keyframes or self.scenes:
            return "keyframes" if self.keyframes else "1 or a few frames a shot"
        return "every frame" if self.every == 1 else f"every {_ordinal(self.every)} frame"


def _length_s(info: MediaInfo) -> float | None:
    """How long a media says it is, seconds; None where it says nothing of it."""
    if info.duration_s is not None:
        return info.duration_s
    if info.declared_frames is None:
        return None
    return info.declared_frames / (info.frame_rate or _USUAL_RATE)


def _ordinal(number: int) -> str:
    """2nd, 3rd, 11th."""
    teens = number % 100 in (11, 12, 13)
    return f"{number}{'th' if teens else {1: 'st', 2: 'nd', 3: 'rd'}.get(number % 10, 'th')}"


ALL_FRAMES = Sampling()
AUTO = Sampling(auto=True)
