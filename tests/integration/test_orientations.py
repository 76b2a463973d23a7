"""One photo in all eight EXIF orientations is one and the same to a network."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from imgsim import backbones, pixels
from imgsim.domain import Pixels
from imgsim.sources import read_picture

# What must be done to upright pixels so that a viewer who obeys the tag turns them back.
_UNDO: dict[int, Callable[[Pixels], Pixels]] = {
    1: lambda upright: upright,
    2: lambda upright: upright[:, ::-1],
    3: lambda upright: upright[::-1, ::-1],
    4: lambda upright: upright[::-1],
    5: lambda upright: upright.transpose(1, 0, 2),
    6: lambda upright: np.rot90(upright),
    7: lambda upright: upright[::-1, ::-1].transpose(1, 0, 2),
    8: lambda upright: np.rot90(upright, -1),
}


def test_eight_orientations_embed_alike(tmp_path: Path, picture: Path) -> None:
    image = cv2.imread(str(picture))
    assert image is not None
    upright = np.ascontiguousarray(image[:, :, ::-1]).astype(np.uint8)
    embedder = backbones.load("efficientnet_lite0")
    squares = []
    for number, undo in _UNDO.items():
        path = tmp_path / f"{number}.jpg"
        exif = Image.Exif()
        exif[274] = number
        stored = Image.fromarray(np.ascontiguousarray(undo(upright)))
        stored.save(path, quality=95, exif=exif)
        read = read_picture(path)
        assert read.shape == upright.shape
        squares.append(pixels.resize_square(read, embedder.input_size))
    vectors = embedder.embed(np.stack(squares))
    assert (vectors @ vectors.T).min() > 0.99
    mirrored = embedder.embed(squares[0][None, :, ::-1])
    assert float(mirrored[0] @ vectors[0]) < 0.99
