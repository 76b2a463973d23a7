"""What is special about still pictures and animations: modes, orientation, bombs, odd files."""

from __future__ import annotations

import os
import struct
import subprocess
import sys
import zlib
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from imgsim.domain import Pixels
from imgsim.errors import DecodeError, MediaError, MediaNotFound, UnsupportedMedia
from imgsim.sampling import ALL_FRAMES
from imgsim.sources import open_media, read_picture
from imgsim.sources.animation import shown_ms
from imgsim.sources.orientation import from_exif

ORIENTATION_TAG = 0x0112


def scene(width: int = 48, height: int = 32) -> Pixels:
    """A smooth picture without symmetry: red grows to the right, green downwards."""
    y, x = np.mgrid[0:height, 0:width]
    red, green = x * 255 // width, y * 255 // height
    return np.stack([red, green, np.full_like(x, 60)], axis=2).astype(np.uint8)


def saved(path: Path, picture: Image.Image, **options: object) -> Path:
    """Save and hand back the path."""
    picture.save(path, **options)  # type: ignore[arg-type]  # each format has options of its own
    return path


def difference(a: Pixels, b: Pixels) -> float:
    """Mean absolute difference in levels."""
    assert a.shape == b.shape
    return float(np.abs(a.astype(int) - b.astype(int)).mean())


@pytest.mark.parametrize("number", range(1, 9))
@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp", ".tiff"])
def test_orientation_is_applied_once(tmp_path: Path, suffix: str, number: int) -> None:
    """A picture stored in any of eight ways comes out as it was, TIFF too, which Pillow turns."""
    inverse = {6: 8, 8: 6}.get(number, number)
    stored = from_exif(inverse).apply(scene())
    exif = Image.Exif()
    exif[ORIENTATION_TAG] = number
    path = saved(tmp_path / f"turned{suffix}", Image.fromarray(stored), exif=exif)
    with open_media(path) as media:
        assert (media.info.width, media.info.height) == (48, 32)
        (frame,) = media.frames(ALL_FRAMES)
    assert difference(frame.pixels, scene()) < 6


@pytest.mark.parametrize("suffix", [".heic", ".avif"])
@pytest.mark.parametrize("number", range(1, 9))
def test_heif_is_not_turned_twice(tmp_path: Path, suffix: str, number: int) -> None:
    """The encoder turns the EXIF number into the container's own turn; a reader obeys one."""
    pillow_heif = pytest.importorskip("pillow_heif")
    pillow_heif.register_heif_opener()
    exif = Image.Exif()
    exif[ORIENTATION_TAG] = number
    stored = from_exif({6: 8, 8: 6}.get(number, number)).apply(scene(96, 64))
    picture = Image.fromarray(stored)
    path = saved(tmp_path / f"turned{suffix}", picture, exif=exif.tobytes(), quality=90)
    assert difference(read_picture(path), scene(96, 64)) < 8


def test_damaged_exif_does_not_cost_the_picture(tmp_path: Path) -> None:
    """The pixels are good: they are shown as they lie."""
    exif = b"Exif\0\0II*\0" + b"\xff" * 40
    path = saved(tmp_path / "exif.jpg", Image.fromarray(scene()), exif=exif, quality=95)
    assert difference(read_picture(path), scene()) < 6


def test_transparency_lies_over_mid_grey(tmp_path: Path) -> None:
    """Whole and half transparent: not black, and not the colour that hides below."""
    rgba = np.zeros((4, 4, 4), dtype=np.uint8)
    rgba[:] = (255, 0, 0, 0)
    rgba[2:] = (255, 0, 0, 128)
    pixels = read_picture(saved(tmp_path / "alpha.png", Image.fromarray(rgba)))
    assert pixels[0, 0].tolist() == [128, 128, 128]
    assert np.abs(pixels[3, 3].astype(int) - (192, 64, 64)).max() <= 1


def test_transparent_colours_count_as_transparency(tmp_path: Path) -> None:
    """A palette entry, or one colour of an RGB picture, may be declared transparent."""
    palette = Image.new("P", (4, 4), 1)
    palette.putpalette([255, 0, 0, 0, 255, 0])
    path = saved(tmp_path / "palette.png", palette, transparency=1)
    assert read_picture(path)[0, 0].tolist() == [128, 128, 128]
    keyed = Image.new("RGB", (4, 4), (9, 8, 7))
    path = saved(tmp_path / "keyed.png", keyed, transparency=(9, 8, 7))
    assert read_picture(path)[0, 0].tolist() == [128, 128, 128]


