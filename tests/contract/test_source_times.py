"""Frames and their times, of real clips and of the sample, against ffprobe."""

from __future__ import annotations

import json
import shutil
import subprocess
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import pytest

from imgsim.errors import MediaError
from imgsim.pipeline.demo import VIDEO
from imgsim.sampling import ALL_FRAMES
from imgsim.sources import open_media

FFPROBE = shutil.which("ffprobe")
SUFFIXES = {".mp4", ".mov", ".m4v", ".mkv", ".webm", ".avi", ".ts", ".mpg", ".3gp", ".flv"}

pytestmark = pytest.mark.skipif(FFPROBE is None, reason="ffprobe is not installed")


def _probe(path: Path, stream: int) -> list[Fraction]:
    """The times of a stream's frames, as ffprobe has them."""
    said = subprocess.run(
        [
            *(str(FFPROBE), "-v", "quiet", "-of", "json", "-select_streams", str(stream)),
            *("-show_entries", "stream=time_base:frame=best_effort_timestamp", str(path)),
        ],
        capture_output=True,
        check=False,
        text=True,
    ).stdout
    told = json.loads(said)
    base = Fraction(told["streams"][0]["time_base"])
    return [int(frame["best_effort_timestamp"]) * base for frame in told["frames"]]


def _compare(path: Path) -> bool:
    """Whether both read the whole file; fails where the times differ."""
    try:
        with open_media(path) as media:
            frames = list(media.frames(ALL_FRAMES))
            stream = media.info.stream_index
    except MediaError:
        return False
    if stream is None:
        return False
    ours = [frame.time.seconds for frame in frames if frame.time is not None]
    theirs = _probe(path, stream)
    if not theirs:  # an older ffprobe that has no decoder for it
        return False
    assert ours == list(dict.fromkeys(theirs)), path.name  # of equal times the first is shown
    assert all(one < following for one, following in pairwise(ours)), path.name
    return True


def test_the_sample() -> None:
    assert _compare(VIDEO)


def test_every_intact_clip(shared: Path) -> None:
    clips = [path for path in (shared / "videos").rglob("*") if path.suffix.lower() in SUFFIXES]
    whole = [path.name for path in sorted(clips) if _compare(path)]
    assert len(whole) >= 30, whole
