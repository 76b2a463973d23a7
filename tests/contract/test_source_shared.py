"""Real media, good and broken: what each file must give, and that none gives a traceback."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from imgsim.domain import Frame, Pixels
from imgsim.errors import DecodeError, MediaError, UnsupportedMedia
from imgsim.pixels import is_blank
from imgsim.sampling import ALL_FRAMES, Sampling
from imgsim.sources import open_media, read_picture


def read(path: Path, sampling: Sampling = ALL_FRAMES) -> list[Frame]:
    """All frames that a rule keeps."""
    with open_media(path) as media:
        return list(media.frames(sampling))


def read_to_damage(path: Path) -> tuple[list[int], DecodeError | None]:
    """The indices before the error, and the error."""
    indices: list[int] = []
    with open_media(path) as media:
        try:
            indices.extend(frame.index for frame in media.frames(ALL_FRAMES))
        except DecodeError as error:
            return indices, error
    return indices, None


def difference(a: Pixels, b: Pixels) -> float:
    """Mean absolute difference in levels."""
    return float(np.abs(a.astype(int) - b.astype(int)).mean())


def test_eight_orientations_of_one_picture(shared: Path) -> None:
    """All the same but for the number painted on each, and JPEG noise; the first is sharper."""
    orient = shared / "nasty/orient"
    first, second, *others = [read_picture(orient / f"Landscape_{n}.jpg") for n in range(1, 9)]
    assert second.shape == (450, 600, 3)
    for other in others:
        assert other.shape == second.shape
        assert difference(second, other) < 5
    assert difference(first, second) < 15 < 40 < difference(first[:, ::-1], second)


def test_avif_is_turned_as_its_lettering_says(shared: Path) -> None:
    """Upright there is pale sky at the top and dark grass at the bottom."""
    pixels = read_picture(shared / "nasty/rot1mir0.avif")
    assert pixels.shape == (427, 640, 3)
    assert pixels[:60].mean() > pixels[-60:].mean() + 50
    # "left" is lettered in white at the left edge, "right" is longer and lies at the right one.
    white = (pixels.min(axis=2) > 240).sum(axis=0)
    assert white[500:].sum() > white[:140].sum() > 100


@pytest.mark.parametrize(
    ("name", "size"),
    [
        ("rot_sideways.mov", (480, 640)),
        ("rotated_video.mp4", (480, 640)),
        ("rotated_hdr_video.mov", (1080, 1920)),
        ("rot_0.mov", (568, 320)),
        ("weird_aspect.small.mpg", (501, 288)),  # 352 * 64 / 45
        ("bear-vp9-odd-dimensions.webm", (161, 121)),
    ],
)
def test_videos_come_out_as_displayed(shared: Path, name: str, size: tuple[int, int]) -> None:
    """Turned by the display matrix and widened by the sample aspect ratio; info says so before."""
    with open_media(shared / "videos/nasty" / name) as media:
        assert (media.info.width, media.info.height) == size
        pixels = next(media.frames(ALL_FRAMES)).pixels
    assert (pixels.shape[1], pixels.shape[0]) == size


def test_a_mirrored_video(shared: Path) -> None:
    """The matrix mirrors too, which a reader of the rotation alone would miss."""
    path = shared / "videos/nasty/sample_rotate_and_reflect.mp4"
    if not path.is_file():
        pytest.skip(f"{path.name} is not among the test media")
    with av.open(str(path)) as container:
        stored = next(container.decode(video=0)).to_ndarray(format="rgb24").astype(np.uint8)
    shown = read(path, Sampling(every=1000))[0].pixels
    if shown.shape[:2] == stored.shape[:2]:
        mirrored = [stored[::-1], stored[:, ::-1]]
    else:
        transposed = stored.swapaxes(0, 1)
        mirrored = [transposed, transposed[::-1, ::-1]]
    assert min(difference(shown, picture) for picture in mirrored) < 1


def test_stills_are_exact(shared: Path) -> None:
    """Pictures taken from a video by another program equal our frames of that index."""
    videos = shared / "videos"
    frames = read(videos / "testvid_1022ms.mp4")
    assert len(frames) == 30
    stills = sorted(videos.glob("testvid_1022ms_*.png"))
    assert len(stills) == 5
    for still in stills:
        index = int(still.stem[-3:])
        np.testing.assert_array_equal(frames[index].pixels, read_picture(still))


def test_numbered_frames(shared: Path) -> None:
    """Each still of the counter is nearest to the frame whose number it shows."""
    frames = read(shared / "videos/counter/counter.mp4")
    for still in sorted((shared / "videos/counter").glob("frame*.png")):
        shown = read_picture(still)[::8, ::8]
        distances = [difference(shown, frame.pixels[::8, ::8]) for frame in frames]
        assert int(np.argmin(distances)) == int(still.stem[-3:]) - 1


def test_every_tenth_of_a_real_video(shared: Path) -> None:
    """`--every 10` equals every tenth frame of a reading of all, sample by sample."""
    path = shared / "videos/bikes.mp4"
    with open_media(path) as media:
        tenths = [frame for frame in media.frames(ALL_FRAMES) if frame.index % 10 == 0]
    kept = read(path, Sampling(every=10))
    assert [frame.index for frame in kept] == list(range(0, 250, 10))
    for frame, other in zip(kept, tenths, strict=True):
        assert frame.time == other.time
        np.testing.assert_array_equal(frame.pixels, other.pixels)


def test_one_frame_a_second_of_an_uneven_clip(shared: Path) -> None:
    """For each full second, the last frame that started by then; times are the container's."""
    path = shared / "videos/nasty/vfr_awesome.mov"
    with av.open(str(path)) as container:
        frames = container.decode(container.streams.video[0])
        starts = [f.pts * f.time_base for f in frames if f.pts is not None and f.time_base]
    expected = [max(s for s in starts if s <= second) for second in range(8)]
    kept = read(path, Sampling(fps=Fraction(1)))
    assert [frame.time.seconds for frame in kept if frame.time] == expected
    assert [frame.index for frame in kept] == [starts.index(start) for start in expected]