def test_sixteen_bits_are_scaled_not_clipped(tmp_path: Path) -> None:
    """Half of 65535 is mid-grey; clipped to 8 bits it would be white."""
    ramp = np.linspace(0, 65535, 64).astype(np.uint16)[None, :].repeat(8, axis=0)
    expected = np.linspace(0, 255, 64)
    for name in ("deep.png", "deep.tiff", "deep.ppm"):
        pixels = read_picture(saved(tmp_path / name, Image.fromarray(ramp)))
        assert pixels.shape == (8, 64, 3)
        assert np.abs(pixels[0, :, 0] - expected).max() <= 1, name


@pytest.mark.parametrize("white", [1.0, 255.0, 65535.0, 1e6])
def test_float_pictures_find_their_range(tmp_path: Path, white: float) -> None:
    """TIFFs of science hold 0..1, 0..255, 0..65535 or anything."""
    ramp = np.linspace(0, white, 64, dtype=np.float32)[None, :].repeat(8, axis=0)
    pixels = read_picture(saved(tmp_path / "float.tiff", Image.fromarray(ramp)))
    assert np.abs(pixels[0, :, 1] - np.linspace(0, 255, 64)).max() <= 1


def test_other_modes_become_rgb(tmp_path: Path) -> None:
    """Grey, one bit, palette, CMYK: three channels of the same scene."""
    original = Image.fromarray(scene())
    grey = np.asarray(original.convert("L").convert("RGB"))
    path = saved(tmp_path / "grey.png", original.convert("L"))
    assert difference(read_picture(path), grey) == 0
    path = saved(tmp_path / "palette.png", original.quantize(256))
    assert difference(read_picture(path), scene()) < 6
    path = saved(tmp_path / "cmyk.jpg", original.convert("CMYK"), quality=95)
    assert difference(read_picture(path), scene()) < 6
    path = saved(tmp_path / "bit.png", original.convert("1"))
    assert set(np.unique(read_picture(path))) == {0, 255}


def png_of_size(width: int, height: int) -> bytes:
    """A PNG that declares a size and holds hardly any data."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        check = zlib.crc32(kind + data)
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", check)

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    data = zlib.compress(b"\0" * 1000)
    signature = b"\x89PNG\r\n\x1a\n"
    return signature + chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


@pytest.mark.parametrize("size", [(20_000, 10_000), (60_000, 60_000)])
def test_decompression_bombs_are_errors(tmp_path: Path, size: tuple[int, int]) -> None:
    """200 million pixels and more are refused before memory is taken for them."""
    path = tmp_path / "bomb.png"
    path.write_bytes(png_of_size(*size))
    with pytest.raises(DecodeError, match="too large"):
        read_picture(path)


def test_a_large_photo_is_no_bomb_and_no_warning(tmp_path: Path) -> None:
    """Phones take 108 megapixels, where Pillow warns; a process of its own says nothing of it."""
    path = saved(tmp_path / "large.png", Image.new("1", (12_000, 8_000), 1))
    code = (
        "import sys, pathlib; from imgsim.sources import read_picture;"
        "print(read_picture(pathlib.Path(sys.argv[1])).shape)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(path)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.stdout.strip(), done.stderr) == ("(8000, 12000, 3)", "")


def test_nothing_there(tmp_path: Path) -> None:
    """Each way in which a path leads to no file says which it is."""
    (tmp_path / "dangling.jpg").symlink_to(tmp_path / "gone.jpg")
    (tmp_path / "loop.jpg").symlink_to(tmp_path / "loop.jpg")
    (tmp_path / "file").write_bytes(b"x")
    reasons = {
        tmp_path / "missing.jpg": "does not exist",
        tmp_path / "dangling.jpg": "is a link to a file that does not exist",
        tmp_path / "loop.jpg": "cannot be read",
        tmp_path / "file" / "below.jpg": "cannot be read",
        tmp_path / ("long" * 100): "cannot be read",
        tmp_path / "nul\0.jpg": "cannot be read",
        tmp_path: "is a folder",
    }
    for path, reason in reasons.items():
        for read in (read_picture, lambda path: open_media(path).__enter__()):
            with pytest.raises(MediaNotFound, match=reason) as caught:
                read(path)
            assert caught.value.path == path


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    """Opening a pipe that nobody writes to would hang for ever."""
    os.mkfifo(tmp_path / "pipe.jpg")
    with pytest.raises(MediaNotFound, match="pipe, socket or device"):
        read_picture(tmp_path / "pipe.jpg")


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read all")
def test_a_forbidden_file_says_so(tmp_path: Path) -> None:
    """Without permission: the system's own words."""
    path = saved(tmp_path / "secret.png", Image.fromarray(scene()))
    path.chmod(0)
    with pytest.raises(MediaNotFound, match="Permission denied"):
        read_picture(path)


