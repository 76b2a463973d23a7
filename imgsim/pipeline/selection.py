"""The choice among frames that takes their pixels: one a shot, and none that hardly differs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from fractions import Fraction

import numpy as np
import numpy.typing as npt

from imgsim import pixels
from imgsim.domain import Frame, Pixels
from imgsim.errors import MediaError

# What the keys `scenes` and `+distinct` in the database mean: to change a number here, or the
# release line of scenedetect, is to change which frames they stand for.

# Differences are levels of 256 between copies of 32 x 32, on average over all pixels and channels.
# Not grey: two slides of equal brightness then pass for one.
_SMALL_SIDE = 32

# At 2, 1 frame in 10 of a still landscape is left, 4 in 10 of a street with passing cars, 8 in 10
# of action. By EfficientNet-Lite0, half the frames dropped lay within a cosine distance of 0.04 of
# the frame that stands for them in each of seven clips, and the furthest (cars pass) at 0.18.
_SIMILAR_LEVELS = 2.0

# Of 14 pairs of neighbouring shots in five clips, 11 differed by 40 levels or more: a dissolve
# between those is noticed. Within a shot, most pictures drift by less.
_CHANGED_LEVELS = 40.0

_SETTLED_S = Fraction(1, 2)  # a shot's first frames are often blended with the shot before
_SHOT_SIDE = 128  # pixels; finds the same cuts as the 256 pixels wide that PySceneDetect takes

_Small = npt.NDArray[np.int16]


class Selection:
    """Chooses among the frames of one media, which come in order.

    A frame may come out later than it went in, so `end` must be called after the last, damage or
    not; `chosen` does both.
    """

    def __init__(self, *, scenes: bool, skip_similar: bool) -> None:
        """Choose by shots, by difference, by both (shots first), or let every frame pass."""
        self.skipped_similar = 0  # frames dropped so far because they hardly differ
        self._shots = _Shots() if scenes else None
        self._skip_similar = skip_similar
        self._last: _Small | None = None  # of the last frame let out

    def chosen(self, frames: Iterable[Frame]) -> Iterator[Frame]:
        """Yield what is chosen of a media's frames, up to its end or its damage.

        Raises:
            MediaError: as raised by `frames`, once what was chosen before it has come out.
        """
        try:
            for frame in frames:
                yield from self.feed(frame)
        except MediaError:
            yield from self.end()
            raise
        yield from self.end()

    def feed(self, frame: Frame) -> Iterator[Frame]:
        """Take the next frame; gives back what is chosen by now, this frame or one before it."""
        passed = [frame] if self._shots is None else self._shots.feed(frame)
        return iter([each for each in passed if self._differs(each)])

    def end(self) -> Iterator[Frame]:
        """Give back what was still held, after the last frame."""
        passed = [] if self._shots is None else self._shots.end()
        return iter([each for each in passed if self._differs(each)])

    def _differs(self, frame: Frame) -> bool:
        if not self._skip_similar:
            return True
        small = _small(pixels.thumbnail(frame.pixels))
        if self._last is not None and _difference(small, self._last) < _SIMILAR_LEVELS:
            self.skipped_similar += 1
            return False
        self._last = small
        return True


class _Shots:
    """Lets out one frame a shot: the first at half a second into it, or its very first if shorter.

    Where the picture has changed since as much as from one shot to another (a fade, a dissolve, a
    long pan), what follows counts as another shot. Changes less than half a second after one begin
    no shot, so that strobe light does not let out every frame; the frame let out then is one of the
    picture that stays. No more than one frame is held, however long a shot is.
    """

    def __init__(self) -> None:
        # Imported here because only this rule needs it: every command would wait for it otherwise.
        from scenedetect.common import FrameTimecode  # type: ignore[import-untyped]
        from scenedetect.detectors import ContentDetector  # type: ignore[import-untyped]

        # Content-aware detection as PySceneDetect ships it, without its own least length of shots:
        # it would report some cuts late, and counts in frames.
        self._detector = ContentDetector(min_scene_len=0)
        self._timecode = FrameTimecode
        self._start: Fraction | None = None  # of the shot, seconds; None before the first frame
        self._first: Frame | None = None  # of the shot, until a frame of it has been let out
        self._let_out: _Small | None = None

    def feed(self, frame: Frame) -> list[Frame]:
        """Take the next frame; gives back one at most."""
        if frame.time is None:  # an image
            return [frame]
        now = frame.time.seconds
        # A square, because the detector wants frames of one size, and streams change theirs.
        square = pixels.resize_square(pixels.thumbnail(frame.pixels), _SHOT_SIDE)
        is_cut = self._is_cut(frame.index, square)
        is_settled = self._start is None or now - self._start >= _SETTLED_S
        if self._start is None or (is_settled and (is_cut or self._has_changed(square))):
            unsettled = self.end()
            self._start, self._first = now, frame
            return unsettled
        if self._first is not None and is_settled:
            self._first, self._let_out = None, _small(square)
            return [frame]
        return []

    def end(self) -> list[Frame]:
        """Give back the first frame of a shot that is over too soon."""
        first, self._first = self._first, None
        return [] if first is None else [first]

    def _has_changed(self, square: Pixels) -> bool:
        """Whether the picture is another than the one let out of this shot."""
        if self._first is not None or self._let_out is None:
            return False
        return _difference(_small(square), self._let_out) >= _CHANGED_LEVELS

    def _is_cut(self, index: int, square: Pixels) -> bool:
        bgr = np.ascontiguousarray(square[:, :, ::-1])
        # The time is only handed back; it has to have some rate.
        return bool(self._detector.process_frame(self._timecode(index, fps=1.0), bgr))


def _small(picture: Pixels) -> _Small:
    return pixels.resize_square(picture, _SMALL_SIDE).astype(np.int16)


def _difference(one: _Small, other: _Small) -> float:
    return float(np.abs(one - other).mean())
