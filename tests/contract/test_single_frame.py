"""A frame found again by its time equals the one that was decoded in order."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from imgsim.errors import DecodeError
from imgsim.pipeline.demo import PICTURE, VIDEO
from imgsim.sampling import ALL_FRAMES, Sampling
from imgsim.sources import open_media, read_frame, read_picture


def _check(path: Path, sampling: Sampling) -> int:
    checked = 0
    with open_media(path) as media:
        for frame in media.frames(sampling):
            pts = frame.time.pts if frame.time else None
            np.testing.assert_array_equal(read_frame(path, frame.index, pts), frame.pixels)
            checked += 1
    return checked


def test_every_frame_of_the_sample_is_found_again() -> None:
    assert _check(VIDEO, Sampling(every=7)) == 19


def test_an_image_is_its_own_frame() -> None:
    np.testing.assert_array_equal(read_frame(PICTURE, 0, None), read_picture(PICTURE))


def test_a_frame_that_is_not_there_is_an_error() -> None:
    with pytest.raises(DecodeError, match="has the file changed"):
        read_frame(VIDEO, 3, 1)
    with pytest.raises(DecodeError, match="has the file changed"):
        read_frame(PICTURE, 3, None)


@pytest.mark.parametrize(
    "name",
    [
        "testvid_1022ms.mp4",
        "bbb/bbb_800x640_vp9.mp4",
        "bbb/bbb_176x144_h263.3gp",
        "perception/v2.m4v",
        "nasty/rot_sideways.mov",
        "nasty/vfr_awesome.mov",
        "nasty/weird_aspect.small.mpg",
        "nasty/sample_h264.ts",
        "nasty/sample.avi",
        "nasty/no_duration.webm",
        "nasty/sample_av1.mp4",
    ],
)
def test_frames_of_real_videos_are_found_again(shared: Path, name: str) -> None:
    with open_media(shared / "videos" / name) as media:
        total = sum(1 for _frame in media.frames(ALL_FRAMES))
    assert _check(shared / "videos" / name, Sampling(every=max(1, total // 6))) >= 5