def test_an_empty_file_and_a_text(tmp_path: Path) -> None:
    """Neither is a picture or a video, whatever its suffix says."""
    empty, text = tmp_path / "empty.jpg", tmp_path / "text.jpg"
    empty.write_bytes(b"")
    text.write_text("This is not a picture.\n" * 20)
    with pytest.raises(UnsupportedMedia, match=r"empty \(0 bytes\)"):
        read_picture(empty)
    with pytest.raises(UnsupportedMedia, match="neither a picture that Pillow knows nor a video"):
        read_picture(text)


def test_a_picture_with_a_damaged_header_is_damaged_not_unknown(tmp_path: Path) -> None:
    """Its first bytes say what it was meant to be."""
    path = tmp_path / "header.gif"
    path.write_bytes(b"GIF8")
    with pytest.raises(DecodeError, match="begins like GIF"):
        read_picture(path)


@pytest.mark.parametrize(
    "name",
    ["фото ñ 猫.jpg", "a b (1).jpg", "-dash.jpg", "quote'\".jpg", "%d.jpg", "👾.jpg", ".hidden"],
)
def test_odd_names(tmp_path: Path, name: str) -> None:
    """Names are passed on as they are."""
    path = saved(tmp_path / name, Image.fromarray(scene()), format="JPEG", quality=95)
    assert difference(read_picture(path), scene()) < 6


@pytest.mark.skipif(os.name == "nt", reason="names are bytes on POSIX only")
def test_a_name_that_is_not_utf_8(tmp_path: Path) -> None:
    """Readable; and where the file is damaged, the message can be built."""
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff.jpg"))
    saved(path, Image.fromarray(scene()), quality=95)
    assert difference(read_picture(path), scene()) < 6
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(MediaError) as caught:
        read_picture(path)
    assert caught.value.path == path


def animation(path: Path, durations: list[int]) -> Path:
    """A GIF of grey frames 0, 40, 80, ..."""
    grey = [Image.new("L", (16, 16), 40 * n) for n in range(len(durations))]
    return saved(path, grey[0], save_all=True, append_images=grey[1:], duration=durations, loop=0)


def test_frames_without_duration_take_a_browsers_tenth_of_a_second(tmp_path: Path) -> None:
    """Time goes on, or all frames would lie at 0."""
    assert [shown_ms(ms) for ms in (None, 0, 10, 11, 40, 33.3)] == [100, 100, 100, 11, 40, 33]
    path = animation(tmp_path / "hasty.gif", [0, 10, 20, 200])
    with open_media(path) as media:
        seconds = [frame.time.seconds for frame in media.frames(ALL_FRAMES) if frame.time]
    assert seconds == [0, Fraction(1, 10), Fraction(2, 10), Fraction(22, 100)]


def test_a_truncated_animation_yields_what_it_has(tmp_path: Path) -> None:
    """Frames before the damage come out, then the error tells how many."""
    noise = np.random.default_rng(5).integers(0, 256, (6, 64, 64), dtype=np.uint8)
    first, *others = [Image.fromarray(grey) for grey in noise]
    path = tmp_path / "cut.gif"
    saved(path, first, save_all=True, append_images=others, duration=50, loop=0)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) * 6 // 10])
    with open_media(path) as media:
        frames = media.frames(ALL_FRAMES)
        assert [next(frames).index for _ in range(3)] == [0, 1, 2]
        with pytest.raises(DecodeError, match="3 of 4 declared frames"):
            next(frames)
        assert media.decoded_frames == 3


def test_the_still_for_old_viewers_is_no_frame_of_an_animated_png(tmp_path: Path) -> None:
    """Players skip the default image; so do the indices."""
    still, *frames = [Image.new("L", (16, 16), level) for level in (255, 40, 80)]
    path = tmp_path / "animated.png"
    options = {"save_all": True, "append_images": frames, "default_image": True, "duration": 70}
    saved(path, still, **options)
    with open_media(path) as media:
        shown = [(f.index, int(f.pixels[0, 0, 0])) for f in media.frames(ALL_FRAMES)]
    assert shown == [(0, 40), (1, 80)]
