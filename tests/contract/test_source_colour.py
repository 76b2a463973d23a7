"""Colours on their way to sRGB: HDR video, ICC profiles, CIELAB; by published numbers."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from imgsim.domain import Pixels
from imgsim.sampling import ALL_FRAMES
from imgsim.sources import open_media, read_picture
from imgsim.sources.display import Display
from imgsim.sources.tone_mapping import (
    REFERENCE_WHITE,
    Transfer,
    compress,
    hlg_to_nits,
    nits_to_pq,
    pq_to_nits,
    to_srgb,
    tone_map,
)

BT709, BT2020 = 1, 9
Colour = tuple[int, int, int]
SDR_10_BIT = 14  # the transfer of BT.2020 for SDR


def saved(path: Path, picture: Image.Image, **options: object) -> Path:
    """Save and hand back the path."""
    picture.save(path, **options)  # type: ignore[arg-type]  # each format has options of its own
    return path


def pixel(path: Path) -> npt.NDArray[np.int_]:
    """The colour of a picture of one colour."""
    colour: npt.NDArray[np.int_] = read_picture(path)[0, 0].astype(int)
    return colour


def untouched(frame: av.VideoFrame) -> Pixels:
    """What FFmpeg's scaler makes of a frame, without a thought for HDR."""
    return frame.to_ndarray(format="rgb24").astype(np.uint8, copy=False)


def tagged_clip(path: Path, levels: Sequence[int], transfer: int) -> Path:
    """One lossless frame of 10-bit grey strips, tagged as BT.2020."""
    strips = np.repeat(np.array(levels, dtype=np.uint16), 16)[None, :, None]
    frame = av.VideoFrame.from_ndarray(strips.repeat(16, axis=0).repeat(3, axis=2), "gbrp10le")
    frame.pts, frame.time_base = 0, Fraction(1, 25)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=25)
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height, stream.pix_fmt = frame.width, frame.height, "gbrp10le"
        stream.codec_context.color_trc = transfer
        stream.codec_context.color_primaries = BT2020
        container.mux([*stream.encode(frame), *stream.encode(None)])
    return path


def test_pq_anchors() -> None:
    """ST 2084 as BT.2408 tabulates it: signals of 100, 203, 1000 and 10000 nits."""
    for signal, nits in ((0.0, 0), (0.508, 100), (0.581, 203), (0.752, 1000), (1.0, 10000)):
        assert pq_to_nits(np.array(signal)) == pytest.approx(nits, rel=0.01)
        assert nits_to_pq(np.array(float(nits))) == pytest.approx(signal, abs=0.001)


def test_hlg_anchors() -> None:
    """BT.2408: on a screen of 1000 nits a signal of 75 % is the white of 203 nits."""
    for signal, nits in ((0.0, 0), (0.38, 26), (0.75, 203), (1.0, 1000)):
        assert hlg_to_nits(np.full(3, signal)) == pytest.approx(np.full(3, nits), rel=0.02)


def test_the_tone_curve_keeps_the_dark_and_bends_the_bright() -> None:
    """Rising everywhere, nothing above white, more than 1000 nits is white."""
    nits = np.geomspace(0.01, 10000, 200)
    mapped = compress(nits)
    assert mapped[nits < 85] == pytest.approx(nits[nits < 85])
    assert (np.diff(mapped[nits < 1000]) > 0).all()
    assert mapped[nits > 1000] == pytest.approx(REFERENCE_WHITE)


@pytest.mark.parametrize("transfer", list(Transfer))
def test_the_cube_follows_the_formulas(transfer: Transfer) -> None:
    """Every grey within a level and still grey, and muted colours within two."""
    grey = np.arange(256, dtype=np.uint8)[None, :, None].repeat(3, axis=2)
    mapped = tone_map(grey, transfer, BT2020).astype(int)
    assert np.abs(mapped - 255 * to_srgb(grey / 255, transfer)).max() <= 1
    assert np.ptp(mapped, axis=2).max() <= 1
    assert mapped[0, [0, -1]].tolist() == [[0, 0, 0], [255, 255, 255]]
    noise = np.random.default_rng(0).integers(-12, 13, size=(64, 64, 3))
    muted = (np.linspace(40, 200, 64)[None, :, None] + noise).astype(np.uint8)
    error = np.abs(tone_map(muted, transfer, BT2020) - 255 * to_srgb(muted / 255, transfer))
    assert np.quantile(error, 0.99) <= 2  # more only at the edge of the gamut


def test_primaries_decide_the_colour() -> None:
    """The same numbers are a stronger red in BT.2020 than in BT.709; white is white in all."""
    red = np.array([0.5, 0.4, 0.4])
    strong, weak = (to_srgb(red, Transfer.PQ, primaries) for primaries in (BT2020, BT709))
    assert strong[0] - strong[1] > weak[0] - weak[1] > 0
    assert to_srgb(red, Transfer.PQ, 2) == pytest.approx(strong)  # 2: not said
    for primaries in (BT709, BT2020, 12):
        white = to_srgb(np.ones(3), Transfer.PQ, primaries)
        assert white == pytest.approx(np.ones(3), abs=0.001)


