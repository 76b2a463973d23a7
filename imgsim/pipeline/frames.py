"""From a decoded frame to what is kept of it: the work between decoder and network."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from imgsim import pixels
from imgsim.domain import Frame, Pixels


@dataclass(frozen=True, kw_only=True, slots=True)
class PreparedFrame:
    """A kept frame, reduced to what the networks and the database take."""

    index: int
    pts: int | None
    timestamp_s: float | None
    is_blank: bool
    thumbnail: bytes  # JPEG
    inputs: dict[int, Pixels]  # by side in pixels: the square picture a network takes


def prepare(frame: Frame, sizes: Iterable[int]) -> PreparedFrame:
    """Reduce a full-size frame at once, so that a batch of them stays small in memory.

    Args:
        frame: as decoded.
        sizes: sides in pixels of the squares to make; a blank frame gets none.
    """
    small = pixels.thumbnail(frame.pixels)
    is_blank = pixels.is_blank(small)
    return PreparedFrame(
        index=frame.index,
        pts=frame.time.pts if frame.time else None,
        timestamp_s=float(frame.time.seconds) if frame.time else None,
        is_blank=is_blank,
        thumbnail=pixels.encode_jpeg(small),
        inputs={} if is_blank else {s: pixels.resize_square(frame.pixels, s) for s in sizes},
    )
