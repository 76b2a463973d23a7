"""What can be said of a file before a decoder sees it: can it be read, and how does it begin."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable
from pathlib import Path
from typing import BinaryIO

from imgsim.errors import MediaNotFound, UnsupportedMedia

LIMIT_VARIABLE = "IMGSIM_MAX_MEGAPIXELS"

_USUAL_MEGAPIXELS = 179.0  # half a gigabyte as RGB; 108-megapixel phones are well below


def max_pixels() -> int:
    """Pictures with more pixels are refused, before anything is allocated for them."""
    return int(1e6 * float(os.environ.get(LIMIT_VARIABLE) or _USUAL_MEGAPIXELS))


def too_large(size: str = "") -> str:
    """Why a picture is refused, and what to do about it."""
    return (
        f"too large{size and f' ({size})'}: the limit is {max_pixels() / 1e6:g} megapixels; "
        f"{LIMIT_VARIABLE} sets another"
    )


_HEAD_BYTES = 32

_IMAGES = (
    (0, b"\xff\xd8\xff", "JPEG"),
    (0, b"\x89PNG\r\n\x1a\n", "PNG"),
    (0, b"GIF8", "GIF"),
    (0, b"BM", "BMP"),
    (0, b"II*\0", "TIFF"),
    (0, b"MM\0*", "TIFF"),
    (8, b"WEBP", "WebP"),
    (4, b"ftypheic", "HEIC"),
    (4, b"ftypheix", "HEIC"),
    (4, b"ftypmif1", "HEIF"),
    (4, b"ftypmsf1", "HEIF"),
    (4, b"ftypavif", "AVIF"),
    (4, b"ftypavis", "AVIF"),
    (0, b"\xff\x0a", "JPEG XL"),
    (0, b"\0\0\0\x0cJXL ", "JPEG XL"),
    (0, b"\0\0\0\x0cjP  ", "JPEG 2000"),
    (0, b"8BPS", "PSD"),
)

_VIDEOS = (
    (4, b"ftyp", "MP4 or QuickTime"),
    (4, b"moov", "QuickTime"),
    (0, b"\x1aE\xdf\xa3", "Matroska or WebM"),
    (8, b"AVI ", "AVI"),
    (0, b"FLV\x01", "FLV"),
    (0, b"\0\0\x01\xba", "MPEG"),
)


def open_file(path: Path) -> BinaryIO:
    """Open a regular, non-empty file for reading.

    Raises:
        MediaNotFound: it does not exist, may not be read, or is a folder or a device.
        UnsupportedMedia: it is empty.
    """
    try:
        status = path.stat()
        # A pipe or a device must not be opened at all: the open itself can wait forever.
        if stat.S_ISREG(status.st_mode) and status.st_size:
            return path.open("rb")
    except FileNotFoundError as error:
        dangling = path.is_symlink()
        reason = "is a link to a file that does not exist" if dangling else "does not exist"
        raise MediaNotFound(path, reason) from error
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        reason = (error.strerror if isinstance(error, OSError) else None) or str(error)
        raise MediaNotFound(path, f"cannot be read: {reason}") from error
    if stat.S_ISDIR(status.st_mode):
        raise MediaNotFound(path, "is a folder, and a file was asked for")
    if not stat.S_ISREG(status.st_mode):
        raise MediaNotFound(path, "is neither a file nor a folder, but a pipe, socket or device")
    raise UnsupportedMedia(path, "is empty (0 bytes)")


def image_signature(file: BinaryIO) -> str | None:
    """The image format that a file's first bytes announce, by its usual name, or None."""
    return _announced(file, _IMAGES)


def video_signature(file: BinaryIO) -> str | None:
    """The video format that a file's first bytes announce, by its usual name, or None."""
    return _announced(file, _VIDEOS)


def _announced(file: BinaryIO, signatures: Iterable[tuple[int, bytes, str]]) -> str | None:
    file.seek(0)
    head = file.read(_HEAD_BYTES)
    for offset, magic, name in signatures:
        if head[offset:].startswith(magic):
            return name
    return None


def boxes_are_whole(file: BinaryIO) -> bool:
    """Tell whether every top-level box of an ISO base media file (HEIF, AVIF) lies inside it.

    libheif fills what is missing of a truncated picture with grey and reports nothing.
    """
    size = file.seek(0, os.SEEK_END)
    position = 0
    while position < size:
        file.seek(position)
        header = file.read(16)
        length = int.from_bytes(header[:4], "big")
        if length == 0:  # this box reaches to the end of the file
            return True
        if length == 1:  # the length did not fit in 32 bits and follows
            length = int.from_bytes(header[8:16], "big")
        if length < 8 or position + length > size:
            return False
        position += length
    return True
