"""From what was typed to files."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from imgsim.domain import MediaStatus
from imgsim.errors import MediaNotFound, SpecialFile, UnsupportedMedia
from imgsim.pipeline.discover import discover
from imgsim.pipeline.job import refused


def _touch(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()


def test_a_folder_gives_the_media_below_it_in_order(tmp_path: Path) -> None:
    _touch(tmp_path, "b.JPG", "a.mp4", "notes.txt", "sub/deep/c.png", "sub/d.webp")
    found = list(discover([str(tmp_path)]))
    assert found == [tmp_path / name for name in ("a.mp4", "b.JPG", "sub/d.webp", "sub/deep/c.png")]


def test_a_named_file_is_taken_whatever_its_suffix_and_only_once(tmp_path: Path) -> None:
    _touch(tmp_path, "scan.dat")
    given = str(tmp_path / "scan.dat")
    assert list(discover([given, given, str(tmp_path / "." / "scan.dat")])) == [Path(given)]


def test_globs_are_expanded(tmp_path: Path) -> None:
    _touch(tmp_path, "x1.jpg", "x2.jpg", "y.jpg", "sub/x3.jpg")
    assert list(discover([f"{tmp_path}/x*.jpg"])) == [tmp_path / "x1.jpg", tmp_path / "x2.jpg"]
    assert list(discover([f"{tmp_path}/su*"])) == [tmp_path / "sub/x3.jpg"]
    assert tmp_path / "sub/x3.jpg" in list(discover([f"{tmp_path}/**/*.jpg"]))


def test_a_file_whose_name_looks_like_a_pattern_is_a_file(tmp_path: Path) -> None:
    _touch(tmp_path, "a[1].jpg", "a1.jpg")
    assert list(discover([str(tmp_path / "a[1].jpg")])) == [tmp_path / "a[1].jpg"]


@pytest.mark.parametrize("given", ["missing.jpg", "no*match.jpg"])
def test_what_leads_nowhere_is_an_error_that_names_it(tmp_path: Path, given: str) -> None:
    (error,) = discover([str(tmp_path / given)])
    assert isinstance(error, MediaNotFound)
    assert given in str(error)


def test_a_folder_without_media_is_an_error(tmp_path: Path) -> None:
    _touch(tmp_path, "notes.txt")
    (error,) = discover([str(tmp_path)])
    assert isinstance(error, UnsupportedMedia)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
def test_a_pipe_in_a_folder_is_told_apart_from_files(tmp_path: Path) -> None:
    _touch(tmp_path, "a.jpg")
    os.mkfifo(tmp_path / "pipe.jpg")
    found, special = discover([str(tmp_path)])
    assert found == tmp_path / "a.jpg"
    assert isinstance(special, SpecialFile)
    assert special.path == tmp_path / "pipe.jpg"
    assert refused(special).status is MediaStatus.SKIPPED


def test_folders_that_lead_back_to_themselves_come_to_an_end(tmp_path: Path) -> None:
    _touch(tmp_path, "sub/a.jpg")
    (tmp_path / "sub" / "loop").symlink_to(tmp_path)
    assert list(discover([str(tmp_path)])) == [tmp_path / "sub" / "a.jpg"]


def test_symbolic_links_are_kept(tmp_path: Path) -> None:
    _touch(tmp_path, "real.jpg")
    (tmp_path / "link.jpg").symlink_to(tmp_path / "real.jpg")
    assert list(discover([str(tmp_path / "link.jpg")])) == [tmp_path / "link.jpg"]


@pytest.mark.skipif(sys.platform != "linux", reason="other systems refuse such names")
def test_names_that_are_not_utf8_are_found(tmp_path: Path) -> None:
    name = os.fsencode(tmp_path) + b"/\xff.jpg"
    os.close(os.open(name, os.O_CREAT))
    (found,) = discover([str(tmp_path)])
    assert isinstance(found, Path)
    assert os.fsencode(found) == name
