"""The main job through the command line, on real pictures, TensorFlow and PostgreSQL."""

from __future__ import annotations

import csv
import os
import shutil
import sys
from pathlib import Path

import av
import cv2
import pytest
from sqlalchemy import text

from imgsim.store.engine import Session
from tests.integration.command import Imgsim


def _counts(session: Session) -> dict[str, int]:
    tables = ("media", "media_path", "frame", "backbone", "coverage")
    with session.connect() as connection:
        return {
            table: connection.execute(text(f"SELECT count(*) FROM {table}")).scalar_one()  # noqa: S608
            for table in tables
        }


def test_a_frame_of_a_video_is_found_by_a_smaller_picture_of_it(
    imgsim: Imgsim, sample: Path, picture: Path
) -> None:
    ingested = imgsim("ingest", sample, "--format", "json")
    assert ingested.code == 0
    (media,) = ingested.json()["media"]
    assert media == {
        "path": str(sample),
        "status": "complete",
        "frames": 132,
        "embedded": 132,
        "declared": 132,
        "similar": 0,
        "detail": None,
        "action": "ingested",
    }
    assert ingested.json()["frames_per_s"] > 0
    found = imgsim("search", picture, "-k", "5", "--format", "json")
    assert found.code == 0
    (result,) = found.json()
    assert (result["query"], result["backbone"], result["k"]) == (
        str(picture),
        "efficientnet_lite0",
        5,
    )
    first = result["hits"][0]
    assert first["frame_index"] == 22
    assert first["timestamp_s"] == pytest.approx(0.88)
    assert first["kind"] == "video"
    assert [hit["rank"] for hit in result["hits"]] == [1, 2, 3, 4, 5]
    distances = [hit["distance"] for hit in result["hits"]]
    assert distances == sorted(distances)
    assert first["similarity"] == pytest.approx(1 - first["distance"])


def test_the_same_again_is_not_done_again(
    imgsim: Imgsim, session: Session, sample: Path, picture: Path
) -> None:
    first = imgsim("ingest", sample, picture, "--every", "40", "--format", "json").json()
    before = _counts(session)
    again = imgsim("ingest", sample, picture, "--every", "40", "--format", "json").json()
    assert _counts(session) == before
    assert [media["action"] for media in again["media"]] == ["unchanged", "unchanged"]
    assert again["frames_per_s"] == 0
    for old, new in zip(first["media"], again["media"], strict=True):
        assert {**old, "action": None} == {**new, "action": None}


def test_another_sampling_adds_what_is_missing(
    imgsim: Imgsim, session: Session, sample: Path
) -> None:
    imgsim("ingest", sample, "--every", "44")
    assert _counts(session)["frame"] == 3
    denser = imgsim("ingest", sample, "--every", "22", "--format", "json").json()["media"][0]
    assert (denser["frames"], denser["embedded"], denser["action"]) == (132, 6, "ingested")
    assert _counts(session)["frame"] == 6
    assert _counts(session)["coverage"] == 2
    by_time = imgsim("ingest", sample, "--fps", "1", "--format", "json").json()["media"][0]
    assert by_time["embedded"] == 6


def test_a_second_backbone_adds_no_media_and_no_frames(
    imgsim: Imgsim, session: Session, sample: Path, picture: Path, random_weights: Path
) -> None:
    imgsim("ingest", sample, "--every", "11")
    before = _counts(session)
    second = imgsim(
        "ingest", sample, "--every", "11", "-b", "mobilenet_025", "--weights", random_weights
    )
    assert second.code == 0
    after = _counts(session)
    assert after["backbone"] == 2
    assert (after["media"], after["frame"]) == (before["media"], before["frame"])
    # The weights file is remembered: -b alone is enough from now on.
    found = imgsim(
        "search", picture, "-b", "mobilenet_025", "-b", "efficientnet_lite0", "--format", "json"
    )
    assert [result["backbone"] for result in found.json()] == [
        "mobilenet_025",
        "efficientnet_lite0",
    ]
    assert all(result["hits"][0]["frame_index"] == 22 for result in found.json())