def test_alpha_is_no_colour() -> None:
    """It is carried past the cube."""
    mapped = tone_map(np.full((1, 1, 4), 130, dtype=np.uint8), Transfer.HLG, BT2020)
    assert (mapped == 130).tolist() == [[[False, False, False, True]]]


def test_a_tagged_clip_is_tone_mapped(tmp_path: Path) -> None:
    """10 bits of PQ at 1, 50, 203 and 1000 nits: dark, middle, nearly white, white."""
    levels = [round(1023 * float(nits_to_pq(np.array(nits)))) for nits in (1.0, 50.0, 203.0, 1e3)]
    path = tagged_clip(tmp_path / "pq.mkv", levels, Transfer.PQ)
    with open_media(path) as media:
        strips = next(media.frames(ALL_FRAMES)).pixels[8, 8::16]
    # sRGB of 1/203 and 50/203; the curve leaves those alone. 203 nits come out at 159 of 203.
    expected = [[value] * 3 for value in (16, 136, 228, 255)]
    assert np.abs(strips.astype(int) - expected).max() <= 3


@pytest.mark.parametrize("transfer", [BT709, 2, SDR_10_BIT])
def test_other_transfers_are_left_alone(tmp_path: Path, transfer: int) -> None:
    """To the bit what FFmpeg's scaler makes of them."""
    path = tagged_clip(tmp_path / "sdr.mkv", [100, 500, 900], transfer)
    with av.open(str(path)) as container:
        frame = next(container.decode(video=0))
        assert frame.color_trc == transfer
        assert (Display(None).pixels(frame) == untouched(frame)).all()


@pytest.mark.parametrize("name", ["hdr10-av1.mp4", "hlg10-color-test.mp4", "dolbyVision-hdr.MOV"])
def test_real_hdr_is_pale_no_more(shared: Path, name: str) -> None:
    """Brighter, richer in contrast, and more colourful than the signal taken as it is."""
    with av.open(str(shared / "videos/nasty" / name)) as container:
        frame = next(container.decode(video=0))
        pale, mapped = untouched(frame).astype(float), Display(None).pixels(frame).astype(float)
    assert mapped.mean() > pale.mean() + 5
    assert mapped.std() > 1.1 * pale.std()
    assert np.ptp(mapped, axis=2).mean() > np.ptp(pale, axis=2).mean()
    assert (mapped == 255).all(axis=2).mean() < 0.25  # highlights keep their drawing


def test_a_colour_chart_keeps_its_colours(shared: Path) -> None:
    """Third row of the chart: blue, green, red, yellow; below them greys, lightest first."""
    with open_media(shared / "videos/nasty/hlg10-color-test.mp4") as media:
        chart = next(media.frames(ALL_FRAMES)).pixels
    blue, green, red, yellow = (
        chart[600:660, x : x + 60].mean(axis=(0, 1)) for x in (275, 515, 755, 1000)
    )
    assert blue[2] > 150 + blue[0]
    assert green[1] > 60 + max(green[0], green[2])
    assert red[0] > 150 + max(red[1], red[2])
    assert min(yellow[0], yellow[1]) > 150 + yellow[2]
    greys = [chart[840:900, x : x + 60].mean(axis=(0, 1)) for x in (275, 515, 755, 1000, 1250)]
    assert all(np.ptp(grey) < 12 for grey in greys)
    assert all(lighter.mean() > darker.mean() for lighter, darker in pairwise(greys))


@pytest.fixture
def display_p3(shared: Path) -> bytes:
    """A real profile, of Display P3."""
    with Image.open(shared / "nasty/p3.png") as picture:
        return bytes(picture.info["icc_profile"])


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "P"])
@pytest.mark.parametrize(
    ("stored", "shown"),
    [
        ((255, 0, 0), (255, 0, 0)),  # beyond sRGB: clipped
        ((128, 128, 128), (128, 128, 128)),
        ((234, 51, 35), (255, 0, 0)),  # Apple's and CSS's number for the red of sRGB
        ((117, 251, 76), (0, 255, 0)),
    ],
)
def test_display_p3(
    tmp_path: Path, display_p3: bytes, mode: str, stored: Colour, shown: Colour
) -> None:
    """The primaries of sRGB have known coordinates in Display P3."""
    colour = Image.new("RGB", (4, 4), stored)
    picture = colour.quantize(2) if mode == "P" else colour.convert(mode)
    path = saved(tmp_path / "p3.png", picture, icc_profile=display_p3)
    # Where a primary of sRGB is at an edge, one level of P3 is up to ten near black.
    assert np.abs(pixel(path) - shown).max() <= 10
    path = saved(tmp_path / "none.png", picture)
    assert pixel(path).tolist() == list(stored)


