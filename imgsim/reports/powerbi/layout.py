"""Where things are on a page."""

from __future__ import annotations

from dataclasses import dataclass

WIDTH, HEIGHT = 1280, 720  # pixels of a page
SLICER_HEIGHT, CARD_HEIGHT = 76, 96
PICTURE_HEIGHT = 90  # thumbnails have up to 160

EDGE, GAP = 16, 12


@dataclass(frozen=True, slots=True)
class Box:
    """A part of a page, in pixels from its upper left corner."""

    x: int
    y: int
    width: int
    height: int


def row(y: int, height: int, parts: int) -> tuple[Box, ...]:
    """Equal boxes beside each other over the width of a page."""
    width = (WIDTH - 2 * EDGE - (parts - 1) * GAP) // parts
    return tuple(Box(EDGE + n * (width + GAP), y, width, height) for n in range(parts))


def below(box: Box) -> int:
    """Where the next row begins."""
    return box.y + box.height + GAP


def height_below(box: Box) -> int:
    """How high the next row may be."""
    return HEIGHT - EDGE - below(box)