def test_two_backbones_can_be_ingested_in_one_go(
    imgsim: Imgsim, session: Session, sample: Path, random_weights: Path
) -> None:
    imgsim("ingest", sample, "--every", "66", "-b", "mobilenet_025", "--weights", random_weights)
    both = imgsim(
        "ingest", sample, "--every", "33", "-b", "mobilenet_025", "-b", "efficientnet_lite0"
    )
    assert both.code == 0, both.err
    with session.connect() as connection:
        for table in ("embedding_mobilenet_025", "embedding_efficientnet_lite0"):
            rows = connection.execute(text(f"SELECT count(*) FROM {table}")).scalar_one()  # noqa: S608
            assert rows == 4, table


def test_a_picture_is_the_same_whatever_the_sampling(imgsim: Imgsim, picture: Path) -> None:
    assert imgsim("ingest", picture, "--every", "7").code == 0
    again = imgsim("ingest", picture, "--fps", "2", "--format", "json").json()["media"][0]
    assert (again["action"], again["embedded"]) == ("unchanged", 1)


def test_a_picture_that_was_saved_anew_is_a_new_media(
    imgsim: Imgsim, session: Session, picture: Path, tmp_path: Path
) -> None:
    path = tmp_path / "a.jpg"
    path.write_bytes(picture.read_bytes())
    imgsim("ingest", path)
    image = cv2.imread(str(picture))
    assert image is not None
    path.write_bytes(cv2.imencode(".jpg", image[:, ::-1])[1].tobytes())
    imgsim("ingest", path)
    assert _counts(session)["media"] == 2
    (result,) = imgsim("search", picture, "--format", "json").json()
    assert [hit["path"] for hit in result["hits"]] == [str(path), str(path)]


def test_equal_bytes_are_one_media_with_two_paths(
    imgsim: Imgsim, session: Session, picture: Path, tmp_path: Path
) -> None:
    copy = tmp_path / "a copy (1).jpg"
    shutil.copyfile(picture, copy)
    report = imgsim("ingest", picture, picture, copy, "--format", "json").json()
    assert [media["path"] for media in report["media"]] == [str(picture), str(copy)]
    assert [media["action"] for media in report["media"]] == ["ingested", "unchanged"]
    counts = _counts(session)
    assert (counts["media"], counts["media_path"], counts["frame"]) == (1, 2, 1)


def test_a_moved_file_is_found_at_its_new_path(
    imgsim: Imgsim, picture: Path, tmp_path: Path
) -> None:
    old, new = tmp_path / "old.jpg", tmp_path / "new.jpg"
    shutil.copyfile(picture, old)
    imgsim("ingest", old)
    old.rename(new)
    imgsim("ingest", new)
    (result,) = imgsim("search", new, "--format", "json").json()
    assert result["hits"][0]["path"] == str(new)


def test_an_image_that_is_in_the_gallery_finds_itself(
    imgsim: Imgsim, picture: Path, sample: Path
) -> None:
    imgsim("ingest", picture, sample, "--every", "10")
    (result,) = imgsim("search", picture, "--format", "json").json()
    first = result["hits"][0]
    assert first["path"] == str(picture)
    assert first["distance"] < 1e-3
    assert (first["kind"], first["frame_index"], first["timestamp_s"]) == ("image", 0, None)


def test_some_inputs_fail_and_the_others_are_stored(
    imgsim: Imgsim, session: Session, picture: Path, tmp_path: Path
) -> None:
    (tmp_path / "text.jpg").write_text("this is no picture")
    ran = imgsim("ingest", tmp_path / "missing.mp4", tmp_path / "text.jpg", picture)
    assert ran.code == 4
    assert "missing.mp4" in ran.out
    assert "text.jpg" in ran.out
    with session.connect() as connection:
        states = connection.execute(
            text("SELECT status, detail IS NULL FROM media ORDER BY status")
        ).all()
    assert [tuple(state) for state in states] == [("complete", True), ("failed", False)]


