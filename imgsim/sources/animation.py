"""Animated GIF, WebP, PNG and AVIF: short videos, decoded by Pillow. Times are milliseconds."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from itertools import count
from pathlib import Path

from PIL import Image

from imgsim.domain import Frame, MediaInfo, MediaKind, MediaTime
from imgsim.errors import DecodeError, UnsupportedMedia
from imgsim.sampling import Sampling
from imgsim.sources.files import open_file
from imgsim.sources.image import decode_error, identify, orientation, to_pixels

_FORMATS = ("GIF", "WEBP", "PNG", "AVIF")  # several pictures in other formats are pages or layers
_MILLISECOND = Fraction(1, 1000)


def is_animated(path: Path, picture: Image.Image) -> bool:
    """Tell whether an identified picture moves; raise DecodeError where its end is damaged."""
    try:
        return picture.format in _FORMATS and bool(getattr(picture, "is_animated", False))
    except Exception as error:  # hostile bytes raise anything; see image.identify
        raise decode_error(path, error) from error


def shown_ms(duration: float | None) -> int:
    """How long a player shows a frame of this declared duration, in milliseconds.

    Browsers show a frame of 10 ms or less for 100 ms: such files were made for slow machines.
    """
    return 100 if duration is None or duration <= 10 else round(duration)


class Animation:
    """A moving picture; frames are decoded one after the other."""

    def __init__(self, path: Path, picture: Image.Image) -> None:
        """Take over an identified picture, whose file must stay open while frames are read."""
        self._path = path
        self._picture = picture
        # The default image of an animated PNG is for viewers without animation; players skip it.
        self._skipped = 1 if picture.info.get("default_image") else 0
        self._declared = _count(picture, self._skipped)
        self._decoded_frames = 0
        width, height = orientation(picture).size(picture.width, picture.height)
        self.info = MediaInfo(
            kind=MediaKind.VIDEO,
            width=width,
            height=height,
            codec=picture.format.lower() if picture.format else None,
            time_base=_MILLISECOND,
            declared_frames=self._declared,
        )

    @property
    def decoded_frames(self) -> int:
        """Frames decoded so far, kept or not."""
        return self._decoded_frames

    def frames(self, sampling: Sampling) -> Iterator[Frame]:
        """Yield the frames that `sampling` keeps, in order.

        Raises:
            DecodeError: a frame is damaged; those before it were yielded.
        """
        self._decoded_frames = 0
        pts = 0
        for index in count() if self._declared is None else range(self._declared):
            try:
                self._picture.seek(index + self._skipped)
                self._picture.load()
                duration = shown_ms(self._picture.info.get("duration"))
                time = MediaTime(pts=pts, time_base=_MILLISECOND)
                end = (pts + duration) * _MILLISECOND
                kept = sampling.keeps(index, time.seconds, end, Fraction(0))
                pixels = to_pixels(self._picture) if kept else None
            except Exception as error:  # hostile bytes raise anything; see image.identify
                declared = "an unknown number of" if self._declared is None else self._declared
                cause = str(error) or type(error).__name__
                reason = f"{index} of {declared} declared frames could be decoded: {cause}"
                raise DecodeError(self._path, reason) from error
            self._decoded_frames += 1
            pts += duration
            if pixels is not None:
                yield Frame(index=index, time=time, pixels=pixels)


def _count(picture: Image.Image, skipped: int) -> int | None:
    """How many frames there are; None where the file is damaged before its end.

    For GIF, Pillow counts by walking through the file.
    """
    try:
        return int(getattr(picture, "n_frames", 1)) - skipped
    except Exception:  # the frames before the damage are still worth reading
        return None


@contextmanager
def open_animation(path: Path) -> Iterator[Animation]:
    """Open one animation.

    Raises:
        MediaNotFound: the file cannot be read.
        UnsupportedMedia: it is not an animated picture.
        DecodeError: it is one, but its structure is damaged.
    """
    with open_file(path) as file:
        picture = identify(path, file)
        if picture is None or not is_animated(path, picture):
            raise UnsupportedMedia(path, "is not an animated picture")
        yield Animation(path, picture)