def test_alpha_with_a_profile(tmp_path: Path, display_p3: bytes) -> None:
    """Colour first, then over mid-grey."""
    picture = Image.new("RGBA", (2, 2), (200, 100, 50, 128))
    solid = pixel(saved(tmp_path / "solid.png", picture.convert("RGB"), icc_profile=display_p3))
    mixed = pixel(saved(tmp_path / "mixed.png", picture, icc_profile=display_p3))
    assert solid[0] > 205 > 100 > solid[1]
    assert np.abs(mixed - (solid + 128) / 2).max() <= 1.5


def test_real_profiles(shared: Path) -> None:
    """Wide gamut is converted; sRGB under any name, and damaged ones, change nothing."""
    assert (read_picture(shared / "nasty/p3.png") == [255, 0, 0]).all()
    for name, converted in (
        ("nasty/corrupted-icc-srgb.jpg", False),
        ("photos/pypi/china.jpg", False),
        ("photos/public_domain/silver_fir.jpg", False),  # sRGB by the name of c2
        ("photos/pypi/rocket.jpg", True),  # Adobe RGB
    ):
        with Image.open(shared / name) as picture:
            stored = np.asarray(picture.convert("RGB"))
        assert (read_picture(shared / name) != stored).any() == converted, name


@pytest.mark.parametrize("damage", [b"", b"no profile at all", None])
def test_a_profile_that_does_not_apply_is_ignored(
    tmp_path: Path, display_p3: bytes, damage: bytes | None
) -> None:
    """Empty, rubbish, cut off, or of RGB in a picture that is grey."""
    profile = display_p3[: len(display_p3) // 2] if damage is None else damage
    colour = Image.new("RGB", (2, 2), (200, 100, 50))
    path = saved(tmp_path / "damaged.png", colour, icc_profile=profile)
    assert pixel(path).tolist() == [200, 100, 50]
    path = saved(tmp_path / "grey.png", colour.convert("L"), icc_profile=display_p3)
    assert np.ptp(pixel(path)) == 0
    assert pixel(path)[0] == colour.convert("L").getpixel((0, 0))


def cmyk_profile(inked: int) -> bytes:
    """The smallest printer profile: white paper, black ink, and colours of this L* (0..255).

    ICC.1 section 10.10 (lut8Type), a table with two steps for each of four inks.
    """
    ramp = bytes(range(256))
    corners = b"".join(
        # Black changes fastest.
        bytes([255 if inks == 0 else 0 if inks & 1 else inked, 128, 128])
        for inks in range(16)
    )
    matrix = struct.pack(">9i", *(65536 if i % 4 == 0 else 0 for i in range(9)))
    table = b"mft1" + bytes([0, 0, 0, 0, 4, 3, 2, 0]) + matrix + ramp * 4 + corners + ramp * 3
    table += bytes(-len(table) % 4)
    header = bytearray(128)
    struct.pack_into(
        ">I4sI4s4s4s", header, 0, 144 + len(table), b"", 0x02400000, b"prtr", b"CMYK", b"Lab "
    )
    header[36:40] = b"acsp"
    struct.pack_into(">3i", header, 68, 63190, 65536, 54061)  # the white of D50
    return bytes(header) + struct.pack(">I4sII", 1, b"A2B0", 144, len(table)) + table


def test_cmyk_by_its_profile(tmp_path: Path) -> None:
    """Cyan ink that prints grey is grey; without a profile it is cyan."""
    cyan = Image.new("CMYK", (8, 8), (255, 0, 0, 0))
    path = saved(tmp_path / "plain.tiff", cyan)
    assert pixel(path).tolist() == [0, 255, 255]
    path = saved(tmp_path / "profile.tiff", cyan, icc_profile=cmyk_profile(inked=128))
    # L* of 50.2 is a luminance of 0.186, in sRGB 120.
    assert np.abs(pixel(path) - 120).max() <= 3
    paper = Image.new("CMYK", (8, 8), (0, 0, 0, 0))
    path = saved(tmp_path / "paper.tiff", paper, icc_profile=cmyk_profile(inked=128))
    assert pixel(path).min() >= 253


def test_cielab(tmp_path: Path) -> None:
    """CIELAB of the red of sRGB (with D50: 54.3, 80.8, 69.9), and of greys."""
    for lab, rgb in (
        ((138, 209, 198), (255, 0, 0)),
        ((255, 128, 128), (255, 255, 255)),
        ((137, 128, 128), (128, 128, 128)),  # L* of 53.6
        ((0, 128, 128), (0, 0, 0)),
    ):
        path = saved(tmp_path / "lab.tiff", Image.new("LAB", (4, 4), lab))
        assert np.abs(pixel(path) - rgb).max() <= 10, lab
