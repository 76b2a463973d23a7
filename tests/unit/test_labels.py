"""Labels: read from folders, from lists of groups and of pairs, and what is said of wrong ones."""

from __future__ import annotations

from pathlib import Path

import pytest

from imgsim.errors import InvalidArgument, MediaError
from imgsim.pipeline.labels import (
    LabelKind,
    Labels,
    read_folders,
    read_groups,
    read_labels,
    read_pairs,
)


def touch(root: Path, *names: str) -> None:
    """Make empty files; labels never look into them."""
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()


def written(path: Path, text: str | bytes) -> str:
    """Write a list and give its path as it would be typed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return str(path)


def relevant(labels: Labels, root: Path) -> dict[str, set[str]]:
    """What each query should find, relative to a folder."""
    return {
        path.relative_to(root).as_posix(): {
            other.relative_to(root).as_posix() for other in labels.relevant(path)
        }
        for path in labels.queries
    }


def test_the_folder_of_a_file_is_its_class(tmp_path: Path) -> None:
    """A folder within a folder is another class, a file in the root has none, text is no media."""
    touch(tmp_path, "cat/1.jpg", "cat/2.png", "cat/black/1.jpg", "cat/black/2.mp4", "dog/1.jpg")
    touch(tmp_path, "lone.jpg", "cat/notes.txt")
    labels = read_folders([str(tmp_path)])
    assert labels.kind is LabelKind.FOLDERS
    assert labels.groups[tmp_path / "cat" / "black" / "1.jpg"] == {"cat/black"}
    assert relevant(labels, tmp_path) == {
        "cat/1.jpg": {"cat/2.png"},
        "cat/2.png": {"cat/1.jpg"},
        "cat/black/1.jpg": {"cat/black/2.mp4"},
        "cat/black/2.mp4": {"cat/black/1.jpg"},
    }
    assert labels.without_group == {tmp_path / "lone.jpg"}
    assert tmp_path / "cat" / "notes.txt" not in labels.paths
    assert len(labels.paths) == 6
    assert labels.notes == (
        f"1 file left out: directly in {tmp_path}, and so of no class.",
        "1 file not asked: alone in their group, with nothing to find.",
    )


def test_two_roots_share_their_classes(tmp_path: Path) -> None:
    """`train` and `test` are usually two folders with the same names in them."""
    touch(tmp_path, "train/cat/1.jpg", "test/cat/9.jpg", "test/dog/1.jpg")
    labels = read_folders([str(tmp_path / "train"), str(tmp_path / "test")])
    assert relevant(labels, tmp_path) == {
        "test/cat/9.jpg": {"train/cat/1.jpg"},
        "train/cat/1.jpg": {"test/cat/9.jpg"},
    }


def test_a_root_within_a_root_leaves_its_files_their_class(tmp_path: Path) -> None:
    """They lie directly in one of the roots, but not in the other."""
    touch(tmp_path, "cat/1.jpg", "cat/2.jpg")
    labels = read_folders([str(tmp_path), str(tmp_path / "cat")])
    assert len(labels.queries) == 2
    assert labels.without_group == frozenset()


def test_links_are_kept(tmp_path: Path) -> None:
    """The gallery knows files by the path they were given, links not followed."""
    touch(tmp_path, "store/cat/1.jpg", "store/cat/2.jpg")
    (tmp_path / "link").symlink_to(tmp_path / "store")
    labels = read_folders([str(tmp_path / "link")])
    assert tmp_path / "link" / "cat" / "1.jpg" in labels.queries


def test_folders_that_label_nothing_are_refused(tmp_path: Path) -> None:
    """A file, no folder at all, an empty one, one without classes, one with a file a class."""
    touch(tmp_path, "flat/1.jpg", "flat/2.jpg", "thin/a/1.jpg", "thin/b/1.jpg")
    (tmp_path / "empty").mkdir()
    for root, message in [
        ("flat/1.jpg", "is no folder"),
        ("nowhere", "is no folder"),
        ("empty", "only 0 files directly"),
        ("flat", "only 2 files directly in it; put the files of each class"),
        ("thin", r"has two files \(groups: 2\)"),
    ]:
        with pytest.raises(InvalidArgument, match=message):
            read_folders([str(tmp_path / root)])


def test_a_folder_that_cannot_be_used_is_passed_on(tmp_path: Path) -> None:
    """An empty second root does not end the reading of the first."""
    touch(tmp_path, "full/cat/1.jpg", "full/cat/2.jpg")
    (tmp_path / "empty").mkdir()
    labels = read_folders([str(tmp_path / "full"), str(tmp_path / "empty")])
    assert len(labels.queries) == 2
    (failed,) = labels.failed
    assert isinstance(failed, MediaError)
    assert failed.path == tmp_path / "empty"


def test_a_file_may_be_in_several_groups(tmp_path: Path) -> None:
    """It should find the others of all of them, each once; further columns are ignored."""
    listed = written(
        tmp_path / "groups.tsv",
        "a.jpg\tcats\tx\nb.jpg\tcats\nb.jpg\tblack\t\nc.jpg\tblack\na.jpg\tcats\n\nd.jpg\talone\n",
    )
    labels = read_groups(listed)
    assert relevant(labels, tmp_path) == {
        "a.jpg": {"b.jpg"},
        "b.jpg": {"a.jpg", "c.jpg"},
        "c.jpg": {"b.jpg"},
    }
    assert labels.members["cats"] == {tmp_path / "a.jpg", tmp_path / "b.jpg"}
    assert labels.relevant(tmp_path / "unknown.jpg") == frozenset()
    assert labels.notes == ("1 file not asked: alone in their group, with nothing to find.",)


def test_distractors_are_of_no_group(tmp_path: Path) -> None:
    """They are in the way of the others, and are neither asked nor to be found."""
    listed = written(
        tmp_path / "groups.tsv",
        "file\tgroup\na.jpg\tg\nb.jpg\tg\nx.jpg\tdistractor\ny.jpg\tDistractor\n",
    )
    labels = read_groups(listed)
    assert [path.name for path in labels.queries] == ["a.jpg", "b.jpg"]
    assert labels.without_group == {tmp_path / "x.jpg", tmp_path / "y.jpg"}
    assert labels.relevant(tmp_path / "x.jpg") == frozenset()
    assert tmp_path / "x.jpg" in labels.paths
    assert labels.notes == ("2 files marked 'distractor', and so of no group.",)


@pytest.mark.parametrize("heading", ["file\tgroup", "Path\tlabel", "a\tb", "query\tgroup"])
def test_headings_are_recognised(tmp_path: Path, heading: str) -> None:
    """By their first cell. Without one the first line is data."""
    lines = "1.jpg\tg\n2.jpg\tg\n"
    with_heading = read_groups(written(tmp_path / "with.tsv", f"{heading}\n{lines}"))
    without = read_groups(written(tmp_path / "without.tsv", lines))
    assert with_heading.groups == without.groups
    assert len(without.groups) == 2


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("plain.tsv", "one, two.jpg\tg\nä.jpg\tg\n"),
        ("windows.txt", "file\tgroup\r\none, two.jpg\tg\r\nä.jpg\tg"),
        ("marked.tsv", "\ufefffile\tgroup\none, two.jpg\tg\nä.jpg\tg\n"),
        ("sheet.tsv", '"file"\t"group"\n"one, two.jpg"\tg\nä.jpg\t"g"\n'),
        ("comma.csv", 'file,group\n"one, two.jpg",g\nä.jpg, g \n'),
        ("COMMA.CSV", '"one, two.jpg",g,more\nä.jpg,g\n'),
    ],
)
def test_every_form_of_a_list_is_read(tmp_path: Path, name: str, text: str) -> None:
    """Tabs, commas, quotes, line ends and marks as spreadsheets and editors write them."""
    labels = read_groups(written(tmp_path / name, text))
    assert labels.groups == {tmp_path / "one, two.jpg": {"g"}, tmp_path / "ä.jpg": {"g"}}
    assert labels.source == str(tmp_path / name)


def test_a_quote_within_a_name_is_a_quote(tmp_path: Path) -> None:
    """Only quotes around a whole cell are taken off."""
    labels = read_groups(written(tmp_path / "l.tsv", '"5"" disk.jpg"\tg\n"x".jpg\tg\n'))
    assert {path.name for path in labels.groups} == {'5" disk.jpg', '"x".jpg'}


def test_paths_start_from_the_list_or_from_a_folder_above(tmp_path: Path) -> None:
    """The nearest in which a listed file exists; absolute ones are taken as they are."""
    lines = f"set/1.jpg\tg\nset/../set/2.jpg\tg\n{tmp_path}/elsewhere/3.jpg\tg\n"
    listed = written(tmp_path / "data" / "set" / "groups.tsv", lines)
    own, above = tmp_path / "data" / "set", tmp_path / "data"
    far = tmp_path / "elsewhere" / "3.jpg"
    nowhere = read_groups(listed)
    assert set(nowhere.groups) == {own / "set" / "1.jpg", own / "set" / "2.jpg", far}
    touch(above, "set/2.jpg")
    assert set(read_groups(listed).groups) == {
        above / "set" / "1.jpg",
        above / "set" / "2.jpg",
        far,
    }
    touch(own, "set/1.jpg")
    assert set(read_groups(listed).groups) == set(nowhere.groups)


def test_pairs_go_both_ways(tmp_path: Path) -> None:
    """A pair named twice is one pair; being paired does not spread from one to the next."""
    lines = "file\tcopy_of\toffset\na.jpg\tb.jpg\t1\nb.jpg\ta.jpg\nb.jpg\tc.mp4\n"
    labels = read_pairs(written(tmp_path / "pairs.tsv", lines))
    assert relevant(labels, tmp_path) == {
        "a.jpg": {"b.jpg"},
        "b.jpg": {"a.jpg", "c.mp4"},
        "c.mp4": {"b.jpg"},
    }
    assert labels.kind is LabelKind.PAIRS
    assert labels.notes == ()


def test_pairs_below_query_go_one_way(tmp_path: Path) -> None:
    """The second file is in the gallery to be found, and is not asked."""
    lines = "query,relevant\nq.jpg,a.jpg\nq.jpg,b.jpg\n"
    labels = read_pairs(written(tmp_path / "pairs.csv", lines))
    assert relevant(labels, tmp_path) == {"q.jpg": {"a.jpg", "b.jpg"}}
    assert {path.name for path in labels.paths} == {"q.jpg", "a.jpg", "b.jpg"}


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("l.tsv", "a.jpg\tg\n\nb.jpg g\n", r"l\.tsv, line 3: one column, 'b\.jpg g'; .* a tab"),
        ("l.tsv", "a.jpg,g\n", r"line 1: one column, 'a\.jpg,g'"),
        ("l.csv", "a.jpg,g\nb.jpg;g\n", r"line 2: one column, 'b\.jpg;g'; .* a comma"),
        ("l.csv", 'a.jpg,g\n"b.jpg,g\n', r"line 2: .*\"b\.jpg,g"),
        ("l.tsv", "a.jpg\tg\nb.jpg\t \n", "line 2: an empty cell"),
        ("l.tsv", "\tg\n", "line 1: an empty cell"),
        ("l.tsv", b"a.jpg\tg\nb\xe4r.jpg\tg\n", r"line 2: the byte 0xe4 .* UTF-8"),
        ("l.tsv", "a.jpg\tg\n".encode("utf-16"), r"line 1: the byte 0xff .* UTF-8"),
        ("l.tsv", "a.jpg\tg\n".encode("utf-16-le"), "line 1: a zero byte"),
        ("l.tsv", "", "no (file|pair); write"),
        ("l.tsv", "\n  \n", "no (file|pair); write"),
        ("l.tsv", "file\tgroup\n", "no (file|pair); write"),
    ],
)
def test_what_cannot_be_understood_is_named_with_its_line(
    tmp_path: Path, name: str, text: str | bytes, message: str
) -> None:
    """Groups and pairs say it alike: the list, the line, and what was found there."""
    listed = written(tmp_path / name, text)
    for read in (read_groups, read_pairs):
        with pytest.raises(InvalidArgument, match=message) as error:
            read(listed)
        assert listed in str(error.value)


def test_lists_that_are_none(tmp_path: Path) -> None:
    """A missing file, a folder, groups of one file each, distractors only, a file and itself."""
    with pytest.raises(InvalidArgument, match=r"missing\.tsv cannot be read: No such file"):
        read_groups(str(tmp_path / "missing.tsv"))
    with pytest.raises(InvalidArgument, match="two paths a line"):
        read_pairs(str(tmp_path))
    for lines, groups in [("a.jpg\tg\nb.jpg\th\na.jpg\tg\n", 2), ("a.jpg\tdistractor\n", 0)]:
        with pytest.raises(InvalidArgument, match=rf"has two files \(groups: {groups}\)"):
            read_groups(written(tmp_path / "single.tsv", lines))
    lines = "a.jpg\tb.jpg\nb.jpg\tx/../b.jpg\n"
    with pytest.raises(InvalidArgument, match=r"line 2: .*b\.jpg is paired with itself"):
        read_pairs(written(tmp_path / "self.tsv", lines))


def test_the_kind_picks_the_reader(tmp_path: Path) -> None:
    """Several folders may be given, and one list."""
    touch(tmp_path, "cat/1.jpg", "cat/2.jpg")
    listed = written(tmp_path / "list.tsv", "cat/1.jpg\tcat/2.jpg\nother.jpg\tcat/2.jpg\n")
    assert read_labels(LabelKind.FOLDERS, [str(tmp_path)]) == read_folders([str(tmp_path)])
    assert read_labels(LabelKind.GROUPS, [listed]) == read_groups(listed)
    assert read_labels(LabelKind.PAIRS, [listed]) == read_pairs(listed)
    with pytest.raises(InvalidArgument, match="2 lists of groups were given"):
        read_labels(LabelKind.GROUPS, [listed, listed])


def test_real_lists(shared: Path) -> None:
    """Groups below their own list's folder, with distractors; photos with two levels of labels."""
    labels = read_groups(str(shared / "retrieval" / "groups.tsv"))
    bridge = shared / "retrieval" / "bridge" / "aaa-orig.jpg"
    assert bridge.is_file()
    assert all(path.is_file() for path in labels.paths)
    assert len(labels.relevant(bridge)) == 18
    assert len(labels.without_group) == 5
    assert len(labels.queries) == sum(len(paths) for paths in labels.members.values())
    photos = read_groups(str(shared / "photos" / "labels.tsv"))
    assert all(path.is_file() for path in photos.paths)
    folders = read_folders([str(shared / "photos")])
    assert set(folders.members) >= {"grocery", "imagenette160", "pixabay"}
    pairs = read_pairs(str(shared / "videos" / "video_pairs.tsv"))
    assert any(path.is_file() for path in pairs.queries)
