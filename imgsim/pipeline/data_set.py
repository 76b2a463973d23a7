"""The frames of a video as a data set of pictures."""

from __future__ import annotations

import csv
from enum import StrEnum
from pathlib import Path

from imgsim import pixels
from imgsim.domain import Frame, Pixels
from imgsim.pipeline.discover import absolute
from imgsim.pipeline.new_folder import new_folder
from imgsim.pipeline.progress import Progress, share_of
from imgsim.pipeline.selection import Selection
from imgsim.reports.clock import h_mm_ss
from imgsim.reports.readable import readable
from imgsim.sampling import Sampling
from imgsim.sources import open_media

LIST_NAME = "frames.csv"
_JPEG_QUALITY = 95


class PictureFormat(StrEnum):
    """How a picture is written."""

    JPG = "jpg"  # of high quality, not lossless
    PNG = "png"  # every pixel as decoded


def write_frames(
    video: str, folder: Path, *, sampling: Sampling, kind: PictureFormat, progress: Progress
) -> int:
    """Write the kept frames of a video as pictures, with a CSV list beside them.

    Args:
        video: the file.
        folder: where to; made if it is not there.
        sampling: which frames to keep.
        kind: JPEG or PNG.
        progress: is told how it goes.

    Returns:
        How many were written.

    Raises:
        InvalidArgument: the folder holds something already.
        OutputError: it cannot be written to.
        MediaError: the video cannot be read. What was decoded before damage stays, and is listed.
    """
    path = absolute(video)
    written = 0
    with open_media(path) as media, new_folder(folder):
        progress.start(1)
        with (folder / LIST_NAME).open("w", newline="", encoding="utf-8") as file:
            rows = csv.writer(file)
            rows.writerow(["file", "frame_index", "pts", "timestamp_s"])
            rule = sampling.resolved(media.info)
            selection = Selection(scenes=rule.scenes, skip_similar=rule.skip_similar)
            for frame in selection.chosen(media.frames(rule)):
                name = f"{readable(path.stem)}_{_position(frame)}.{kind.value}"
                (folder / name).write_bytes(_encode(frame.pixels, kind))
                rows.writerow([name, frame.index, *_times(frame)])
                written += 1
                progress.at(path, share_of(media), written)
    progress.done(path)
    return written


def _position(frame: Frame) -> str:
    """`000022_0h00m00.880s`: sorts by index, and a colon is no part of a file name on Windows."""
    if frame.time is None:
        return f"{frame.index:06d}"
    hours, minutes, seconds = h_mm_ss(float(frame.time.seconds)).split(":")
    return f"{frame.index:06d}_{hours}h{minutes}m{seconds}s"


def _times(frame: Frame) -> tuple[object, object]:
    return (frame.time.pts, float(frame.time.seconds)) if frame.time else ("", "")


def _encode(picture: Pixels, kind: PictureFormat) -> bytes:
    if kind is PictureFormat.PNG:
        return pixels.encode_png(picture)
    return pixels.encode_jpeg(picture, _JPEG_QUALITY)
