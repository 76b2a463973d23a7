"""What the gallery holds, and removing from it, through the command line."""

from __future__ import annotations

import csv
import os
import shutil
import sys
from pathlib import Path

import pytest

from imgsim.store import schema
from imgsim.store.engine import Session
from imgsim.store.paths import HOST
from tests.integration.command import Imgsim, counted, cropped, listed


def _found(imgsim: Imgsim, picture: Path) -> set[str]:
    (result,) = imgsim("search", picture, "--format", "json").json()
    return {hit["path"] for hit in result["hits"]}


def test_the_list_says_what_lies_at_each_path(
    imgsim: Imgsim, sample: Path, picture: Path, tmp_path: Path
) -> None:
    broken = tmp_path / "broken, really.jpg"
    broken.write_text("no picture at all")
    imgsim("ingest", sample, picture, broken, "--every", "44")
    by_path = {each["path"]: each for each in imgsim("media", "list", "--format", "json").json()}
    assert set(by_path) == {str(sample), str(picture), str(broken)}
    video = by_path[str(sample)]
    assert (video["kind"], video["status"], video["detail"]) == ("video", "complete", None)
    assert (video["frames"], video["stored_frames"]) == (132, 3)
    assert video["backbones"] == ["efficientnet_lite0"]
    assert video["duration_s"] == pytest.approx(5.28, abs=0.1)
    assert (video["host"], video["is_current"]) == (HOST, True)
    lost = by_path[str(broken)]
    assert (lost["kind"], lost["status"], lost["backbones"]) == (None, "failed", [])
    assert lost["detail"]

    table = imgsim("media", "list").out.splitlines()
    assert table[0].split()[:3] == ["status", "kind", "frames"]
    assert len(table) == 4
    assert any(line.endswith(f"{broken}: {lost['detail']}") for line in table)
    rows = list(csv.DictReader(imgsim("media", "list", "--format", "csv").out.splitlines()))
    assert {row["path"] for row in rows} == set(by_path)
    assert listed(imgsim, "--status", "failed") == [str(broken)]
    assert listed(imgsim, "--status", "partial") == []


def test_the_list_of_an_empty_gallery(imgsim: Imgsim) -> None:
    ran = imgsim("media", "list")
    assert (ran.code, ran.out, ran.err) == (0, "No media.\n", "")
    assert imgsim("media", "list", "--format", "json").json() == []


def test_a_folder_is_not_the_one_whose_name_begins_alike(
    imgsim: Imgsim, photos: list[Path], tmp_path: Path
) -> None:
    imgsim("ingest", tmp_path)
    one, two, three = map(str, photos)
    assert listed(imgsim, tmp_path / "a" / "b") == sorted([one, two])
    assert listed(imgsim, tmp_path / "a" / "b", f"{tmp_path}/a/./b/") == sorted([one, two])
    assert listed(imgsim, three) == [three]
    assert listed(imgsim, "/") == sorted([one, two, three])
    assert listed(imgsim, tmp_path / "a" / "*" / "t*.jpg") == [three]
    nothing = imgsim("media", "list", tmp_path / "a" / "b" / "o")
    assert nothing.code == 1
    assert f"{tmp_path / 'a' / 'b' / 'o'}: not in the gallery" in nothing.err
    assert imgsim("media", "list", one, "missing").code == 4

    forgotten = imgsim("forget", tmp_path / "a" / "b")
    assert (forgotten.code, forgotten.err) == (0, "")
    assert forgotten.out == "2 paths forgotten; 2 media deleted, with 2 frames\n"
    assert listed(imgsim) == [three]


def test_one_media_is_shown_with_its_paths_and_coverage(
    imgsim: Imgsim, sample: Path, tmp_path: Path
) -> None:
    copy = tmp_path / "copy.mp4"
    shutil.copyfile(sample, copy)
    for every in ("44", "66"):
        imgsim("ingest", sample, copy, "--every", every)
    (media,) = imgsim("media", "show", copy, "--format", "json").json()
    assert [place["path"] for place in media["paths"]] == [str(sample), str(copy)]
    assert [(each["sampling"], each["embedded"]) for each in media["coverage"]] == [
        ("every=44", 3),
        ("every=66", 2),
    ]
    assert media["coverage"][0]["completed_at"] <= media["coverage"][1]["completed_at"]
    said = imgsim("media", "show", sample).out
    for fact in (str(copy), "every=44", "efficientnet_lite0", media["content_id"], "132"):
        assert fact in said
    folder = imgsim("media", "show", tmp_path)
    assert (folder.code, folder.out) == (1, "")
    assert "imgsim media list" in folder.err
    missing = imgsim("media", "show", tmp_path / "missing.mp4")
    assert missing.code == 1
    assert "missing.mp4: not in the gallery" in missing.err


def test_what_is_forgotten_is_never_found_again(
    imgsim: Imgsim, session: Session, photos: list[Path], picture: Path
) -> None:
    imgsim("ingest", *photos)
    assert imgsim("index", "rebuild").code == 0
    one, two, three = photos
    assert imgsim("forget", one).code == 0
    assert _found(imgsim, picture) == {str(two), str(three)}
    assert counted(session) == (2, 2, 2, 2)
    again = imgsim("ingest", one, "--format", "json").json()["media"][0]
    assert again["action"] == "ingested"
    assert _found(imgsim, picture) == set(map(str, photos))


