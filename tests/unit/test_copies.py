"""Edited copies: each does what it says, to pictures of any shape."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from imgsim.copies import COPIES, LONGEST_SIDE, make_copy
from imgsim.domain import Pixels

NAMES = [
    "scaled",
    "recompressed",
    "blurred",
    "cropped",
    "cropped_50",
    "cropped_30",
    "rotated_10",
    "rotated_90",
    "flipped",
    "greyed",
    "darkened",
    "texted",
    "padded",
    "mixed",
]
BY_CHANCE = {"cropped", "cropped_50", "cropped_30", "rotated_10", "texted", "padded", "mixed"}
SHARES = {"cropped": 0.8, "cropped_50": 0.5, "cropped_30": 0.3}


def scene(width: int = 320, height: int = 240) -> Pixels:
    """A picture whose red grows to the right, whose green grows downwards, with some noise."""
    draw = np.random.default_rng(1)
    picture = np.empty((height, width, 3), dtype=np.uint8)
    picture[:, :, 0] = np.linspace(20, 230, width).round()
    picture[:, :, 1] = np.linspace(20, 230, height).round()[:, np.newaxis]
    picture[:, :, 2] = draw.integers(40, 60, (height, width))
    return picture


def mean_difference(a: Pixels, b: Pixels) -> float:
    """Levels of 256."""
    return float(np.abs(a.astype(np.int16) - b.astype(np.int16)).mean())


def place_of(part: Pixels, whole: Pixels) -> tuple[int, int]:
    """Where a part was cut from; it fails if it was not."""
    score = cv2.matchTemplate(whole, part, cv2.TM_SQDIFF)
    _, _, (left, top), _ = cv2.minMaxLoc(score)
    high, wide = part.shape[:2]
    np.testing.assert_array_equal(whole[top : top + high, left : left + wide], part)
    return top, left


def roughness(picture: Pixels) -> float:
    """How much neighbouring samples of the noisy channel differ."""
    blue: npt.NDArray[np.int16] = picture[:, :, 2].astype(np.int16)
    return float(np.abs(np.diff(blue, axis=1)).mean())


def test_the_list_is_stable() -> None:
    """Reports and stored results go by these names in this order."""
    assert list(COPIES) == NAMES
    assert all(edit.__doc__ for edit in COPIES.values())
    with pytest.raises(KeyError):
        make_copy("sharpened", scene(), 0)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    "shape", [(1, 1), (1, 90), (91, 1), (2, 2), (3, 7), (1200, 5), (5000, 20), (3, 40_000)]
)
def test_pictures_of_any_shape_are_copied_and_left_alone(name: str, shape: tuple[int, int]) -> None:
    """Single pixels, lines, and pictures beyond what OpenCV turns and a JPEG holds."""
    picture = np.random.default_rng(3).integers(0, 256, (*shape, 3), dtype=np.uint8)
    before = picture.copy()
    picture.flags.writeable = False
    copy = make_copy(name, picture, 5)
    assert copy.dtype == np.uint8
    assert copy.ndim == 3
    assert copy.shape[2] == 3
    assert min(copy.shape) >= 1
    assert max(copy.shape) <= 1.5 * LONGEST_SIDE
    assert copy.flags.c_contiguous
    assert copy.flags.writeable
    assert not np.shares_memory(copy, picture)
    np.testing.assert_array_equal(picture, before)


@pytest.mark.parametrize("name", NAMES)
def test_a_copy_depends_on_its_seed_alone(name: str) -> None:
    """The same seed gives the same; chance, where there is any, goes by the seed."""
    picture = scene()
    first = make_copy(name, picture, 11)
    np.testing.assert_array_equal(make_copy(name, picture, 11), first)
    others = [make_copy(name, picture, seed) for seed in range(12)]
    assert any(not np.array_equal(other, first) for other in others) == (name in BY_CHANCE)


@pytest.mark.parametrize("name", NAMES)
def test_views_are_taken_as_they_look(name: str) -> None:
    """A mirrored view has negative strides, which OpenCV refuses."""
    view = scene()[:, ::-1]
    np.testing.assert_array_equal(make_copy(name, view, 2), make_copy(name, view.copy(), 2))


@pytest.mark.parametrize("name", [name for name in NAMES if name != "greyed"])
def test_red_stays_red(name: str) -> None:
    """Where a copy goes through OpenCV's formats, the channels come back in their order."""
    red = np.full((120, 160, 3), (220, 30, 30), dtype=np.uint8)
    copy = make_copy(name, red, 4).reshape(-1, 3).astype(np.float64)
    assert np.median(copy[:, 0]) > 3 * np.median(copy[:, 2])


