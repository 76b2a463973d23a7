"""Ways to reduce a picture to what a network takes: time, and what they do to the embedding.

The plain way is OpenCV's INTER_AREA of the full RGB picture. Compared: imgsim's own, OpenCV in two
steps, and FFmpeg's swscale, which reduces a video frame while it converts it to RGB.

Run: python -m benchmarks.resize [--video FILE]
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from pathlib import Path

import av
import cv2
import numpy as np
from av.video.frame import VideoFrame
from av.video.reformatter import Interpolation, VideoReformatter

from benchmarks.record import Record
from imgsim import backbones
from imgsim.domain import Pixels
from imgsim.pipeline.demo import VIDEO
from imgsim.resampling import reduce_by_area

_ABOUT = (
    "Frames of a video as a network takes them, from FFmpeg's YUV: milliseconds of one core, and "
    "cosine to the embedding by INTER_AREA of the full RGB frame."
)
_SIDE = 224
_FRAMES = 100
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
    record.write()


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
