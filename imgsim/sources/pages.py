"""Documents of several pages (TIFF): an image of several frames, none of which has a time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from PIL import Image

from imgsim.domain import Frame, MediaInfo, MediaKind
from imgsim.errors import DecodeError, UnsupportedMedia
from imgsim.sampling import Sampling
from imgsim.sources.files import max_pixels, open_file, too_large
from imgsim.sources.image import decode_error, identify, orientation, to_pixels

_SUBFILE_TYPE = 254  # TIFF 6.0: bit 0 marks a smaller copy of another page, bit 2 a mask
_NO_PAGE = 0b101


class Pages:
    """One open document. Pages are decoded as they are asked for."""

    def __init__(self, path: Path, picture: Image.Image, numbers: list[int]) -> None:
        """Take the numbers of those pictures in the file that are pages."""
        self._path = path
        self._picture = picture
        self._numbers = numbers
        self._decoded_frames = 0
        picture.seek(numbers[0])
        width, height = orientation(picture).size(picture.width, picture.height)
        self.info = MediaInfo(
            kind=MediaKind.IMAGE,
            width=width,
            height=height,
            codec=picture.format.lower() if picture.format else None,
            declared_frames=len(numbers),
        )

    @property
    def decoded_frames(self) -> int:
        """Pages decoded so far."""
        return self._decoded_frames

    def frames(self, sampling: Sampling) -> Iterator[Frame]:  # noqa: ARG002 - pages are never sampled away
        """Yield every page, whatever the sampling.

        Raises:
            DecodeError: a page is damaged or too large; those before it were yielded.
        """
        for index, number in enumerate(self._numbers):
            try:
                self._picture.seek(number)
                size = self._picture.width * self._picture.height
                pixels = None if size > max_pixels() else to_pixels(self._picture)
            except Exception as error:  # hostile bytes raise anything; see image.identify
                reason = decode_error(self._path, error).reason
                raise DecodeError(self._path, self._damage(index, reason)) from error
            if pixels is None:
                raise DecodeError(self._path, self._damage(index, too_large("the next one")))
            self._decoded_frames += 1
            yield Frame(index=index, time=None, pixels=pixels)

    def _damage(self, index: int, reason: str) -> str:
        return f"{index} of {len(self._numbers)} pages could be decoded: {reason}"


def page_numbers(picture: Image.Image) -> list[int]:
    """Which of the pictures in a file are pages; empty for one that is no TIFF, or damaged."""
    if picture.format != "TIFF":
        return []
    numbers = []
    try:
        for number in range(getattr(picture, "n_frames", 1)):
            picture.seek(number)
            tags = getattr(picture, "tag_v2", {})
            if not int(tags.get(_SUBFILE_TYPE, 0)) & _NO_PAGE:
                numbers.append(number)
        picture.seek(0)
    except Exception:  # the first page may be good all the same
        return []
    return numbers


@contextmanager
def open_pages(path: Path) -> Iterator[Pages]:
    """Open one document.

    Raises:
        MediaNotFound: the file cannot be read.
        UnsupportedMedia: it does not have several pages.
        DecodeError: its structure is damaged.
    """
    with open_file(path) as file:
        picture = identify(path, file)
        numbers = page_numbers(picture) if picture else []
        if picture is None or len(numbers) < 2:
            raise UnsupportedMedia(path, "is not a picture of several pages")
        yield Pages(path, picture, numbers)
