"""The examination that every media source sits, on media drawn here.

A clip's grey level encodes the frame's index, at an uneven frame rate; a patch in the corner is
orange, so that exchanged channels show.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from imgsim.domain import Frame, MediaKind, Pixels
from imgsim.errors import DecodeError, MediaError, UnsupportedMedia
from imgsim.sampling import ALL_FRAMES, Sampling
from imgsim.sources import SUFFIXES, open_media, read_picture

WIDTH, HEIGHT = 64, 48
STARTS_MS = [0, 40, 80, 200, 240, 500]
DURATIONS_MS = [40, 40, 120, 40, 260, 100]
ORANGE = (230, 120, 20)


def picture(index: int) -> Pixels:
    """Grey 40 * index, with an orange patch at the upper left."""
    pixels = np.full((HEIGHT, WIDTH, 3), 40 * index, dtype=np.uint8)
    pixels[:16, :16] = ORANGE
    return pixels


def draw_video(codec: str, pixel_format: str, ticks: int = 1000) -> Callable[[Path], None]:
    """A function that writes the clip with PyAV; the path's suffix chooses the container.

    Args:
        codec: FFmpeg's name of the encoder.
        pixel_format: FFmpeg's name of it.
        ticks: of the time base, a second; AVI stores an empty frame for each.
    """

    def draw(path: Path) -> None:
        with av.open(str(path), "w") as container:
            stream = container.add_stream(codec, rate=25)
            assert isinstance(stream, av.VideoStream)
            stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, pixel_format
            stream.time_base = stream.codec_context.time_base = Fraction(1, ticks)
            for index, start in enumerate(STARTS_MS):
                frame = av.VideoFrame.from_ndarray(picture(index), format="rgb24")
                frame.pts, frame.time_base = start * ticks // 1000, Fraction(1, ticks)
                container.mux(stream.encode(frame))
            container.mux(stream.encode(None))

    return draw


def draw_animation(path: Path) -> None:
    """Write the clip with Pillow; the path's suffix chooses the format."""
    first, *others = [Image.fromarray(picture(index)) for index in range(len(STARTS_MS))]
    # lossless is WebP's; the other formats ignore it
    first.save(path, save_all=True, append_images=others, duration=DURATIONS_MS, lossless=True)


CLIPS: dict[str, Callable[[Path], None]] = {
    "h264.mp4": draw_video("libx264", "yuv444p"),
    "mjpeg.avi": draw_video("mjpeg", "yuvj444p", ticks=50),
    "ffv1.mkv": draw_video("ffv1", "bgr0"),
    "vp9.webm": draw_video("libvpx-vp9", "yuv444p"),
    "png.mov": draw_video("png", "rgb24"),
    "animated.gif": draw_animation,
    "animated.webp": draw_animation,
    "animated.png": draw_animation,
}

STILLS = ["jpeg", "png", "webp", "bmp", "tiff", "gif", "ppm", "avif"]


