"""Reducing by area: the mean of what each pixel covers, whatever the sizes."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from imgsim.domain import Pixels
from imgsim.resampling import reduce_by_area

SIZES = [
    (720, 1280, 224, 224),
    (333, 500, 160, 107),
    (224, 225, 224, 224),
    (1004, 1600, 299, 331),
    (7, 1, 3, 1),
    (5, 4000, 5, 3),
    (3000, 2, 1, 1),
]


def noise(height: int, width: int) -> Pixels:
    """The hardest picture: every pixel is another."""
    return np.random.default_rng(height + width).integers(0, 256, (height, width, 3), np.uint8)


@pytest.mark.parametrize(("rows", "columns", "height", "width"), SIZES)
def test_is_the_mean_of_the_covered_rectangle(
    rows: int, columns: int, height: int, width: int
) -> None:
    picture = np.ascontiguousarray(noise(rows, columns)[:40, :60])
    rows, columns = picture.shape[:2]
    height, width = min(height, rows), min(width, columns)
    # By repeating pixels, each pixel of the copy covers whole ones: the plain definition.
    fine = np.repeat(np.repeat(picture, height, axis=0), width, axis=1)
    means = fine.reshape(height, rows, width, columns, 3).mean(axis=(1, 3))
    found = reduce_by_area(picture, width, height)
    assert found.dtype == np.uint8
    assert np.abs(found - means).max() <= 0.5 + 1e-3


@pytest.mark.parametrize(("rows", "columns", "height", "width"), SIZES)
def test_gives_what_opencv_gives(rows: int, columns: int, height: int, width: int) -> None:
    picture = noise(rows, columns)
    expected = np.asarray(cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA), int)
    found = reduce_by_area(picture, width, height).astype(int)
    assert np.abs(found - expected).max() <= 1
    assert (found != expected).mean() < 0.002, "only where the mean lies between two levels"


def test_a_flat_picture_stays_as_it_is() -> None:
    for level in (0, 1, 127, 254, 255):
        picture = np.full((719, 1279, 3), level, np.uint8)
        assert (reduce_by_area(picture, 224, 224) == level).all()


def test_the_picture_is_not_written_to() -> None:
    picture = noise(100, 90)
    picture.setflags(write=False)
    assert reduce_by_area(picture, 30, 31).shape == (31, 30, 3)