def test_the_clock_starts_exactly_with_the_first_frame(shared: Path) -> None:
    """At 132000/90000 s, which FFmpeg rounds up to a microsecond, behind the first frame."""
    with open_media(shared / "videos/nasty/sample_h264.ts") as media:
        first = next(media.frames(ALL_FRAMES))
        assert first.time is not None
        assert media.info.start_s == first.time.seconds == Fraction(22, 15)


def test_times_are_not_frame_numbers_over_the_rate(shared: Path) -> None:
    """The slow-motion clip stands for a third of a second after its first frame."""
    path = shared / "videos/nasty/sample_android_slow_motion.mp4"
    seconds = [float(frame.time.seconds) for frame in read(path) if frame.time]
    assert seconds[:3] == pytest.approx([0, 0.32534, 0.35868], abs=1e-4)
    assert seconds == sorted(set(seconds))


@pytest.mark.parametrize(
    ("name", "frames", "declared"),
    [
        ("corrupted_mid.mp4", 28, "28 of 50 declared frames"),
        ("sample_with_invalid_nalu.mp4", 26, "26 of 30 declared frames"),
    ],
)
def test_frames_before_the_damage_are_kept(
    shared: Path, name: str, frames: int, declared: str
) -> None:
    """What decoded comes out; then the error counts it."""
    indices, error = read_to_damage(shared / "videos/nasty" / name)
    assert indices == list(range(frames))
    assert error is not None
    assert error.reason.startswith(declared)
    assert error.__cause__ is not None


@pytest.mark.parametrize(
    ("name", "frames"),
    [
        ("nasty/sample.mkv", 30),  # declares 1000 frames a second
        ("nasty/no_duration.webm", 74),
        ("nasty/one_frame_8x8.webm", 1),
        ("nasty/pancake.mkv", 310),
        ("nasty/sample.avi", 96),  # declares 98
        ("nasty/sample_h264.ts", 30),
        ("nasty/weird_aspect.small.mpg", 36),
        ("nasty/dolbyVision-hdr.MOV", 4),  # declares 5
        ("nasty/sample_av1.mp4", 30),
        ("nasty/sample_empty_track.mp4", 30),
        ("perception/v2.m4v", 149),  # declares 287
    ],
)
def test_wrong_declarations_are_no_damage(shared: Path, name: str, frames: int) -> None:
    """Counts, durations and rates that are not true, or not there."""
    indices, error = read_to_damage(shared / "videos" / name)
    assert error is None
    assert indices == list(range(frames))


def test_frames_without_time_of_their_own(shared: Path) -> None:
    """Five frames, all at 0: five are counted, one is ever on screen."""
    with open_media(shared / "videos/nasty/sample_with_fake_auxiliary_tracks.mp4") as media:
        assert [frame.index for frame in media.frames(ALL_FRAMES)] == [0]
        assert media.decoded_frames == 5