def test_scaled_is_a_quarter_and_averages() -> None:
    """Each pixel is the mean of 4 x 4."""
    picture = scene(320, 240)
    copy = make_copy("scaled", picture, 0)
    means = picture.reshape(60, 4, 80, 4, 3).mean(axis=(1, 3))
    assert copy.shape == (60, 80, 3)
    assert np.abs(copy - means).max() <= 1


def test_recompressed_is_what_opencv_reads_from_such_a_file() -> None:
    """Near the picture but not the picture, and worse than at the usual quality."""
    picture = scene()
    copy = make_copy("recompressed", picture, 0)
    done, data = cv2.imencode(".jpg", picture[:, :, ::-1], [cv2.IMWRITE_JPEG_QUALITY, 10])
    assert done
    decoded = cv2.imdecode(data, cv2.IMREAD_COLOR)
    assert decoded is not None
    np.testing.assert_array_equal(copy, decoded[:, :, ::-1])
    assert 1 < mean_difference(copy, picture) < 10


def test_blurred_is_smooth_and_as_bright_at_any_size() -> None:
    """The noise is gone and the picture is not; one of twice the size is blurred twice as far."""
    picture = scene()
    copy = make_copy("blurred", picture, 0)
    assert roughness(copy) < roughness(picture) / 4
    assert mean_difference(copy[:, :, :2], picture[:, :, :2]) < 2
    widths = []
    for size in (400, 800):
        edge = np.zeros((size, size, 3), dtype=np.uint8)
        edge[:, size // 2 :] = 255
        soft = make_copy("blurred", edge, 0)[0, :, 0]
        widths.append(int(((soft > 40) & (soft < 215)).sum()))  # within a deviation of the edge
    # 0.16 and 0.84 of a normal distribution lie one deviation off: 2 x 4 pixels, then 2 x 8.
    assert widths == [pytest.approx(8, abs=1), pytest.approx(16, abs=1)]


@pytest.mark.parametrize("name", list(SHARES))
def test_crops_are_parts_of_that_area_from_anywhere(name: str) -> None:
    """The samples are the picture's own; the shape is kept; and places differ."""
    picture = scene(400, 300)
    copies = [make_copy(name, picture, seed) for seed in range(8)]
    for copy in copies:
        assert copy.shape[0] * copy.shape[1] / (400 * 300) == pytest.approx(SHARES[name], abs=0.01)
        assert copy.shape[1] / copy.shape[0] == pytest.approx(4 / 3, abs=0.02)
    tops, lefts = zip(*(place_of(copy, picture) for copy in copies), strict=True)
    assert len(set(tops)) > 3
    assert len(set(lefts)) > 3


def test_rotated_10_turns_about_the_middle_and_keeps_all() -> None:
    """A bright spot is found where ten degrees take it, either way; the corners are black."""
    picture = np.full((300, 400, 3), 100, dtype=np.uint8)
    picture[145:156, 345:356] = 250  # 150 right of the middle
    angles = set()
    for seed in range(8):
        copy = make_copy("rotated_10", picture, seed)
        assert copy.shape == (365, 446, 3)  # 300 cos + 400 sin; 400 cos + 300 sin
        assert copy[[0, 0, -1, -1], [0, -1, 0, -1]].max() == 0
        assert (copy[:, :, 0] > 50).sum() == pytest.approx(300 * 400, rel=0.01)
        rows, columns = np.nonzero(copy[:, :, 0] > 200)
        angle = np.degrees(np.arctan2(rows.mean() - 182, columns.mean() - 222.5))
        assert abs(angle) == pytest.approx(10, abs=0.5)
        angles.add(round(float(angle)))
    assert angles == {10, -10}


def test_rotated_90_and_flipped_move_the_corners() -> None:
    """Clockwise, the upper left corner comes to the upper right; mirrored, too, in the same row."""
    picture = scene()
    turned = make_copy("rotated_90", picture, 0)
    assert turned.shape == (320, 240, 3)
    np.testing.assert_array_equal(turned[0, -1], picture[0, 0])
    np.testing.assert_array_equal(turned[-1, -1], picture[0, -1])
    np.testing.assert_array_equal(turned[0, 0], picture[-1, 0])
    mirrored = make_copy("flipped", picture, 0)
    np.testing.assert_array_equal(mirrored[5, 0], picture[5, -1])
    np.testing.assert_array_equal(mirrored[:, ::-1], picture)


def test_greyed_has_the_luma_in_each_channel() -> None:
    """0.299 red, 0.587 green, 0.114 blue."""
    picture = scene()
    copy = make_copy("greyed", picture, 0)
    luma = picture @ np.array([0.299, 0.587, 0.114])
    assert np.abs(copy - luma[:, :, np.newaxis]).max() <= 1


def test_darkened_is_at_two_fifths() -> None:
    """Rounded: 200 becomes 80, 255 becomes 102, 1 becomes 0."""
    picture = np.array([[[200, 255, 1]]], dtype=np.uint8)
    assert make_copy("darkened", picture, 0).tolist() == [[[80, 102, 0]]]


@pytest.mark.parametrize("level", [0, 128, 255])
@pytest.mark.parametrize("size", [(320, 240), (1600, 200), (300, 900)])
def test_texted_shows_on_any_ground_and_spares_the_upper_half(
    level: int, size: tuple[int, int]
) -> None:
    """White letters in black edges; nothing else changes."""
    picture = np.full((size[1], size[0], 3), level, dtype=np.uint8)
    for seed in range(4):
        copy = make_copy("texted", picture, seed)
        changed = (copy != picture).any(axis=2)
        assert 0.003 < changed.mean() < 0.25
        assert not changed[: size[1] * 2 // 5].any()
        assert set(np.unique(copy)) <= {0, level, 255}
        assert not changed[:, [0, -1]].any()


def test_padded_has_even_borders_of_three_colours() -> None:
    """A fifth of each axis on either side, the picture untouched between."""
    picture = scene(320, 240)
    colours = set()
    for seed in range(20):
        copy = make_copy("padded", picture, seed)
        assert copy.shape == (240 + 2 * 48, 320 + 2 * 64, 3)
        np.testing.assert_array_equal(copy[48:-48, 64:-64], picture)
        border = np.concatenate([copy[:48].ravel(), copy[:, :64].ravel(), copy[-48:].ravel()])
        assert len(set(border.tolist())) == 1
        colours.add(int(border[0]))
    assert colours == {0, 128, 255}


def test_mixed_is_a_small_part() -> None:
    """Half the area at a third of the size; its colours say which part."""
    picture = scene(900, 600)
    copy = make_copy("mixed", picture, 1)
    assert copy.shape == (141, 212, 3)  # 600 and 900 x 0.7071 / 3
    red = copy[:, :, 0].mean(axis=0)
    assert red[-1] - red[0] == pytest.approx(210 * 0.7071, abs=12)
    assert mean_difference(copy, make_copy("mixed", picture, 2)) > 3


def test_copies_differ_from_each_other() -> None:
    """No two edits of a photo-like picture give the same."""
    copies = [make_copy(name, scene(), 3) for name in NAMES]
    shown = {(copy.shape, copy.tobytes()) for copy in copies}
    assert len(shown) == len(NAMES)
    assert (scene().shape, scene().tobytes()) not in shown
