"""Documents of several pages."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image, TiffImagePlugin

from imgsim.domain import Frame, MediaKind
from imgsim.errors import DecodeError
from imgsim.sampling import ALL_FRAMES, AUTO, Sampling
from imgsim.sources import open_media, read_frame, read_picture

COLOURS = ("red", "lime", "blue")
RGB = ([255, 0, 0], [0, 255, 0], [0, 0, 255])


def document(path: Path, compression: str = "raw") -> Path:
    """Three pages, each of one colour and of another size."""
    first, *others = [
        Image.new("RGB", (40 + 8 * number, 30), colour) for number, colour in enumerate(COLOURS)
    ]
    first.save(path, save_all=True, append_images=others, compression=compression)
    return path


def frames(path: Path, sampling: Sampling = ALL_FRAMES) -> list[Frame]:
    """All that a sampling keeps."""
    with open_media(path) as media:
        return list(media.frames(sampling.resolved(media.info)))


@pytest.mark.parametrize("compression", ["raw", "tiff_lzw", "jpeg"])
def test_every_page_is_a_frame_without_time(tmp_path: Path, compression: str) -> None:
    path = document(tmp_path / "scan.tiff", compression=compression)
    with open_media(path) as media:
        assert (media.info.kind, media.info.declared_frames) == (MediaKind.IMAGE, 3)
        assert (media.info.width, media.info.height) == (40, 30)
        pages = list(media.frames(ALL_FRAMES))
        assert media.decoded_frames == 3
    assert [(page.index, page.time) for page in pages] == [(0, None), (1, None), (2, None)]
    assert [page.pixels.shape for page in pages] == [(30, 40, 3), (30, 48, 3), (30, 56, 3)]
    for page, colour in zip(pages, RGB, strict=True):
        assert np.abs(page.pixels[0, 0].astype(int) - colour).max() <= 3


def test_no_sampling_leaves_pages_out(tmp_path: Path) -> None:
    path = document(tmp_path / "scan.tiff")
    for sampling in (AUTO, Sampling(every=2), Sampling(keyframes=True, skip_similar=True)):
        assert len(frames(path, sampling)) == 3
        assert sampling.key_for(MediaKind.IMAGE) == "all"


def test_a_page_is_found_again_and_a_query_is_the_first(tmp_path: Path) -> None:
    path = document(tmp_path / "scan.tiff")
    assert read_frame(path, 2, None)[0, 0].tolist() == RGB[2]
    assert read_picture(path)[0, 0].tolist() == RGB[0]
    with pytest.raises(DecodeError, match="has no frame 3"):
        read_frame(path, 3, None)


def test_smaller_copies_and_masks_are_no_pages(tmp_path: Path) -> None:
    path = tmp_path / "pyramid.tiff"
    with TiffImagePlugin.AppendingTiffWriter(str(path), new=True) as file:
        for number, kind in enumerate((0, 1, 2, 4)):
            tags = TiffImagePlugin.ImageFileDirectory_v2()
            tags[254] = kind  # a picture, a smaller copy of it, a page, a mask
            Image.new("RGB", (16, 16), (number, 0, 0)).save(file, "TIFF", tiffinfo=tags)
            file.newFrame()
    assert [int(page.pixels[0, 0, 0]) for page in frames(path)] == [0, 2]


def test_pages_before_the_damage_are_kept(tmp_path: Path) -> None:
    path = document(tmp_path / "scan.tiff", compression="tiff_lzw")
    with Image.open(path) as picture:
        picture.seek(1)
        at = picture.tag_v2[273][0]  # type: ignore[attr-defined]
    data = bytearray(path.read_bytes())
    data[at : at + 20] = b"\xff" * 20
    path.write_bytes(data)
    kept: list[int] = []
    with open_media(path) as media, pytest.raises(DecodeError, match="1 of 3 pages could be dec"):
        kept.extend(page.index for page in media.frames(ALL_FRAMES))
    with open_media(path) as media:
        assert next(iter(media.frames(ALL_FRAMES))).index == 0


def test_a_page_over_the_limit_of_pixels_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = document(tmp_path / "scan.tiff")
    monkeypatch.setenv("IMGSIM_MAX_MEGAPIXELS", "0.0015")  # the third has 56 x 30 pixels
    said = r"2 of 3 pages could be decoded: too large \(56 x 30 pixels\)"
    with pytest.raises(DecodeError, match=said):
        frames(path)
    monkeypatch.setenv("IMGSIM_MAX_MEGAPIXELS", "0.001")
    said = r"too large \(40 x 30 pixels\): the limit is 0.001 megapixels; IMGSIM_MAX_MEGAPIXELS"
    with pytest.raises(DecodeError, match=said):
        read_picture(path)
    monkeypatch.setenv("IMGSIM_MAX_MEGAPIXELS", "0.0012")
    assert read_picture(path).shape == (30, 40, 3)


def test_one_page_is_a_still_picture_and_so_is_a_stereo_pair(tmp_path: Path) -> None:
    Image.new("RGB", (40, 30), "red").save(tmp_path / "one.tiff")
    assert len(frames(tmp_path / "one.tiff")) == 1
    first, second = (Image.new("RGB", (40, 30), colour) for colour in ("red", "blue"))
    first.save(tmp_path / "eyes.mpo", save_all=True, append_images=[second])
    (frame,) = frames(tmp_path / "eyes.mpo")
    assert np.abs(frame.pixels[0, 0].astype(int) - RGB[0]).max() <= 3


def test_a_real_document(shared: Path) -> None:
    assert len(frames(shared / "nasty/multipage.tiff")) == 3
