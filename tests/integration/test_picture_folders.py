"""Pictures on disk: a video taken apart, and the hits of a search at full size."""

from __future__ import annotations

import csv
from pathlib import Path

import cv2
import numpy as np
import pytest

from imgsim.sampling import Sampling
from imgsim.sources import open_media
from tests.integration.command import Imgsim, run


def test_a_video_becomes_a_data_set(
    sample: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "new" / "set"
    assert run("frames", sample, "--out", out, "--every", "50", "--format", "png") == 0
    assert "3 pictures" in capfd.readouterr().out
    with (out / "frames.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [row["frame_index"] for row in rows] == ["0", "50", "100"]
    assert rows[1]["file"] == "bigbuckbunny_000050_0h00m02.000s.png"
    assert float(rows[1]["timestamp_s"]) == 2.0
    assert len(list(out.iterdir())) == 4
    with open_media(sample) as media:
        for frame, row in zip(media.frames(Sampling(every=50)), rows, strict=True):
            written = cv2.imread(str(out / row["file"]))
            assert written is not None
            np.testing.assert_array_equal(written[:, :, ::-1], frame.pixels)


def test_jpeg_is_the_default_and_a_full_folder_is_refused(
    sample: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert run("frames", sample, "--out", tmp_path / "set", "--fps", "1") == 0
    assert len(list((tmp_path / "set").glob("*.jpg"))) == 6
    assert run("frames", sample, "--out", tmp_path / "set") == 2
    assert "not empty" in capfd.readouterr().err
    assert run("frames", tmp_path / "no.mp4", "--out", tmp_path / "other") == 1
    assert not (tmp_path / "other").exists()
    (tmp_path / "file").touch()
    assert run("frames", sample, "--out", tmp_path / "file") == 1
    assert "cannot be written to" in capfd.readouterr().err


def test_hits_are_exported_as_the_exact_frames(
    imgsim: Imgsim, sample: Path, picture: Path, tmp_path: Path
) -> None:
    photo = tmp_path / "photo.jpg"
    photo.write_bytes(picture.read_bytes())
    imgsim("ingest", sample, photo, "--every", "11")
    out = tmp_path / "hits"
    assert imgsim("search", picture, "-k", "3", "--export", out).code == 0
    (folder,) = out.iterdir()
    assert folder.name == "01_bunny_leaves_the_burrow_efficientnet_lite0"
    names = sorted(path.name for path in folder.iterdir())
    assert names[0] == "00_query.png"
    assert names[1].startswith("01_d0.0000_photo")
    assert names[2].startswith("02_d0.0")
    assert names[2].endswith("bigbuckbunny_000022.png")
    assert names[-1] == "sheet.png"
    exported = cv2.imread(str(folder / names[2]))
    assert exported is not None
    with open_media(sample) as media:
        frame = next(f for f in media.frames(Sampling(every=22)) if f.index == 22)
    np.testing.assert_array_equal(exported[:, :, ::-1], frame.pixels)


def test_a_hit_whose_file_is_gone_is_told_and_the_others_are_written(
    imgsim: Imgsim, sample: Path, picture: Path, tmp_path: Path
) -> None:
    photo = tmp_path / "photo.jpg"
    photo.write_bytes(picture.read_bytes())
    imgsim("ingest", sample, photo, "--every", "22")
    photo.unlink()
    ran = imgsim("search", picture, "-k", "2", "--export", tmp_path / "hits")
    assert ran.code == 4
    assert "photo.jpg" in ran.err
    assert len(list((tmp_path / "hits").rglob("02_*.png"))) == 1