def test_a_media_goes_with_its_last_path(
    imgsim: Imgsim, session: Session, photos: list[Path], tmp_path: Path
) -> None:
    one, copy = photos[0], tmp_path / "copy.jpg"
    shutil.copyfile(one, copy)
    imgsim("ingest", one, copy)
    assert imgsim("forget", one).out == "1 path forgotten; 0 media deleted, with 0 frames\n"
    assert _found(imgsim, one) == {str(copy)}
    assert imgsim("forget", copy).out == "1 path forgotten; 1 media deleted, with 1 frame\n"
    assert counted(session) == (0, 0, 0, 0)


def test_files_that_are_gone_are_forgotten_by_pattern(
    imgsim: Imgsim, photos: list[Path], tmp_path: Path
) -> None:
    one, two, three = photos
    hidden = tmp_path / "a" / "b" / ".hidden.jpg"
    shutil.copyfile(one, hidden)
    imgsim("ingest", tmp_path)
    shutil.rmtree(tmp_path / "a")
    assert imgsim("forget", tmp_path / "a" / "b" / "*.png").code == 1
    assert imgsim("forget", tmp_path / "a" / "b" / "*.jpg").code == 0
    assert listed(imgsim) == sorted(map(str, [hidden, two, three]))
    some = imgsim("forget", tmp_path / "**" / "t*.jpg", tmp_path / "missing", hidden)
    assert some.code == 4
    assert some.out.startswith("3 paths forgotten; 3 media")
    assert f"{tmp_path / 'missing'}: not in the gallery" in some.err


def test_a_path_that_was_saved_anew_is_forgotten_with_all_it_held(
    imgsim: Imgsim, session: Session, photos: list[Path], picture: Path
) -> None:
    one = photos[0]
    imgsim("ingest", one)
    cropped(picture, one, 50)
    imgsim("ingest", one)
    lines = imgsim("media", "list", "--format", "json").json()
    assert [line["is_current"] for line in lines] == [True, False]
    assert "saved anew" in imgsim("media", "list").out
    new, old = imgsim("media", "show", one, "--format", "json").json()
    assert [new["content_id"], old["content_id"]] == [line["content_id"] for line in lines]
    assert imgsim("forget", one).out == "1 path forgotten; 2 media deleted, with 2 frames\n"
    assert counted(session) == (0, 0, 0, 0)


def test_paths_of_another_machine_stay_and_keep_the_media(
    imgsim: Imgsim, session: Session, photos: list[Path], tmp_path: Path
) -> None:
    one, copy = photos[0], tmp_path / "copy.jpg"
    shutil.copyfile(one, copy)
    imgsim("ingest", one, copy)
    place = schema.media_path
    with session.connect() as connection:
        connection.execute(
            place.update()
            .where(place.c.path_raw == os.fsencode(copy))
            .values(host="elsewhere", path_raw=b"/gone/copy.jpg")
        )
    assert "/gone/copy.jpg on elsewhere" in imgsim("media", "list").out
    assert imgsim("forget", "/gone").code == 1
    assert imgsim("forget", one).out == "1 path forgotten; 0 media deleted, with 0 frames\n"
    assert imgsim("prune", "--yes").out == ""
    assert counted(session)[:3] == (1, 1, 1)


@pytest.mark.skipif(sys.platform != "linux", reason="other systems refuse such names")
def test_names_that_are_no_text(imgsim: Imgsim, photos: list[Path]) -> None:
    strange, other = (photos[0].with_name(os.fsdecode(name)) for name in (b"\xff.jpg", b"\xfe.jpg"))
    shutil.copyfile(photos[0], strange)
    shutil.copyfile(photos[1], other)
    imgsim("ingest", strange, other)
    for form in ("table", "json", "csv"):
        assert imgsim("media", "list", "--format", form).code == 0
    assert imgsim("media", "show", strange).code == 0
    assert imgsim("forget", strange).code == 0
    (left,) = imgsim("media", "list", other, "--format", "json").json()
    assert left["path"].endswith("\ufffd.jpg")
    other.unlink()
    assert imgsim("prune", "--yes").code == 0
    assert listed(imgsim) == []


def test_a_file_that_was_moved(imgsim: Imgsim, photos: list[Path], tmp_path: Path) -> None:
    one, moved = photos[0], tmp_path / "moved.jpg"
    imgsim("ingest", *photos)
    one.rename(moved)
    assert imgsim("ingest", moved, "--format", "json").json()["media"][0]["action"] == "unchanged"
    ran = imgsim("prune", "--yes")
    assert ran.code == 0
    assert ran.out == f"gone: {one}\n1 path forgotten; 0 media deleted, with 0 frames\n"
    assert listed(imgsim) == sorted(map(str, [moved, *photos[1:]]))
    assert str(moved) in _found(imgsim, moved)
