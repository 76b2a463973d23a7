"""Work on pixels: filters, thumbnails, blankness, and a sheet whose labels stay in their place."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from imgsim.domain import Pixels
from imgsim.pixels import (
    contact_sheet,
    decode_jpeg,
    encode_jpeg,
    encode_png,
    is_blank,
    resize_square,
    thumbnail,
)

ORANGE = (230, 120, 20)  # in BGR order it would be blue


def flat(width: int, height: int, colour: tuple[int, int, int] = ORANGE) -> Pixels:
    """A picture of one colour."""
    return np.full((height, width, 3), colour, dtype=np.uint8)


def read_rgb(path: Path) -> Pixels:
    """Read a file independently of the code under test."""
    bgr = cv2.imread(str(path), cv2.IMREAD_COLOR)
    assert bgr is not None
    return np.asarray(bgr[:, :, ::-1], dtype=np.uint8)


def difference(a: Pixels, b: Pixels) -> npt.NDArray[np.int16]:
    """The distance of every sample."""
    return np.abs(a.astype(np.int16) - b.astype(np.int16))


@pytest.mark.parametrize("shape", [(500, 300), (300, 500), (20, 30), (1, 1), (3, 4000), (224, 224)])
def test_resize_squashes_any_shape_and_keeps_the_colour(shape: tuple[int, int]) -> None:
    """Grown, shrunk, or one axis each: the size asked for, in the same colour."""
    square = resize_square(flat(*shape), 224)
    assert square.shape == (224, 224, 3)
    assert square.dtype == np.uint8
    assert difference(square, flat(224, 224)).max() <= 1


def test_shrinking_averages() -> None:
    """Stripes one pixel wide become grey; picking single pixels would show black or white."""
    stripes = np.zeros((448, 448, 3), dtype=np.uint8)
    stripes[:, ::2] = 255
    assert difference(resize_square(stripes, 112), flat(112, 112, (128, 128, 128))).max() <= 1


def test_each_axis_has_its_own_filter() -> None:
    """A picture that is shrunk across and grown down is still averaged across."""
    stripes = np.zeros((50, 896, 3), dtype=np.uint8)
    stripes[:, ::2] = 255
    assert difference(resize_square(stripes, 112), flat(112, 112, (128, 128, 128))).max() <= 1


def test_resize_takes_views_and_does_not_write_to_them() -> None:
    """A mirrored view has negative strides, which OpenCV refuses."""
    picture = np.random.default_rng(7).integers(0, 256, (90, 80, 3), dtype=np.uint8)
    before = picture.copy()
    mirrored = resize_square(picture[:, ::-1], 40)
    np.testing.assert_array_equal(picture, before)
    assert difference(mirrored, resize_square(picture, 40)[:, ::-1]).max() <= 1


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        ((1280, 720), (160, 90)),
        ((720, 1280), (90, 160)),
        ((5000, 3), (160, 1)),
        ((40, 30), (40, 30)),
    ],
)
def test_a_thumbnail_is_small_and_red_stays_red_in_its_jpeg(
    size: tuple[int, int], expected: tuple[int, int]
) -> None:
    """The long side is 160, the short side at least 1, nothing is enlarged."""
    data = encode_jpeg(thumbnail(flat(*size)))
    assert data.startswith(b"\xff\xd8\xff")
    small = decode_jpeg(data)
    assert (small.shape[1], small.shape[0]) == expected
    assert difference(small, flat(*expected)).max() <= 3


def test_decode_jpeg_refuses_other_bytes() -> None:
    """Neither nothing nor text is a picture."""
    for data in (b"", b"not a picture"):
        with pytest.raises(ValueError, match="not a JPEG"):
            decode_jpeg(data)


def test_png_loses_nothing(tmp_path: Path) -> None:
    """Written and read by another path, the same samples in the same order."""
    picture = np.random.default_rng(1).integers(0, 256, (33, 47, 3), dtype=np.uint8)
    file = tmp_path / "picture.png"
    file.write_bytes(encode_png(picture))
    np.testing.assert_array_equal(read_rgb(file), picture)


def test_flat_and_noisy_dark_frames_are_blank() -> None:
    """Black, one colour, one pixel, a faint gradient, and the noise of a covered lens."""
    noise = np.random.default_rng(3).normal(4, 2, (480, 640, 3)).clip(0, 255).astype(np.uint8)
    steps = np.repeat((np.arange(640) // 320).astype(np.uint8)[None, :, None], 480, axis=0)
    gradient = np.repeat(steps, 3, axis=2)
    for picture in (flat(320, 240, (0, 0, 0)), flat(300, 10), flat(1, 1), noise, gradient):
        assert is_blank(picture)


def test_little_is_enough_not_to_be_blank() -> None:
    """A line of credits on black; two colours of one brightness; a small patch of light."""
    credits_line = flat(1280, 720, (0, 0, 0))
    cv2.putText(credits_line, "THE END", (560, 380), cv2.FONT_HERSHEY_SIMPLEX, 1, (255,) * 3, 2)
    colours = flat(64, 64, (90, 90, 90))
    colours[:, 32:] = (120, 80, 80)
    patch = flat(640, 480, (0, 0, 0))
    patch[200:240, 300:340] = 90
    for picture in (credits_line, colours, patch):
        assert not is_blank(picture)


def test_no_real_photo_is_blank_even_in_fog(shared: Path) -> None:
    """All photos, and each of them at a tenth of its contrast, pale as in dense fog."""
    photos = sorted((shared / "photos" / "pixabay").glob("*.jpg"))
    photos += sorted((shared / "photos" / "imagenette160").glob("n03888257_*"))  # skies
    assert len(photos) > 80
    for path in photos:
        photo = read_rgb(path)
        assert not is_blank(photo), path
        assert not is_blank((200 + 0.1 * (photo.astype(np.float32) - 128)).astype(np.uint8)), path


def sheet_with(labels: list[str], query_label: str = "query.png") -> Pixels:
    """A sheet of equal tiles: 48 wide for 32 high."""
    return contact_sheet(flat(96, 72), query_label, [(flat(48, 32), label) for label in labels])


def test_a_sheet_without_hits_shows_the_query() -> None:
    """The query is there, in its colour, and nothing else is wide."""
    sheet = contact_sheet(flat(96, 72), "query.png", [])
    assert tuple(sheet[100, 100]) == ORANGE
    assert sheet.shape[1] < 500


def test_tiles_stand_in_rows_of_five() -> None:
    """Six tiles take a second row; the sheet grows down and not sideways."""
    five, six = sheet_with(["a"] * 5), sheet_with(["a"] * 6)
    assert six.shape[1] == five.shape[1]
    assert six.shape[0] > five.shape[0]
    assert (sheet_with(["a"] * 2) == ORANGE).all(axis=2).sum() < (six == ORANGE).all(axis=2).sum()


@pytest.mark.parametrize("label", ["W" * 200, "i" * 400, "long name " * 30 + "end.mp4", "猫" * 90])
def test_labels_stay_below_their_tile(label: str) -> None:
    """Between the columns and at the edges the paper stays clean, however long the labels."""
    lines = f"{label}\n{label}"
    sheet = sheet_with([lines] * 6, lines)
    outside = ~(sheet == ORANGE).all(axis=2).any(axis=0)  # columns that cross no picture
    assert outside.sum() == 2 * 24 + 2 * 16 + 4 * 16
    assert (sheet[:, outside] == sheet[0, 0]).all()
    assert (sheet[-24:] == sheet[0, 0]).all()


def test_labels_are_drawn() -> None:
    """With a label there is dark ink on the sheet, without there is none."""
    assert (sheet_with(["1   0.0000"], "").min(axis=2) < 90).sum() > 50
    tiles = [(flat(48, 32, (200, 200, 200)), "")]
    assert contact_sheet(flat(96, 72, (200, 200, 200)), "", tiles).min() > 150


def test_names_that_cannot_be_drawn_do_no_harm() -> None:
    """Bytes that are not UTF-8, control characters, emoji, right-to-left, and nothing at all."""
    for label in ("\udcff\udcfe.jpg", "a\tb\x00c\x7f", "👾🏽.png", "שלום.mp4", "", "\n\n"):
        assert sheet_with([label], label).ndim == 3


@pytest.mark.parametrize("size", [(1, 1), (3, 3000), (3000, 2), (4000, 3000)])
def test_pictures_of_any_shape_fit(size: tuple[int, int]) -> None:
    """Extreme shapes are drawn whole, at least one pixel thick."""
    sheet = contact_sheet(flat(*size), "q", [(flat(*size), "t")])
    assert (difference(sheet, flat(sheet.shape[1], sheet.shape[0])).max(axis=2) == 0).any()
