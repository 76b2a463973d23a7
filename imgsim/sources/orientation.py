"""The eight ways in which a stored picture can lie, and how to set it upright.

A camera stores pixels as its sensor reads them and notes beside them how to show them: EXIF with a
number from 1 to 8, MP4 and QuickTime with a 3 x 3 matrix. Both come down to the same eight moves.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from imgsim.domain import Pixels


@dataclass(frozen=True, kw_only=True, slots=True)
class Orientation:
    """What to do to a stored picture, in this order; right angles only."""

    transpose: bool = False  # rows become columns
    flip_vertical: bool = False  # upside down
    flip_horizontal: bool = False  # left becomes right

    def size(self, width: int, height: int) -> tuple[int, int]:
        """The upright (width, height) of a stored picture of this size, pixels."""
        return (height, width) if self.transpose else (width, height)

    def apply(self, pixels: Pixels) -> Pixels:
        """Set a picture upright: (height, width, 3) in, contiguous and upright out."""
        turned = pixels.swapaxes(0, 1) if self.transpose else pixels
        if self.flip_vertical:
            turned = turned[::-1]
        if self.flip_horizontal:
            turned = turned[:, ::-1]
        return np.ascontiguousarray(turned)


UPRIGHT = Orientation()

_BY_EXIF = {
    1: UPRIGHT,
    2: Orientation(flip_horizontal=True),
    3: Orientation(flip_vertical=True, flip_horizontal=True),
    4: Orientation(flip_vertical=True),
    5: Orientation(transpose=True),
    6: Orientation(transpose=True, flip_horizontal=True),
    7: Orientation(transpose=True, flip_vertical=True, flip_horizontal=True),
    8: Orientation(transpose=True, flip_vertical=True),
}


def from_exif(value: object) -> Orientation:
    """The orientation of EXIF tag 274; anything but 1 to 8 counts as upright, as viewers do."""
    return _BY_EXIF.get(value, UPRIGHT) if isinstance(value, int) else UPRIGHT


def from_matrix(matrix: Sequence[int]) -> Orientation:
    """The orientation of a display matrix.

    Args:
        matrix: nine numbers in the order of the file: a b u c d v x y w. A stored point (p, q),
            q downwards, is shown at (a p + c q + x, b p + d q + y). Only signs and the larger
            diagonal count: scale is ignored, and a slant is taken to the nearest right angle.

    Raises:
        ValueError: there are not nine numbers.
    """
    if len(matrix) != 9:
        raise ValueError(f"a display matrix has 9 numbers, not {len(matrix)}")
    a, b, _, c, d, *_ = matrix
    if abs(b) + abs(c) > abs(a) + abs(d):
        return Orientation(transpose=True, flip_vertical=b < 0, flip_horizontal=c < 0)
    return Orientation(flip_vertical=d < 0, flip_horizontal=a < 0)
