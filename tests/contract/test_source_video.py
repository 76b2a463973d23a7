"""What is special about videos: display matrix, sample aspect, colour, times, streams, names."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from av.stream import Disposition

from imgsim.domain import Frame, Pixels
from imgsim.errors import MediaError, UnsupportedMedia
from imgsim.sampling import ALL_FRAMES, Sampling
from imgsim.sources import open_media
from imgsim.sources.video import open_video

MILLISECOND = Fraction(1, 1000)
ONE = 1 << 16

Setup = Callable[[av.VideoStream], None]


def grey(index: int, width: int = 64, height: int = 48) -> Pixels:
    """Frame `index`, one level of grey."""
    return np.full((height, width, 3), 20 * index, dtype=np.uint8)


def encoded(
    stream: av.VideoStream, pictures: Sequence[Pixels], layout: str = "rgb24"
) -> list[av.Packet[av.VideoStream]]:
    """The packets of frames 40 ms apart."""
    packets = []
    for index, picture in enumerate(pictures):
        frame = av.VideoFrame.from_ndarray(picture, format=layout)
        frame.pts, frame.time_base = 40 * index, MILLISECOND
        packets += stream.encode(frame)
    return packets + stream.encode(None)


def add_stream(
    container: av.container.OutputContainer, codec: str, pixel_format: str, size: tuple[int, int]
) -> av.VideoStream:
    """A video stream whose clock ticks in milliseconds."""
    stream = container.add_stream(codec, rate=25)
    assert isinstance(stream, av.VideoStream)
    stream.width, stream.height = size
    stream.pix_fmt = pixel_format
    stream.time_base = stream.codec_context.time_base = MILLISECOND
    return stream


def draw(
    path: Path,
    pictures: Sequence[Pixels],
    *,
    codec: str = "libx264",
    pixel_format: str = "yuv444p",
    layout: str = "rgb24",
    setup: Setup = lambda stream: None,  # noqa: ARG005 - the default changes nothing
) -> Path:
    """Write pictures 40 ms apart; `setup` changes the stream before the first of them."""
    height, width = pictures[0].shape[:2]
    if layout == "yuv444p":
        height, width = pictures[0].shape[1:]
    with av.open(str(path), "w") as container:
        stream = add_stream(container, codec, pixel_format, (width, height))
        setup(stream)
        container.mux(encoded(stream, pictures, layout))
    return path


def read(path: Path, sampling: Sampling = ALL_FRAMES) -> list[Frame]:
    """All frames that a rule keeps."""
    with open_media(path) as media:
        return list(media.frames(sampling))


def shows(frame: Frame) -> int:
    """Which of the grey pictures a frame is."""
    return round(float(frame.pixels.mean()) / 20)


@pytest.mark.parametrize("mirrored", [1, -1])
@pytest.mark.parametrize("quarters", [0, 1, 2, 3])
def test_display_matrix_turns_and_mirrors(tmp_path: Path, quarters: int, mirrored: int) -> None:
    """A bright corner goes where the matrix says, and the size with it."""
    stored = np.zeros((48, 64, 3), dtype=np.uint8)
    stored[:12, :16] = 255  # upper left
    cos, sin = [(1, 0), (0, 1), (-1, 0), (0, -1)][quarters]
    a, b, c, d = mirrored * cos, mirrored * sin, -sin, cos

    def setup(stream: av.VideoStream) -> None:
        stream.set_display_matrix([a * ONE, b * ONE, 0, c * ONE, d * ONE, 0, 0, 0, 1 << 30])

    path = draw(tmp_path / "turned.mp4", [stored] * 2, setup=setup)
    with open_media(path) as media:
        frame = next(media.frames(ALL_FRAMES))
        assert frame.pixels.shape == (media.info.height, media.info.width, 3)
    height, width, _ = frame.pixels.shape
    assert (width, height) == ((64, 48) if a else (48, 64))
    # The corner lies left of and above the middle; the matrix maps that direction.
    right, low = -(a + c) > 0, -(b + d) > 0
    assert frame.pixels[-2 if low else 1, -2 if right else 1].min() > 200
    assert frame.pixels[1 if low else -2, 1 if right else -2].max() < 50


def test_anamorphic_video_is_widened(tmp_path: Path) -> None:
    """Samples twice as wide as high: players stretch the width."""

    def setup(stream: av.VideoStream) -> None:
        stream.codec_context.sample_aspect_ratio = Fraction(2)

    picture = grey(2)
    picture[:, 32:] = 200
    path = draw(tmp_path / "wide.mp4", [picture] * 2, setup=setup)
    with open_media(path) as media:
        assert (media.info.width, media.info.height) == (128, 48)
        pixels = next(media.frames(ALL_FRAMES)).pixels
    assert pixels.shape == (48, 128, 3)
    assert pixels[:, :60].mean() < 50
    assert pixels[:, 68:].mean() > 190


@pytest.mark.parametrize(
    ("matrix", "kr", "kb"), [(1, 0.2126, 0.0722), (6, 0.299, 0.114), (2, 0.299, 0.114)]
)
@pytest.mark.parametrize("full", [False, True])
def test_colours_follow_the_tags(
    tmp_path: Path, matrix: int, kr: float, kb: float, full: bool
) -> None:
    """BT.709, BT.601 and untagged (taken for 601), limited and full range, by the formulas."""
    yuv = np.zeros((3, 48, 64), dtype=np.uint8)
    yuv[:] = np.array([110, 90, 180], dtype=np.uint8)[:, None, None]

    def setup(stream: av.VideoStream) -> None:
        stream.codec_context.colorspace = matrix
        stream.codec_context.color_range = 2 if full else 1

    path = draw(tmp_path / "c.mkv", [yuv] * 2, codec="ffv1", layout="yuv444p", setup=setup)
    luma, cb, cr = [(110 / 255, -38 / 255, 52 / 255), (94 / 219, -38 / 224, 52 / 224)][not full]
    red, blue = luma + 2 * (1 - kr) * cr, luma + 2 * (1 - kb) * cb
    green = (luma - kr * red - kb * blue) / (1 - kr - kb)
    shown = read(path)[0].pixels[20, 20]
    assert np.abs(shown - 255 * np.array([red, green, blue])).max() <= 2


def test_alpha_lies_over_mid_grey(tmp_path: Path) -> None:
    """As in pictures: what is transparent is neither black nor the colour below."""
    rgba = np.zeros((48, 64, 4), dtype=np.uint8)
    rgba[:] = (255, 0, 0, 0)
    rgba[24:] = (255, 0, 0, 255)
    path = draw(tmp_path / "a.mov", [rgba] * 2, codec="png", pixel_format="rgba", layout="rgba")
    pixels = read(path)[0].pixels
    assert pixels[2, 2].tolist() == [128, 128, 128]
    assert pixels[40, 2].tolist() == [255, 0, 0]


@pytest.mark.parametrize("moments", [[0, 80, 40, 120], [0, 40, 40, 120]])
def test_times_that_do_not_grow_are_counted_and_not_kept(
    tmp_path: Path, moments: list[int]
) -> None:
    """A frame that steps back in time, or takes no time, is never on screen."""
    path = tmp_path / "back.mov"
    with av.open(str(path), "w") as container:
        stream = add_stream(container, "mjpeg", "yuvj444p", (64, 48))
        packets = encoded(stream, [grey(n) for n in range(4)])
        for number, (packet, moment) in enumerate(zip(packets, moments, strict=True)):
            packet.dts, packet.pts = 10 * number - 30, moment
        container.mux(packets)
    with open_media(path) as media:
        frames = list(media.frames(ALL_FRAMES))
        assert media.decoded_frames == 4
    assert [(frame.index, shows(frame)) for frame in frames] == [(0, 0), (1, 1), (3, 3)]
    seconds = [frame.time.seconds for frame in frames if frame.time]
    assert seconds == sorted(set(seconds))


def test_frames_come_in_the_order_of_presentation(tmp_path: Path) -> None:
    """With B-frames the file stores another order."""
    path = draw(tmp_path / "b.mp4", [grey(n) for n in range(12)], setup=with_b_frames)
    with av.open(str(path)) as container:
        stored = [packet.pts for packet in container.demux(video=0) if packet.pts is not None]
    assert stored != sorted(stored)
    assert [shows(frame) for frame in read(path)] == list(range(12))


def with_b_frames(stream: av.VideoStream) -> None:
    """Let x264 use three in a row."""
    stream.options = {"bf": "3", "b_strategy": "0"}


def test_every_tenth_equals_a_sequential_reading(tmp_path: Path) -> None:
    """With B-frames and few keyframes, where seeking by number goes wrong."""
    path = draw(tmp_path / "b.mp4", [grey(n % 13) for n in range(60)], setup=with_b_frames)
    for kept, other in zip(read(path, Sampling(every=10)), read(path)[::10], strict=True):
        assert (kept.index, kept.time) == (other.index, other.time)
        np.testing.assert_array_equal(kept.pixels, other.pixels)


def test_a_clock_that_starts_late(tmp_path: Path) -> None:
    """A transport stream starts at any time; ticks of `--fps` count from there."""
    path = draw(tmp_path / "late.ts", [grey(n % 12) for n in range(60)])
    with open_media(path) as media:
        kept = list(media.frames(Sampling(fps=Fraction(1))))
        start = media.info.start_s
    assert start > 0
    assert [frame.index for frame in kept] == [0, 25, 50]
    assert kept[0].time is not None
    assert kept[0].time.seconds == start


def test_the_main_stream_is_taken(tmp_path: Path) -> None:
    """As FFmpeg chooses: a tiny first stream of few bits is an auxiliary track."""
    path = tmp_path / "two.mp4"
    with av.open(str(path), "w") as container:
        tiny = add_stream(container, "libx264", "yuv444p", (16, 16))
        main = add_stream(container, "libx264", "yuv444p", (64, 48))
        tiny.disposition = main.disposition = Disposition.default  # which would decide alone
        noise = np.random.default_rng(2).integers(0, 256, (10, 48, 64, 3), dtype=np.uint8)
        container.mux(encoded(tiny, [grey(0, 16, 16)] * 10) + encoded(main, list(noise)))
    with open_media(path) as media:
        assert (media.info.stream_index, media.info.width) == (1, 64)
        assert {frame.pixels.shape for frame in media.frames(ALL_FRAMES)} == {(48, 64, 3)}


def write_sound(path: Path, cover: Pixels | None) -> Path:
    """A second of silence, with or without cover art."""
    with av.open(str(path), "w") as container:
        sound = container.add_stream("aac", rate=44100)
        assert isinstance(sound, av.AudioStream)
        if cover is not None:
            art = add_stream(container, "mjpeg", "yuvj444p", (64, 48))
            art.disposition = Disposition.attached_pic
            container.mux(encoded(art, [cover]))
        silence = np.zeros((1, 44100), dtype=np.float32)
        frame = av.AudioFrame.from_ndarray(silence, format="fltp", layout="mono")
        frame.sample_rate, frame.pts = 44100, 0
        container.mux(sound.encode(frame))
        container.mux(sound.encode(None))
    return path


@pytest.mark.parametrize("cover", [None, grey(3)], ids=["bare", "cover"])
def test_sound_is_no_video_with_cover_art_or_without(tmp_path: Path, cover: Pixels | None) -> None:
    """It opens, and there is nothing to look at."""
    path = write_sound(tmp_path / "song.mp4", cover)
    with pytest.raises(UnsupportedMedia, match=r"has no video stream .*audio"), open_media(path):
        pass


@pytest.mark.skipif(os.name == "nt", reason="names are bytes on POSIX only")
@pytest.mark.parametrize("name", [b"\xff.mkv", b"a:b.mkv", b"a b (1).mkv", b"%03d.mkv", b"-i.mkv"])
def test_odd_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: bytes) -> None:
    """Not UTF-8, like a protocol, like a pattern, like an option: absolute and relative."""
    drawn = draw(
        tmp_path / "drawn.mkv", [grey(n) for n in range(3)], codec="ffv1", pixel_format="bgr0"
    )
    path = drawn.rename(tmp_path / os.fsdecode(name))
    monkeypatch.chdir(tmp_path)
    for given in (path, Path(path.name)):
        assert [shows(frame) for frame in read(given)] == [0, 1, 2]


def test_threads_are_given_back(tmp_path: Path) -> None:
    """A decoder has threads of its own; thirty openings must not leave thirty sets."""
    tasks = Path("/proc/self/task")
    if not tasks.is_dir():
        pytest.skip("counts threads in /proc")
    path = draw(tmp_path / "a.mp4", [grey(n) for n in range(5)])
    read(path)
    before = len(list(tasks.iterdir()))
    for _ in range(30):
        with open_media(path) as media:
            next(media.frames(ALL_FRAMES))
    assert len(list(tasks.iterdir())) < before + 30


def test_open_video_refuses_a_picture(tmp_path: Path) -> None:
    """FFmpeg would play a picture as a video of one frame."""
    path = tmp_path / "a.png"
    from PIL import Image

    Image.fromarray(grey(3)).save(path)
    with pytest.raises(MediaError, match="nor a video"), open_video(path):
        pass
