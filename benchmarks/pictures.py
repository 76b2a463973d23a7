"""Real pictures for benchmarks: a folder of photos, or frames of the sample that comes along."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from imgsim import pixels
from imgsim.domain import PixelBatch, Pixels
from imgsim.pipeline.demo import VIDEO
from imgsim.sampling import ALL_FRAMES
from imgsim.sources import IMAGE_SUFFIXES, open_media, read_picture


def read(folder: Path | None, count: int) -> list[Pixels]:
    """Up to `count` pictures, spread over a folder, or over the sample video if None."""
    if folder is None:
        with open_media(VIDEO) as media:
            frames = [frame.pixels for frame in media.frames(ALL_FRAMES)]
        return [frames[at] for at in _spread(len(frames), count)]
    paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in IMAGE_SUFFIXES)
    return [read_picture(paths[at]) for at in _spread(len(paths), count)]


def squares(pictures: list[Pixels], side: int) -> PixelBatch:
    """As a network takes them: uint8 RGB (n, side, side, 3)."""
    return np.stack([pixels.resize_square(each, side) for each in pictures])


def _spread(there: int, wanted: int) -> list[int]:
    return sorted({round(at) for at in np.linspace(0, there - 1, min(there, wanted))})