@pytest.mark.parametrize("name", ["bbb/big_buck_bunny_0_30.webm", "car-detection.mp4"])
def test_a_file_cut_at_60_per_cent_is_partial(shared: Path, tmp_path: Path, name: str) -> None:
    """Whole it is whole; cut, more than half of it comes out, and an error."""
    whole = (shared / "videos" / name).read_bytes()
    path = tmp_path / Path(name).name
    path.write_bytes(whole[: len(whole) * 6 // 10])
    with open_media(path) as media:
        with pytest.raises(DecodeError, match="the file ends too early"):
            list(media.frames(Sampling(every=100)))
        assert media.decoded_frames > 200


@pytest.mark.parametrize(
    ("name", "error", "words"),
    [
        ("videos/nasty/empty.flv", MediaError, "cannot be opened"),
        ("videos/nasty/invalid-bitstream.webm", DecodeError, "0 of"),
        ("videos/counter/LICENSE", UnsupportedMedia, "neither a picture"),
        ("nasty/text_named.jpg", UnsupportedMedia, "neither a picture"),
        ("nasty/ukbench09268_corrupt.jpg", UnsupportedMedia, "neither a picture"),
        ("nasty/zero.jpg", UnsupportedMedia, "empty"),
        ("nasty/chelsea.jxl", UnsupportedMedia, "convert it to PNG or JPEG"),
        ("nasty/corrupt-header.jpg", DecodeError, "damaged"),
        ("nasty/corrupted.heic", DecodeError, "begins like HEIC"),
        ("nasty/truncated.heic", DecodeError, "ends too early"),
        ("nasty/truncated.gif", DecodeError, "truncated"),
        ("nasty/broken_data_stream.png", DecodeError, "damaged"),
        ("nasty/crash-338516dbd2f0e83caddb8ce256c22db3bd6dc40f.tif", DecodeError, "damaged"),
        ("nasty/giant-image.jpg", DecodeError, "too large"),
        ("nasty/decompression_bomb.ico", DecodeError, "too large"),
    ],
)
def test_refused(shared: Path, name: str, error: type[MediaError], words: str) -> None:
    """Each with its path and a reason."""
    path = shared / name
    with pytest.raises(error, match=words) as caught, open_media(path) as media:
        list(media.frames(ALL_FRAMES))
    assert caught.value.path == path


def test_every_other_file_can_be_read(shared: Path) -> None:
    """All the rest of the odd pictures: opened, and shown as large as they said."""
    refused = {"broken_data_stream.png", "chelsea.jxl", "corrupt-header.jpg", "corrupted.heic"}
    refused |= {"decompression_bomb.ico", "giant-image.jpg", "reallybig.bmp", "shortfile.bmp"}
    refused |= {"text_named.jpg", "truncated.gif", "truncated.heic", "zero.jpg"}
    refused |= {"ukbench09268_corrupt.jpg", "crash-338516dbd2f0e83caddb8ce256c22db3bd6dc40f.tif"}
    files = [f for f in sorted((shared / "nasty").iterdir()) if f.is_file()]
    for path in [f for f in files if f.name not in refused]:
        with open_media(path) as media:
            size = (media.info.height, media.info.width)
            shapes = [frame.pixels.shape[:2] for frame in media.frames(ALL_FRAMES)]
        assert set(shapes if path.name != "multipage.tiff" else shapes[:1]) == {size}, path


def test_modes_of_real_files(shared: Path) -> None:
    """CMYK of Adobe is not inverted, 16 bits are not white, transparent is grey, content counts."""
    nasty = shared / "nasty"
    flag = read_picture(nasty / "Flag_of_the_Netherlands-16bit.png")
    for row, colour in ((50, (174, 28, 40)), (300, (255, 255, 255)), (550, (33, 70, 139))):
        assert np.abs(flag[row, 450].astype(int) - colour).max() <= 3
    assert np.unique(read_picture(nasty / "full-transparent.png")).tolist() == [128]
    lettering = read_picture(nasty / "pil_sample_cmyk.jpg")  # red on black
    assert np.abs(lettering[2, 2].astype(int) - (255, 13, 25)).max() < 10
    assert lettering[95, 5].max() < 20
    park = read_picture(nasty / "Channel_digital_image_CMYK_color_no_profile.jpg")
    lawn = park[180:230, 60:150].mean(axis=(0, 1))
    assert lawn[1] > lawn[0] > lawn[2]  # green
    assert read_picture(nasty / "jpeg_named.tiff").shape == (240, 320, 3)
    assert read_picture(nasty / "no_extension").shape == (300, 451, 3)


def test_animations_are_videos(shared: Path) -> None:
    """With times from their durations; a still for old viewers is no frame."""
    nasty = shared / "nasty"
    for name, count, last_ms in (
        ("newtonscradle.gif", 36, 800),
        ("rotating-squares.webp", 9, 870),
        ("mode_palette_alpha.png", 2, 100),
    ):
        frames = read(nasty / name)
        assert [frame.index for frame in frames] == list(range(count))
        assert frames[-1].time is not None
        assert frames[-1].time.pts == last_ms
        with pytest.raises(UnsupportedMedia, match="is an animation"):
            read_picture(nasty / name)


def test_black_and_flat_videos_are_blank_and_real_ones_are_not(shared: Path) -> None:
    """The threshold on real clips."""
    videos = shared / "videos"
    for name in ("nasty/silent-black-10s.mp4", "perception/rgb.m4v"):
        assert all(is_blank(frame.pixels) for frame in read(videos / name, Sampling(every=20)))
    for name in ("bigbuckbunny.mp4", "bikes.mp4", "car-detection.mp4", "nasty/hdr10-av1.mp4"):
        kept = read(videos / name, Sampling(every=25))
        assert not any(is_blank(frame.pixels) for frame in kept), name
