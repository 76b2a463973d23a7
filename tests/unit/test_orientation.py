"""The eight orientations, by hand, by EXIF number and by display matrix."""

from __future__ import annotations

import numpy as np
import pytest

from imgsim.domain import Pixels
from imgsim.sources.orientation import UPRIGHT, Orientation, from_exif, from_matrix

ONE = 1 << 16  # 1.0 in the matrix's 16.16 fixed point


def letter() -> Pixels:
    """A stored picture of 2 rows and 3 columns in which every pixel differs."""
    return np.arange(18, dtype=np.uint8).reshape(2, 3, 3)


# What EXIF says of the stored picture's first row and first column, and how numpy says it.
BY_EXIF = {
    1: letter(),
    2: np.fliplr(letter()),
    3: np.rot90(letter(), 2),
    4: np.flipud(letter()),
    5: letter().swapaxes(0, 1),
    6: np.rot90(letter(), -1),
    7: np.rot90(letter(), 2).swapaxes(0, 1),
    8: np.rot90(letter(), 1),
}


@pytest.mark.parametrize("number", BY_EXIF)
def test_exif_orientations_equal_turns_by_hand(number: int) -> None:
    """Each EXIF number turns the picture as the standard words it, sizes included."""
    upright = from_exif(number).apply(letter())
    np.testing.assert_array_equal(upright, BY_EXIF[number])
    assert from_exif(number).size(3, 2) == (upright.shape[1], upright.shape[0])
    assert upright.flags.c_contiguous


@pytest.mark.parametrize("value", [None, 0, 9, -1, "6", 6.5, b"\x06"])
def test_other_exif_values_leave_the_picture_alone(value: object) -> None:
    """Cameras write 0, and damaged files anything."""
    assert from_exif(value) == UPRIGHT


def shown_by_matrix(matrix: list[int], stored: Pixels) -> Pixels:
    """Map every stored pixel by the definition of the matrix, one by one."""
    a, b, _, c, d, *_ = (value / ONE for value in matrix)
    height, width, _ = stored.shape
    points = {(p, q): (a * p + c * q, b * p + d * q) for p in range(width) for q in range(height)}
    left = min(x for x, _ in points.values())
    top = min(y for _, y in points.values())
    upright = np.zeros_like(stored if a else stored.swapaxes(0, 1))
    for (p, q), (x, y) in points.items():
        upright[round(y - top), round(x - left)] = stored[q, p]
    return upright


@pytest.mark.parametrize("mirrored", [1, -1])
@pytest.mark.parametrize("quarters", [0, 1, 2, 3])
def test_matrix_turns_as_its_definition_says(quarters: int, mirrored: int) -> None:
    """All eight matrices of right angles agree with mapping pixel by pixel."""
    cos, sin = [(1, 0), (0, 1), (-1, 0), (0, -1)][quarters]
    matrix = [
        mirrored * cos * ONE,
        mirrored * sin * ONE,
        0,
        -sin * ONE,
        cos * ONE,
        0,
        0,
        0,
        1 << 30,
    ]
    expected = shown_by_matrix(matrix, letter())
    np.testing.assert_array_equal(from_matrix(matrix).apply(letter()), expected)


def test_an_upright_phone_is_a_quarter_turn_clockwise() -> None:
    """The matrix that phones write when held upright is EXIF 6."""
    assert from_matrix([0, ONE, 0, -ONE, 0, 0, 0, 0, 1 << 30]) == from_exif(6)


def test_a_slight_slant_and_an_empty_matrix_change_nothing() -> None:
    """Three degrees are no quarter turn; zeros, as some muxers write them, no turn at all."""
    assert from_matrix([65446, 3430, 0, -3430, 65446, 0, 0, 0, 1 << 30]) == UPRIGHT
    assert from_matrix([0] * 9) == UPRIGHT


def test_a_matrix_has_nine_numbers() -> None:
    """Too few numbers are refused, not guessed."""
    with pytest.raises(ValueError, match="9 numbers, not 4"):
        from_matrix([ONE, 0, 0, ONE])


def test_apply_does_not_write_to_the_stored_picture() -> None:
    """The stored picture may be a view of a decoder's memory."""
    stored = letter()
    Orientation(transpose=True, flip_vertical=True).apply(stored)
    np.testing.assert_array_equal(stored, letter())
