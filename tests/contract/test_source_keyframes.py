"""Keyframes: the true index of each, whatever the order of decoding, and nothing left undecoded."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

import imgsim
from imgsim.domain import Frame
from imgsim.errors import DecodeError
from imgsim.sampling import ALL_FRAMES, Sampling
from imgsim.sources import open_media

SAMPLE = Path(imgsim.__file__).parent / "sample" / "bigbuckbunny.mp4"
KEYFRAMES = Sampling(keyframes=True)
B_FRAME = 3  # FFmpeg's AV_PICTURE_TYPE_B


def read(path: Path, sampling: Sampling) -> list[Frame]:
    """All frames that a rule keeps."""
    with open_media(path) as media:
        return list(media.frames(sampling))


def draw(path: Path, *, group: int, count: int) -> Path:
    """Frame i is grey 8 * i, each `group` frames a keyframe, B-frames between."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25, options={"x264-params": "scenecut=0"})
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        stream.codec_context.gop_size, stream.codec_context.max_b_frames = group, 3
        for index in range(count):
            picture = np.full((48, 64, 3), 8 * index, dtype=np.uint8)
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts, frame.time_base = index, Fraction(1, 25)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".ts", ".avi"])
def test_a_keyframes_index_is_its_place_on_screen(tmp_path: Path, suffix: str) -> None:
    """The picture tells which frame it is; B-frames make the order of packets another."""
    clip = draw(tmp_path / f"clip{suffix}", group=10, count=30)
    with av.open(str(clip)) as container:
        assert any(int(frame.pict_type) == B_FRAME for frame in container.decode(video=0))
    kept = read(clip, KEYFRAMES)
    assert [frame.index for frame in kept] == [0, 10, 20]
    assert [round(float(frame.pixels.mean()) / 8) for frame in kept] == [0, 10, 20]


@pytest.mark.parametrize(
    ("name", "count"),
    [
        ("bigbuckbunny.mp4", 1),
        ("bikes.mp4", 6),
        ("car-detection.mp4", 7),
        ("nasty/sample.avi", 16),
        ("nasty/sample.mkv", 1),
        ("nasty/pancake.mkv", 3),
        ("nasty/sample_h264.ts", 3),
        ("nasty/weird_aspect.small.mpg", 7),
        ("bbb/big_buck_bunny_0_30.webm", 10),
        ("bbb/bbb_800x640_vp9.mp4", 1),
        ("nasty/vfr_awesome.mov", 2),
    ],
)
def test_real_clips(shared: Path, name: str, count: int) -> None:
    """The frames are those that FFmpeg marks, and equal those of a full reading at that index."""
    path = shared / "videos" / name
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        marked = [i for i, frame in enumerate(container.decode(stream)) if frame.key_frame]
    kept = read(path, KEYFRAMES)
    assert [frame.index for frame in kept] == marked
    assert len(kept) == count
    everything = {frame.index: frame for frame in read(path, ALL_FRAMES)}
    for frame in kept:
        assert frame.time == everything[frame.index].time
        assert np.array_equal(frame.pixels, everything[frame.index].pixels)


def test_the_first_frame_is_kept_whatever_it_is(shared: Path) -> None:
    """A clip cut between keyframes still has a frame for its beginning."""
    clip = shared / "videos" / "perception" / "v2s.mov"
    with av.open(str(clip)) as container:
        marked = [i for i, frame in enumerate(container.decode(video=0)) if frame.key_frame]
    assert marked == [42]
    assert [frame.index for frame in read(clip, KEYFRAMES)] == [0, 42]


def test_every_frame_counts_as_decoded() -> None:
    """The number of frames in the gallery does not depend on the rule."""
    with open_media(SAMPLE) as media:
        assert [frame.index for frame in media.frames(KEYFRAMES)] == [0]
        assert media.decoded_frames == 132


def test_damage_between_keyframes_is_noticed(tmp_path: Path) -> None:
    """A file without its end has all its keyframes, and yet is damaged."""
    clip = tmp_path / "clip.mkv"
    whole = draw(clip, group=30, count=30).read_bytes()
    clip.write_bytes(whole[: len(whole) * 3 // 4])
    with open_media(clip) as media:
        frames = media.frames(KEYFRAMES)
        assert next(frames).index == 0
        with pytest.raises(DecodeError):
            list(frames)


def test_every_frame_of_an_animated_picture_is_kept(tmp_path: Path) -> None:
    """These formats mark none."""
    path = tmp_path / "moving.gif"
    first, *others = [Image.new("RGB", (32, 32), (60 * i, 0, 0)) for i in range(4)]
    first.save(path, save_all=True, append_images=others, duration=100)
    assert [frame.index for frame in read(path, KEYFRAMES)] == [0, 1, 2, 3]
