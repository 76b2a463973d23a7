"""Videos cut short, full of garbage, or no videos: what decoded comes out, then an error."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from imgsim.domain import Frame, Pixels
from imgsim.errors import DecodeError, UnsupportedMedia
from imgsim.sampling import ALL_FRAMES
from imgsim.sources import open_media

MILLISECOND = Fraction(1, 1000)


def grey(index: int) -> Pixels:
    """Frame `index`, one level of grey."""
    return np.full((48, 64, 3), 20 * index, dtype=np.uint8)


def draw(
    path: Path,
    pictures: Sequence[Pixels],
    *,
    codec: str = "libx264",
    step_ms: int = 40,
    options: dict[str, str] | None = None,
) -> Path:
    """Write 64 x 48 pictures, each shown for `step_ms`."""
    with av.open(str(path), "w", options=options) as container:
        stream = container.add_stream(codec, rate=25)
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height = 64, 48
        stream.pix_fmt = "yuv420p"
        stream.time_base = stream.codec_context.time_base = MILLISECOND
        packets: list[av.Packet[av.VideoStream]] = []
        for number, picture in enumerate(pictures):
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts, frame.time_base = number * step_ms, MILLISECOND
            packets += stream.encode(frame)
        packets += stream.encode(None)
        for packet in packets:
            packet.duration = step_ms
        container.mux(packets)
    return path


def read(path: Path) -> list[Frame]:
    """All frames."""
    with open_media(path) as media:
        return list(media.frames(ALL_FRAMES))


@pytest.mark.parametrize(
    ("name", "codec"), [("a.mkv", "libx264"), ("a.mp4", "libx264"), ("a.mp4", "mpeg4")]
)
def test_a_file_cut_short_yields_what_it_has(tmp_path: Path, name: str, codec: str) -> None:
    """FFmpeg takes the cut for the end; the frames and the counts must come out all the same."""
    noise = np.random.default_rng(2).integers(0, 256, (50, 48, 64, 3), dtype=np.uint8)
    options = {"movflags": "faststart"} if name.endswith("mp4") else {}
    path = draw(tmp_path / name, list(noise), codec=codec, options=options)
    whole = read(path)
    assert len(whole) == 50
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 6 // 10])
    frames, error, decoded = read_to_damage(path)
    assert 20 < len(frames) == decoded < 40
    declared = "50" if name.endswith("mp4") else "an unknown number of"
    assert error.reason.startswith(f"{decoded} of {declared} declared frames could be decoded")
    # The last of them as well: MPEG-4 would make a frame of the half packet at the cut.
    for frame, other in zip(frames, whole, strict=False):
        np.testing.assert_array_equal(frame.pixels, other.pixels)


def read_to_damage(path: Path) -> tuple[list[Frame], DecodeError, int]:
    """The frames before the error, the error, and the number of decoded frames."""
    frames: list[Frame] = []
    with open_media(path) as media:
        with pytest.raises(DecodeError) as caught:
            frames.extend(media.frames(ALL_FRAMES))
        return frames, caught.value, media.decoded_frames


@pytest.mark.parametrize("count", [1, 2, 5])
def test_a_whole_slide_show_is_not_taken_for_cut(tmp_path: Path, count: int) -> None:
    """Its last slide may stand as long as the others, a single one as long as the file says."""
    path = draw(tmp_path / "slides.mkv", [grey(n) for n in range(count)], step_ms=3000)
    declare_duration(path, 3000.0 * count + 2900)
    assert len(read(path)) == count
    declare_duration(path, 3000.0 * count + 60_000)
    if count == 1:
        assert len(read(path)) == 1
    else:
        assert "ends too early" in read_to_damage(path)[1].reason


def declare_duration(path: Path, milliseconds: float) -> None:
    """Overwrite the duration in the header of a Matroska file."""
    data = path.read_bytes()
    start = data.index(b"\x44\x89\x88") + 3  # id of Duration, 8 bytes long
    path.write_bytes(data[:start] + struct.pack(">d", milliseconds) + data[start + 8 :])


def test_a_file_without_its_index_is_damaged_not_unknown(tmp_path: Path) -> None:
    """An MP4 whose tail is missing has lost its index: it says MP4, and asks for the rest."""
    path = draw(tmp_path / "a.mp4", [grey(n) for n in range(10)])
    whole = path.read_bytes()
    path.write_bytes(whole[: whole.index(b"moov") - 4])
    with pytest.raises(DecodeError, match=r"begins like MP4.*is it complete"), open_media(path):
        pass


def test_not_one_frame(tmp_path: Path) -> None:
    """A header with garbage after it opens, and decodes to nothing."""
    path = draw(tmp_path / "a.mkv", [grey(n) for n in range(5)])
    data = bytearray(path.read_bytes())
    with av.open(str(path)) as container:
        spans = [(p.pos, p.size) for p in container.demux(video=0) if p.pos is not None and p.size]
    for start, size in spans:
        data[start + 12 : start + size] = b"\xff" * max(0, size - 12)
    path.write_bytes(bytes(data))
    with pytest.raises(DecodeError, match="0 of"), open_media(path):
        pass


@pytest.mark.parametrize(
    "text",
    [
        "#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\n{}\n#EXT-X-ENDLIST\n",
        "ffconcat version 1.0\nfile '{}'\n",
    ],
    ids=["playlist", "concat"],
)
def test_playlists_are_refused(tmp_path: Path, text: str) -> None:
    """FFmpeg would open whatever files and addresses they name."""
    other = draw(tmp_path / "other.ts", [grey(1)] * 5)
    path = tmp_path / "list.mp4"
    path.write_text(text.format(other.name))
    with pytest.raises(UnsupportedMedia), open_media(path):
        pass
