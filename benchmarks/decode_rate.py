"""How many frames of a video a second this machine's CPU decodes. Needs PyAV, nothing else.

The width and height that frames are scaled to are by FFmpeg's own scaler, not imgsim's OpenCV.
"""

from __future__ import annotations

import time
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

import numpy as np

import imgsim
from imgsim.domain import PixelBatch

VideoFrame: TypeAlias = Any
"""Of PyAV, which is imported late: machines with a GPU may not have it."""

SAMPLE = Path(imgsim.__file__).resolve().parent / "sample" / "bigbuckbunny.mp4"


class Rate(NamedTuple):
    """One way to decode, and how fast it was."""

    way: str
    frames_per_s: float


def is_possible() -> bool:
    """Whether PyAV is installed."""
    return find_spec("av") is not None


def describe(video: Path) -> str:
    """Codec and size of a video: `h264 1280x720`."""
    with import_module("av").open(str(video)) as container:
        stream = container.streams.video[0]
        return f"{stream.codec_context.name} {stream.width}x{stream.height}"


def rates(video: Path, seconds: float) -> list[Rate]:
    """Decode a video over and over, without scaling its frames; the median pass counts.

    Args:
        video: the file.
        seconds: how long each way is measured at least.

    Returns:
        One thread; a thread for each core over frames; the same over slices, as imgsim decodes.
    """
    ways = {
        "1 thread": ("SLICE", 1),
        "all threads": ("FRAME", 0),
        "all threads, slices": ("SLICE", 0),
    }
    return [Rate(way, _rate(video, *how, seconds)) for way, how in ways.items()]


def _rate(video: Path, threading: str, threads: int, seconds: float) -> float:
    passes: list[float] = []
    began = time.perf_counter()
    while not passes or time.perf_counter() - began < seconds:
        started = time.perf_counter()
        with import_module("av").open(str(video)) as container:
            stream = container.streams.video[0]
            stream.thread_type, stream.codec_context.thread_count = threading, threads
            count = sum(1 for _frame in container.decode(stream))
        passes.append(count / (time.perf_counter() - started))
    return float(np.median(passes))


def pictures(video: Path, most: int, side: int) -> PixelBatch:
    """Frames spread over a video: uint8 RGB (n, side, side, 3), n at most `most`."""
    with import_module("av").open(str(video)) as container:
        frames = [_small(frame, side) for frame in container.decode(video=0)]
    places = np.linspace(0, len(frames) - 1, min(most, len(frames))).round().astype(int)
    return np.stack([frames[place] for place in places])


def _small(frame: VideoFrame, side: int) -> PixelBatch:
    scaled = frame.reformat(width=side, height=side, format="rgb24", interpolation="AREA")
    return np.asarray(scaled.to_ndarray(), np.uint8)