@pytest.fixture(params=CLIPS)
def clip(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """The clip, in each container and codec."""
    path = tmp_path / str(request.param)
    CLIPS[path.name](path)
    return path


@pytest.fixture(params=STILLS)
def still(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """Picture 3 of the clip, in each format."""
    path = tmp_path / f"still.{request.param}"
    Image.fromarray(picture(3)).save(path)
    return path


def read(path: Path, sampling: Sampling = ALL_FRAMES) -> list[Frame]:
    """All frames that a rule keeps."""
    with open_media(path) as media:
        return list(media.frames(sampling))


def assert_shows(pixels: Pixels, index: int) -> None:
    """The frame is the one drawn, and its channels are in the order red, green, blue."""
    assert pixels.shape == (HEIGHT, WIDTH, 3)
    assert pixels.dtype == np.uint8
    assert np.abs(pixels[24:, 24:].astype(int) - 40 * index).max() <= 4
    assert np.abs(pixels[4:12, 4:12].mean(axis=(0, 1)) - ORANGE).max() <= 12


def test_every_frame_in_order_with_its_index_and_time(clip: Path) -> None:
    """Times are those drawn, exactly, relative to the first; none is made up from a rate."""
    frames = read(clip)
    assert [frame.index for frame in frames] == list(range(6))
    seconds = [frame.time.seconds for frame in frames if frame.time]
    assert [s - seconds[0] for s in seconds] == [Fraction(ms, 1000) for ms in STARTS_MS]
    for frame in frames:
        assert_shows(frame.pixels, frame.index)


def test_info_tells_what_will_be_shown(clip: Path) -> None:
    """Kind and displayed size are known before the first frame is read."""
    with open_media(clip) as media:
        assert media.info.kind is MediaKind.VIDEO
        assert (media.info.width, media.info.height) == (WIDTH, HEIGHT)
        assert media.info.time_base is not None
        assert media.info.codec


def test_sampling_keeps_the_same_frames_as_a_reading_of_all(clip: Path) -> None:
    """`--every 2` is every second frame of a sequential reading, sample by sample."""
    kept = read(clip, Sampling(every=2))
    for frame, other in zip(kept, read(clip)[::2], strict=True):
        assert (frame.index, frame.time) == (other.index, other.time)
        np.testing.assert_array_equal(frame.pixels, other.pixels)


def test_sampling_by_time_keeps_what_is_on_screen(clip: Path) -> None:
    """At 0, 0.25, 0.5 seconds: frames 0, 4 (0.24 to 0.5) and 5."""
    assert [frame.index for frame in read(clip, Sampling(fps=Fraction(4)))] == [0, 4, 5]


def test_all_decoded_frames_are_counted(clip: Path) -> None:
    """Kept or not."""
    with open_media(clip) as media:
        assert len(list(media.frames(Sampling(every=5)))) == 2
        assert media.decoded_frames == 6


def test_frames_do_not_share_memory(clip: Path) -> None:
    """A caller may keep frames in a batch: later ones must not overwrite them."""
    frames = read(clip)
    for frame in frames:
        assert_shows(frame.pixels, frame.index)
        assert not np.shares_memory(frame.pixels, frames[frame.index - 1].pixels)


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="counts handles in /proc")
def test_handles_are_closed_read_to_the_end_or_not(clip: Path, still: Path) -> None:
    """After fifty openings, some broken off, the process holds as many files as before."""
    read(clip)
    before = len(os.listdir("/proc/self/fd"))  # noqa: PTH208 - a Path would hold it open
    for number in range(50):
        path = clip if number % 2 else still
        with open_media(path) as media:
            frames = media.frames(ALL_FRAMES)
            next(frames)
            if number % 3:
                list(frames)
    assert len(os.listdir("/proc/self/fd")) == before  # noqa: PTH208 - as above


def test_an_error_in_the_callers_block_passes_unchanged(clip: Path) -> None:
    """What goes wrong while a file is open is not the file's fault."""
    with pytest.raises(ZeroDivisionError), open_media(clip):
        raise ZeroDivisionError


def test_content_decides_not_the_suffix(clip: Path, tmp_path: Path) -> None:
    """The same frames under a name that says nothing, or the wrong thing."""
    for name in ("noextension", "wrong.jpg", "wrong.txt"):
        other = clip.rename(tmp_path / name)
        assert [frame.index for frame in read(other)] == list(range(6))
        clip = other


def test_a_damaged_clip_raises_and_names_its_path(clip: Path) -> None:
    """Cut after 70 %, then in its header: an error with the path, never a traceback."""
    whole = clip.read_bytes()
    for length in (len(whole) * 7 // 10, 40, 9):
        clip.write_bytes(whole[:length])
        with pytest.raises(MediaError) as caught:
            read(clip)
        assert caught.value.path == clip
        assert str(clip) in str(caught.value)


def test_noise_in_a_clip_raises_nothing_else(clip: Path) -> None:
    """Bytes overwritten at random anywhere: frames or a MediaError, for fifty seeds."""
    whole = clip.read_bytes()
    for seed in range(50):
        random = np.random.default_rng(seed)
        noisy = np.frombuffer(whole, dtype=np.uint8).copy()
        noisy[random.integers(0, len(noisy), 8)] = random.integers(0, 256, 8)
        clip.write_bytes(noisy.tobytes())
        with contextlib.suppress(MediaError):
            assert all(frame.pixels.ndim == 3 for frame in read(clip))


def test_a_clip_is_no_query_picture(clip: Path) -> None:
    """The refusal says what it is and what to do."""
    with pytest.raises(UnsupportedMedia, match=r"is (a video|an animation).*extract a frame"):
        read_picture(clip)


def test_a_still_is_one_frame_without_time(still: Path) -> None:
    """Index 0, no time, whatever the sampling."""
    for sampling in (ALL_FRAMES, Sampling(every=10), Sampling(fps=Fraction(1))):
        with open_media(still) as media:
            (frame,) = media.frames(sampling)
            assert media.decoded_frames == 1
            assert media.info.kind is MediaKind.IMAGE
        assert (frame.index, frame.time) == (0, None)
        assert_shows(frame.pixels, 3)


def test_a_still_is_a_query(still: Path) -> None:
    """The same pixels as in the gallery."""
    np.testing.assert_array_equal(read_picture(still), read(still)[0].pixels)


def test_a_truncated_still_is_an_error_not_half_grey(still: Path) -> None:
    """Cut by a third, in half, or in its header."""
    whole = still.read_bytes()
    for length in (len(whole) * 2 // 3, len(whole) // 2, 20):
        still.write_bytes(whole[:length])
        with pytest.raises(MediaError) as caught:
            read_picture(still)
        assert caught.value.path == still


def test_noise_in_a_still_raises_nothing_else(still: Path) -> None:
    """As for clips."""
    whole = still.read_bytes()
    for seed in range(50):
        random = np.random.default_rng(seed)
        noisy = np.frombuffer(whole, dtype=np.uint8).copy()
        noisy[random.integers(0, len(noisy), 5)] = random.integers(0, 256, 5)
        still.write_bytes(noisy.tobytes())
        with contextlib.suppress(MediaError):
            assert read_picture(still).ndim == 3


def test_suffixes_are_lower_case_with_dot() -> None:
    """So that `path.suffix.lower() in SUFFIXES` finds every kind."""
    assert all(suffix == suffix.lower() and suffix.startswith(".") for suffix in SUFFIXES)
    assert {".jpg", ".jpeg", ".heic", ".mp4", ".mkv", ".gif", ".png", ".webp"} <= SUFFIXES


def test_damage_keeps_its_cause(tmp_path: Path) -> None:
    """The decoder's own exception stays reachable for a bug report."""
    path = tmp_path / "broken.png"
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + b"\0" * 40)
    with pytest.raises(DecodeError) as caught:
        read_picture(path)
    assert caught.value.__cause__ is not None