def test_a_film_that_breaks_off_is_kept_as_far_as_it_goes(
    imgsim: Imgsim, sample: Path, tmp_path: Path
) -> None:
    whole = tmp_path / "whole.mkv"
    with av.open(str(sample)) as source, av.open(str(whole), "w") as target:
        stream = target.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(video=0):
            if packet.dts is not None:
                packet.stream = stream
                target.mux(packet)
    cut = tmp_path / "cut.mkv"
    cut.write_bytes(whole.read_bytes()[: whole.stat().st_size * 6 // 10])
    reports = [
        imgsim("ingest", cut, "--every", every, "--format", "json").json()["media"][0]
        for every in (1, 10, 10)
    ]
    decoded = reports[0]["frames"]
    assert 40 < decoded < 120
    assert [report["status"] for report in reports] == ["partial"] * 3
    assert [report["frames"] for report in reports] == [decoded] * 3
    tenth = -(-decoded // 10)
    assert [report["embedded"] for report in reports] == [decoded, tenth, tenth]
    assert [report["action"] for report in reports] == ["ingested", "ingested", "unchanged"]
    assert f"{decoded} of" in reports[2]["detail"]


def test_a_blank_picture_is_stored_but_neither_embedded_nor_searched(
    imgsim: Imgsim, session: Session, picture: Path, tmp_path: Path
) -> None:
    blank = tmp_path / "blank.png"
    cv2.imwrite(str(blank), 200 * cv2.UMat(90, 120, cv2.CV_8UC3).get() * 0 + 200)
    media = imgsim("ingest", blank, picture, "--format", "json").json()["media"]
    assert (media[0]["status"], media[0]["embedded"]) == ("complete", 0)
    assert _counts(session)["frame"] == 2
    refused = imgsim("search", blank)
    assert refused.code == 1
    assert "one colour" in refused.err


@pytest.mark.skipif(sys.platform != "linux", reason="other systems refuse such names")
def test_any_file_name_is_taken(imgsim: Imgsim, picture: Path, tmp_path: Path) -> None:
    names = [os.fsdecode(b"\xff.jpg"), "-k.jpg", "фото ñ 猫.jpg", "a'b\"c\nd.jpg"]
    for number, name in enumerate(names):
        image = cv2.imread(str(picture))
        assert image is not None
        (tmp_path / name).write_bytes(cv2.imencode(".png", image[number:])[1].tobytes())
    report = imgsim("ingest", tmp_path, "--format", "json")
    assert report.code == 0, report.err
    assert len(report.json()["media"]) == len(names)
    for form in ("table", "csv", "json"):
        assert imgsim("search", picture, "--format", form).code == 0


def test_csv_and_table_say_the_same(imgsim: Imgsim, picture: Path, sample: Path) -> None:
    imgsim("ingest", sample, "--every", "11")
    rows = list(csv.DictReader(imgsim("search", picture, "--format", "csv").out.splitlines()))
    table = imgsim("search", picture).out
    assert len(rows) == 10
    assert rows[0]["frame_index"] == "22"
    assert "0:00:00.880" in table
    assert "bigbuckbunny.mp4" in table


def test_the_sheet_is_a_picture(
    imgsim: Imgsim, picture: Path, sample: Path, tmp_path: Path
) -> None:
    imgsim("ingest", sample, "--every", "11")
    sheet = tmp_path / "sheet.png"
    assert imgsim("search", picture, "-k", "4", "--sheet", sheet).code == 0
    drawn = cv2.imread(str(sheet))
    assert drawn is not None
    assert drawn.shape[1] > 300
    refused = imgsim("search", picture, "--sheet", tmp_path / "no" / "folder.png")
    assert refused.code == 1
    assert "bigbuckbunny.mp4" in refused.out, "the answer is not lost with the picture"
    assert "cannot be written" in refused.err


def test_searching_with_the_index_gives_the_same_first_hit(
    imgsim: Imgsim, picture: Path, sample: Path
) -> None:
    imgsim("ingest", sample, "--every", "2")
    assert "HNSW" not in imgsim("search", picture).out
    rebuilt = imgsim("index", "rebuild")
    assert rebuilt.code == 0
    status = imgsim("index", "status").out.splitlines()[1].split()
    assert status[:3] == ["imgsim.embedding_efficientnet_lite0", "1280", "66"]
    assert status[-2:] == ["16", "200"]
    found = imgsim("search", picture)
    assert "HNSW index" in found.out
    assert " 22 " in found.out.splitlines()[2]
    assert "exact" in imgsim("search", picture, "--exact").out
