"""Ways to reduce a picture to what a network takes: time, and what they do to the embedding.

The plain way is OpenCV's INTER_AREA of the full RGB picture. Compared: imgsim's own, OpenCV in two
steps, and FFmpeg's swscale, which reduces a video frame while it converts it to RGB.

And JPEG pictures of a phone's size, mosaics of the same frames, which libjpeg reduces by two or
four while it decodes (Pillow's `draft`), against the whole picture.

Run: python -m benchmarks.resize [--video FILE]
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator
from io import BytesIO
from pathlib import Path

import av
import cv2
import numpy as np
from av.video.frame import VideoFrame
from av.video.reformatter import Interpolation, VideoReformatter
from PIL import Image

from benchmarks.record import Record
from imgsim import backbones
from imgsim.backbones import Embedder
from imgsim.domain import Pixels, Vectors
from imgsim.pipeline.demo import VIDEO
from imgsim.pixels import encode_jpeg
from imgsim.resampling import reduce_by_area

_ABOUT = (
    "Frames of a video as a network takes them, from FFmpeg's YUV: milliseconds of one core, and "
    "cosine to the embedding by INTER_AREA of the full RGB frame."
)
_SIDE = 224
_FRAMES = 100
_PHONE = (3024, 4032)
_MOSAICS = 12
_EXACT = Interpolation.AREA | Interpolation.ACCURATE_RND | Interpolation.FULL_CHR_H_INT


def main() -> None:
    """Measure all ways on the same frames, print a table, and keep it as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--video", type=Path, default=VIDEO)
    frames = _frames(parser.parse_args().video)
    cv2.setNumThreads(1)
    embedder = backbones.load("efficientnet_lite0", device="cpu")
    record = Record("resize", _ABOUT, {"width": frames[0].width, "height": frames[0].height})
    plain = None
    for name, way in _ways().items():
        for frame in frames[:10]:
            way(frame)
        began = time.process_time()
        squares = np.stack([way(frame) for frame in frames])
        took_ms = 1000 * (time.process_time() - began) / len(frames)
        vectors = embedder.embed(squares)
        plain = vectors if plain is None else plain
        cosines = (plain * vectors).sum(axis=1)
        record.add(
            way=name,
            ms=took_ms,
            least_cosine=f"{cosines.min():.5f}",
            mean_cosine=f"{cosines.mean():.5f}",
        )
    for name, took_ms, cosines in _jpegs(embedder, frames):
        record.add(
            way=name,
            ms=took_ms,
            least_cosine=f"{cosines.min():.5f}",
            mean_cosine=f"{cosines.mean():.5f}",
        )
    record.write()


def _jpegs(embedder: Embedder, frames: list[VideoFrame]) -> Iterator[tuple[str, float, Vectors]]:
    random = np.random.default_rng(1)
    height, width = _PHONE
    files = []
    for _ in range(_MOSAICS):
        rows = -(-height // frames[0].height)
        columns = -(-width // frames[0].width)
        drawn = random.choice(len(frames), (rows, columns))
        mosaic = np.vstack(
            [np.hstack([frames[at].to_ndarray(format="rgb24") for at in row]) for row in drawn]
        )
        files.append(encode_jpeg(mosaic[:height, :width], quality=90))
    whole = None
    for scale in (1, 2, 4):
        began = time.process_time()
        squares = []
        for file in files:
            picture = Image.open(BytesIO(file))
            picture.draft("RGB", (width // scale, height // scale))
            squares.append(reduce_by_area(np.asarray(picture), _SIDE, _SIDE))
        took_ms = 1000 * (time.process_time() - began) / len(files)
        vectors = embedder.embed(np.stack(squares))
        whole = vectors if whole is None else whole
        yield f"JPEG of 12 megapixels, decoded at 1/{scale}", took_ms, (whole * vectors).sum(axis=1)


def _ways() -> dict[str, Callable[[VideoFrame], Pixels]]:
    scaler = VideoReformatter()

    def rgb(frame: VideoFrame) -> Pixels:
        return np.asarray(scaler.reformat(frame, format="rgb24", threads=1).to_ndarray(), np.uint8)

    def by_opencv(picture: Pixels, width: int = _SIDE, height: int = _SIDE) -> Pixels:
        return np.asarray(cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA))

    def in_two_steps(frame: VideoFrame) -> Pixels:
        return by_opencv(by_opencv(rgb(frame), frame.width // 2, frame.height // 2))

    def by_swscale(how: Interpolation) -> Callable[[VideoFrame], Pixels]:
        own = VideoReformatter()
        return lambda frame: np.asarray(
            own.reformat(
                frame, _SIDE, _SIDE, format="rgb24", interpolation=how, threads=1
            ).to_ndarray(),
            np.uint8,
        )

    return {
        "RGB, OpenCV INTER_AREA": lambda frame: by_opencv(rgb(frame)),
        "RGB, imgsim": lambda frame: reduce_by_area(rgb(frame), _SIDE, _SIDE),
        "RGB, INTER_AREA by 2, then to size": in_two_steps,
        "swscale, area": by_swscale(Interpolation.AREA),
        "swscale, area, accurate rounding and chroma": by_swscale(_EXACT),
        "swscale, bicubic": by_swscale(Interpolation.BICUBIC),
    }


def _frames(path: Path) -> list[VideoFrame]:
    found = []
    with av.open(str(path)) as container:
        for frame in container.decode(video=0):
            found.append(frame)
            if len(found) == _FRAMES:
                break
    return found


if __name__ == "__main__":
    main()
