"""Files to frames. What a file is, is judged by its content; the suffix only chooses what a folder
is searched for.

One file a kind of media: `image` (still pictures), `animation` (pictures that move), `video`. Each
has a context manager that yields a `Media`. What needs FFmpeg is loaded where a video is met.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Protocol

from imgsim.domain import Frame, MediaInfo, Pixels
from imgsim.errors import DecodeError, UnsupportedMedia
from imgsim.sampling import ALL_FRAMES, Sampling
from imgsim.sources import animation, image, suffixes
from imgsim.sources.files import open_file

__all__ = ["IMAGE_SUFFIXES", "SUFFIXES", "Media", "open_media", "read_frame", "read_picture"]

IMAGE_SUFFIXES = suffixes.IMAGE
"""Suffixes of still pictures; some of them may move."""

SUFFIXES: frozenset[str] = suffixes.IMAGE | suffixes.ANIMATION | suffixes.VIDEO
"""Suffixes of all kinds, lower-case, with dot."""


class Media(Protocol):
    """One open file. Its frames may be read once."""

    @property
    def info(self) -> MediaInfo:
        """What the file says of itself."""

    @property
    def decoded_frames(self) -> int:
        """Frames decoded so far, kept or not."""

    def frames(self, sampling: Sampling) -> Iterator[Frame]:
        """Yield the frames that `sampling` keeps, with increasing index and time.

        Only kept frames are converted to RGB.

        Raises:
            DecodeError: the file is damaged; the frames before the damage were yielded.
        """


@contextmanager
def open_media(path: Path) -> Iterator[Media]:
    """Open an image, an animation or a video, judged by content; closed when the block ends.

    Raises:
        MediaNotFound: the path does not exist, may not be read, or is no file.
        UnsupportedMedia: it is neither an image nor a video that the decoders know.
        DecodeError: it is one, but not one frame of it can be decoded.
    """
    with _opener(path)(path) as media:
        yield media


def read_picture(path: Path) -> Pixels:
    """Read a query: one upright picture, uint8 (height, width, 3) RGB; of several pages the first.

    Raises:
        MediaNotFound: the path does not exist, may not be read, or is no file.
        UnsupportedMedia: it is a video, or nothing that the decoders know.
        DecodeError: it is a picture, but damaged, truncated or too large.
    """
    with _opener(path)(path) as media:
        if not isinstance(media, image.StillImage):
            kind = "an animation" if isinstance(media, animation.Animation) else "a video"
            reason = (
                f"is {kind}, and a picture was asked for; give a picture, or extract a frame: "
                "ffmpeg -ss 1 -i VIDEO -frames:v 1 frame.png"
            )
            raise UnsupportedMedia(path, reason)
        return next(media.frames(ALL_FRAMES)).pixels


def read_frame(path: Path, index: int, pts: int | None) -> Pixels:
    """Read one frame of a media at full size, uint8 (height, width, 3) RGB.

    Args:
        path: the file.
        index: of the frame, in presentation order; 0 for an image.
        pts: its presentation time in the media's time base; None for an image.

    Raises:
        MediaNotFound, UnsupportedMedia: as open_media.
        DecodeError: there is no such frame (any more), or it is damaged.
    """
    opener = _opener(path)
    if opener is _open_video and pts is not None:
        from imgsim.sources.single_frame import read_video_frame

        return read_video_frame(path, pts)
    with opener(path) as media:
        for frame in media.frames(ALL_FRAMES):
            if frame.index == index:
                return frame.pixels
    raise DecodeError(path, f"has no frame {index}; has the file changed?")


def _opener(path: Path) -> Callable[[Path], AbstractContextManager[Media]]:
    """Choose the source for a file. Pillow looks first: FFmpeg would take pictures for videos."""
    with open_file(path) as file:
        picture = image.identify(path, file)
        if picture is None:
            return _open_video
        return (
            animation.open_animation if animation.is_animated(path, picture) else image.open_image
        )


def _open_video(path: Path) -> AbstractContextManager[Media]:
    from imgsim.sources.video import open_video

    return open_video(path)
