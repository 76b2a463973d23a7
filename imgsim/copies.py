"""Edited copies of a picture, as people and programs make them: is the original still found?

The edits are those on which copy detection is measured since Copydays (Douze and others,
"Evaluation of GIST descriptors for web-scale image search", 2009). Strengths go by the size of the
picture, so that a large one is edited as much as a small one. Crops are shares of the area, as
there.

Every edit takes and gives one picture, uint8 (height, width, 3) RGB, at least 1 x 1, and writes to
none. What is left to chance (where a crop lies, which way a picture leans, the words of a caption)
is drawn from the generator.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Callable, Mapping
from types import MappingProxyType

import cv2
import numpy as np

from imgsim.domain import Pixels
from imgsim.pixels import decode_jpeg, encode_jpeg, thumbnail

# Larger pictures are reduced first: no network looks at more, and beyond 32,766 pixels a side
# OpenCV does not rotate, beyond 65,535 no JPEG can be written.
LONGEST_SIDE = 4096


def make_copy(name: str, pixels: Pixels, seed: int) -> Pixels:
    """Edit a picture in one of the ways of COPIES.

    Args:
        name: a key of COPIES.
        pixels: uint8 (height, width, 3) RGB; of a side over LONGEST_SIDE, a reduced copy is edited.
        seed: 0 or more; the same name, picture and seed give the same copy.

    Returns:
        uint8 (height, width, 3) RGB of its own memory; the edit decides the size.

    Raises:
        KeyError: there is no such name.
    """
    edit = COPIES[name]
    # By name and not by place: a new edit in the list changes none of the others' copies.
    generator = np.random.default_rng([seed, zlib.crc32(name.encode())])
    return np.array(edit(thumbnail(pixels, LONGEST_SIDE), generator), order="C")


def scaled(pixels: Pixels, _generator: np.random.Generator) -> Pixels:
    """Reduced to a quarter of its width and height."""
    return thumbnail(pixels, _part_of_long_side(pixels, 4))


def recompressed(pixels: Pixels, _generator: np.random.Generator) -> Pixels:
    """Saved as a JPEG of quality 10: blocks of 8 x 8 pixels show."""
    return _through_jpeg(pixels, 10)


def blurred(pixels: Pixels, _generator: np.random.Generator) -> Pixels:
    """Out of focus: a Gaussian blur, its deviation 1 % of the longer side."""
    deviation = max(0.5, 0.01 * max(pixels.shape[:2]))
    return np.asarray(cv2.GaussianBlur(np.ascontiguousarray(pixels), (0, 0), deviation), np.uint8)


def cropped(pixels: Pixels, generator: np.random.Generator) -> Pixels:
    """Cut down to 80 % of its area, in its shape, anywhere."""
    return _crop(pixels, 0.8, generator)


def cropped_50(pixels: Pixels, generator: np.random.Generator) -> Pixels:
    """Cut down to 50 % of its area, in its shape, anywhere."""
    return _crop(pixels, 0.5, generator)


def cropped_30(pixels: Pixels, generator: np.random.Generator) -> Pixels:
    """Cut down to 30 % of its area, in its shape, anywhere."""
    return _crop(pixels, 0.3, generator)


def rotated_10(pixels: Pixels, generator: np.random.Generator) -> Pixels:
    """Turned by 10 degrees to the left or right; all of it is kept, and black fills the corners."""
    degrees = 10 if generator.random() < 0.5 else -10
    height, width, _ = pixels.shape
    turn = cv2.getRotationMatrix2D(((width - 1) / 2, (height - 1) / 2), degrees, 1)
    cos, sin = abs(turn[0, 0]), abs(turn[0, 1])
    outer = (round(width * cos + height * sin), round(width * sin + height * cos))
    turn[:, 2] += ((outer[0] - width) / 2, (outer[1] - height) / 2)
    turned = cv2.warpAffine(np.ascontiguousarray(pixels), turn, outer, flags=cv2.INTER_LINEAR)
    return np.asarray(turned, np.uint8)


def rotated_90(pixels: Pixels, _generator: np.random.Generator) -> Pixels:
    """Turned by 90 degrees clockwise, as by a camera that was held upright."""
    return np.rot90(pixels, -1)


def flipped(pixels: Pixels, _generator: np.random.Generator) -> Pixels:
    """Mirrored: left is right."""
    return pixels[:, ::-1]


def greyed(pixels: Pixels, _generator: np.random.Generator) -> Pixels:
    """Without colour: each channel is the luma of BT.601."""
    grey = cv2.cvtColor(np.ascontiguousarray(pixels), cv2.COLOR_RGB2GRAY)
    return np.repeat(np.asarray(grey, np.uint8)[:, :, np.newaxis], 3, axis=2)


def darkened(pixels: Pixels, _generator: np.random.Generator) -> Pixels:
    """Underexposed: every sample at 40 % of its value."""
    return np.round(pixels * np.float32(0.4)).astype(np.uint8)


def texted(pixels: Pixels, generator: np.random.Generator) -> Pixels:
    """A caption of three words drawn over its lower half, white with a black edge."""
    text = " ".join(generator.choice(_WORDS, size=3, replace=False))
    height, width, _ = pixels.shape
    (long, high), _below = cv2.getTextSize(text, _FACE, 1, 2)
    scale = min(0.9 * width / long, 0.2 * height / high)
    base = (round((width - scale * long) / 2), round(height * generator.uniform(0.65, 0.9)))
    letters = np.zeros((height, width), np.uint8)
    cv2.putText(letters, text, base, _FACE, scale, 255, max(1, round(2 * scale)))
    edge = max(1, round(2 * scale))
    # Grown, rather than drawn with a thicker pen: OpenCV 5 has fonts, which grow no thicker.
    around = cv2.dilate(letters, np.ones((2 * edge + 1, 2 * edge + 1), np.uint8))
    copy = pixels.copy()
    copy[around > 0] = 0
    copy[letters > 127] = 255
    return copy


def padded(pixels: Pixels, generator: np.random.Generator) -> Pixels:
    """In a frame of black, grey or white: two borders, each as thick as 20 % of its axis."""
    height, width, _ = pixels.shape
    above, beside = max(1, round(0.2 * height)), max(1, round(0.2 * width))
    colour = generator.choice(np.array([0, 128, 255], np.uint8))
    return np.pad(pixels, ((above, above), (beside, beside), (0, 0)), constant_values=int(colour))


def mixed(pixels: Pixels, generator: np.random.Generator) -> Pixels:
    """The hard one: cut down to 50 % of its area, reduced to a third, a JPEG of quality 15."""
    part = _crop(pixels, 0.5, generator)
    return _through_jpeg(thumbnail(part, _part_of_long_side(part, 3)), 15)


COPIES: Mapping[str, Callable[[Pixels, np.random.Generator], Pixels]] = MappingProxyType(
    {
        edit.__name__: edit
        for edit in (
            scaled,
            recompressed,
            blurred,
            cropped,
            cropped_50,
            cropped_30,
            rotated_10,
            rotated_90,
            flipped,
            greyed,
            darkened,
            texted,
            padded,
            mixed,
        )
    }
)
"""Every edit by its name, in the order of reports. Called by way of make_copy."""

_FACE = cv2.FONT_HERSHEY_DUPLEX
_WORDS = (
    "BEST",
    "DAY",
    "EVER",
    "LOOK",
    "AT",
    "THIS",
    "WHEN",
    "YOU",
    "SEE",
    "IT",
    "MONDAY",
    "AGAIN",
)


def _crop(pixels: Pixels, share: float, generator: np.random.Generator) -> Pixels:
    """A part of the picture's own shape that has this share of its area, anywhere in it."""
    height, width, _ = pixels.shape
    side = math.sqrt(share)
    high, wide = max(1, round(side * height)), max(1, round(side * width))
    top, left = (int(generator.integers(0, room + 1)) for room in (height - high, width - wide))
    return pixels[top : top + high, left : left + wide]


def _part_of_long_side(pixels: Pixels, divisor: int) -> int:
    long_side: int = max(pixels.shape[0], pixels.shape[1])
    return max(1, round(long_side / divisor))


def _through_jpeg(pixels: Pixels, quality: int) -> Pixels:
    return decode_jpeg(encode_jpeg(pixels, quality))
