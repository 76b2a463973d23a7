"""From a decoded frame to what is kept of it: the work between decoder and network."""

from __future__ import annotations

import hashlib
import stat
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from imgsim import pixels
from imgsim.domain import Frame, Pixels
from imgsim.errors import MediaNotFound, UnsupportedMedia
from imgsim.store.staging import FrameRow


@dataclass(frozen=True, kw_only=True, slots=True)
class PreparedFrame:
    """A kept frame, reduced to what the networks and the database take."""

    row: FrameRow
    inputs: dict[int, Pixels]  # by side in pixels: the square picture a network takes


def prepare(frame: Frame, sizes: Iterable[int]) -> PreparedFrame:
    """Reduce a full-size frame at once, so that a batch of them stays small in memory.

    Args:
        frame: as decoded.
        sizes: sides in pixels of the squares to make; a blank frame gets none.
    """
    small = pixels.thumbnail(frame.pixels)
    is_blank = pixels.is_blank(small)
    row = FrameRow(
        frame_index=frame.index,
        pts=frame.time.pts if frame.time else None,
        timestamp_s=float(frame.time.seconds) if frame.time else None,
        is_blank=is_blank,
        thumbnail=pixels.encode_jpeg(small),
    )
    squares = {} if is_blank else {s: pixels.resize_square(frame.pixels, s) for s in sizes}
    return PreparedFrame(row=row, inputs=squares)


def content_id(path: Path) -> str:
    """`sha256:` and the hex digest of a file's bytes.

    Raises:
        MediaNotFound: it cannot be read.
        UnsupportedMedia: it is no regular file; a pipe would be waited for, a device has no end.
    """
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            raise UnsupportedMedia(path, "is no file but a folder, pipe, socket or device")
        with path.open("rb") as file:
            return f"sha256:{hashlib.file_digest(file, 'sha256').hexdigest()}"
    except OSError as error:
        raise MediaNotFound(path, f"cannot be read: {error.strerror}") from error
