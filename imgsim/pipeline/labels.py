"""Labels: which files belong together, told by their folders, or by a list of groups or pairs.

A list is UTF-8 text. Cells of a `.csv` are separated by commas, of any other file by tabs; a cell
may stand in double quotes. A first line of headings is recognised by its first cell: `file`,
`path`, `a` or `query`. Relative paths start from the list's own folder, or from the nearest folder
above it in which any of the listed files exists: data sets often keep a list within, with paths
from the top.
"""

from __future__ import annotations

import codecs
import csv
import os
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from imgsim.errors import InvalidArgument, MediaError
from imgsim.pipeline.discover import absolute, discover

_HEADINGS = frozenset({"file", "path", "a", "query"})
_ONE_WAY = "query"  # the heading of pairs that are asked in one direction only
_NO_GROUP = "distractor"  # in place of a group: belongs to nothing, and should not be found


class LabelKind(StrEnum):
    """Where labels come from."""

    FOLDERS = "folders"  # files of one folder belong together
    GROUPS = "groups"  # a list of files, each with its group
    PAIRS = "pairs"  # a list of two files a line


@dataclass(frozen=True, kw_only=True, slots=True)
class Labels:
    """Which files belong together. Paths are absolute, with symbolic links kept."""

    kind: LabelKind
    source: str  # the folders or the list, for people
    groups: Mapping[Path, frozenset[str]]  # by file, each of one group or more; empty for pairs
    pairs: Mapping[Path, frozenset[Path]]  # what a file should find; empty unless pairs
    members: Mapping[str, frozenset[Path]]  # the files of each group; empty for pairs
    without_group: frozenset[Path]  # named as distractors, or directly in a root folder
    failed: tuple[MediaError, ...]  # what could not be looked into

    @property
    def paths(self) -> frozenset[Path]:
        """Every file that the labels name, those without a group too."""
        paired = frozenset(self.pairs).union(*self.pairs.values())
        return paired | self.groups.keys() | self.without_group

    @property
    def queries(self) -> tuple[Path, ...]:
        """The files that have something to find, in order."""
        return tuple(sorted(path for path in self.groups.keys() | self.pairs if self._finds(path)))

    @property
    def notes(self) -> tuple[str, ...]:
        """Sentences about files that are in the labels and are no queries."""
        alone = sum(1 for path in self.groups if not self._finds(path))
        said = []
        if self.without_group and self.kind is LabelKind.FOLDERS:
            left_out = _files(len(self.without_group))
            said.append(f"{left_out} left out: directly in {self.source}, and so of no class.")
        elif self.without_group:
            said.append(
                f"{_files(len(self.without_group))} marked '{_NO_GROUP}', and so of no group."
            )
        if alone:
            said.append(f"{_files(alone)} not asked: alone in their group, with nothing to find.")
        return tuple(said)

    def relevant(self, path: Path) -> frozenset[Path]:
        """What a file should find: the others of its groups, or those it is paired with."""
        others = (self.members[group] for group in self.groups.get(path, ()))
        return self.pairs.get(path, frozenset()).union(*others) - {path}

    def _finds(self, path: Path) -> bool:
        """Whether `relevant` holds anything, without making the set: classes may be large."""
        grouped = any(len(self.members[group]) > 1 for group in self.groups.get(path, ()))
        return grouped or path in self.pairs


def read_labels(kind: LabelKind, sources: Sequence[str]) -> Labels:
    """Read labels of one kind: several folders, or one list.

    Raises:
        InvalidArgument: as read_folders, read_groups and read_pairs.
    """
    if kind is LabelKind.FOLDERS:
        return read_folders(sources)
    if len(sources) != 1:
        raise InvalidArgument(f"{len(sources)} lists of {kind} were given; give one.")
    return (read_groups if kind is LabelKind.GROUPS else read_pairs)(sources[0])


def read_folders(roots: Sequence[str]) -> Labels:
    """Take the folder that a file lies in for its class.

    The name of a class is the folder's path below the root, so that `train` and `test`, given as
    two roots, have the same classes. Files directly in a root have none.

    Raises:
        InvalidArgument: a root is no folder or holds no media, or no class has two files.
    """
    folders = [absolute(root) for root in roots]
    groups: dict[Path, set[str]] = defaultdict(set)
    failed: list[MediaError] = []
    without: set[Path] = set()
    for folder in folders:
        if not folder.is_dir():
            raise InvalidArgument(f"{folder} is no folder; name one that holds a folder per class.")
        for found in discover([str(folder)]):
            if isinstance(found, MediaError):
                failed.append(found)
            elif found.parent == folder:
                without.add(found)
            else:
                groups[found].add(found.parent.relative_to(folder).as_posix())
    source = ", ".join(map(str, folders))
    if not groups:
        raise InvalidArgument(
            f"There are no folders of media in {source}, only {_files(len(without))} directly in "
            "it; put the files of each class into a folder of their own."
        )
    return _grouped(LabelKind.FOLDERS, source, groups, without - groups.keys(), failed)


def read_groups(given: str) -> Labels:
    """Read a list of files with their groups: a path, a tab and a group a line.

    A file may be on several lines, in several groups. The group `distractor` means none. More
    columns are ignored.

    Raises:
        InvalidArgument: the list cannot be read or understood, or no group has two files.
    """
    file = absolute(given)
    rows = list(_rows(file, "a path and a group"))
    if rows and rows[0][1][0].casefold() in _HEADINGS:
        del rows[0]
    if not rows:
        raise InvalidArgument(f"{file} lists no file; write a path, a tab and a group a line.")
    base = _base(file, (cells[0] for _, cells in rows))
    groups: dict[Path, set[str]] = defaultdict(set)
    without: set[Path] = set()
    for _number, (path, group) in rows:
        if group.casefold() == _NO_GROUP:
            without.add(absolute(base / path))
        else:
            groups[absolute(base / path)].add(group)
    return _grouped(LabelKind.GROUPS, str(file), groups, without - groups.keys(), [])


def read_pairs(given: str) -> Labels:
    """Read a list of pairs: two paths a line, each of which should find the other.

    Below the heading `query`, only the first should find the second. More columns are ignored.

    Raises:
        InvalidArgument: the list cannot be read or understood, or pairs a file with itself.
    """
    file = absolute(given)
    rows = list(_rows(file, "two paths"))
    heading = rows[0][1][0].casefold() if rows else ""
    if heading in _HEADINGS:
        del rows[0]
    if not rows:
        raise InvalidArgument(f"{file} lists no pair; write two paths, with a tab between, a line.")
    base = _base(file, (cell for _, cells in rows for cell in cells))
    pairs: dict[Path, set[Path]] = defaultdict(set)
    for number, cells in rows:
        one, other = (absolute(base / cell) for cell in cells)
        if one == other:
            raise InvalidArgument(f"{file}, line {number}: {one} is paired with itself.")
        pairs[one].add(other)
        if heading != _ONE_WAY:
            pairs[other].add(one)
    return Labels(
        kind=LabelKind.PAIRS,
        source=str(file),
        groups={},
        pairs={path: frozenset(others) for path, others in pairs.items()},
        members={},
        without_group=frozenset(),
        failed=(),
    )


def _grouped(
    kind: LabelKind,
    source: str,
    groups: Mapping[Path, set[str]],
    without: Iterable[Path],
    failed: Iterable[MediaError],
) -> Labels:
    members: dict[str, set[Path]] = defaultdict(set)
    for path, names in groups.items():
        for name in names:
            members[name].add(path)
    if all(len(paths) < 2 for paths in members.values()):
        raise InvalidArgument(
            f"No group of {source} has two files (groups: {len(members)}), so that there is "
            "nothing to find; files that belong together need the same group."
        )
    return Labels(
        kind=kind,
        source=source,
        groups={path: frozenset(names) for path, names in groups.items()},
        pairs={},
        members={name: frozenset(paths) for name, paths in members.items()},
        without_group=frozenset(without),
        failed=tuple(failed),
    )


def _rows(file: Path, wanted: str) -> Iterator[tuple[int, tuple[str, str]]]:
    """The first two cells of every line that is not empty, with the line's number from 1."""
    try:
        with file.open("rb") as lines:
            for number, line in enumerate(lines, start=1):
                where = f"{file}, line {number}"
                text = _decoded(line, where)
                if text.strip():
                    yield number, _two_cells(text, file.suffix.lower() == ".csv", where, wanted)
    except OSError as error:
        raise InvalidArgument(
            f"{file} cannot be read: {error.strerror}; name a file with {wanted} a line."
        ) from error


def _decoded(line: bytes, where: str) -> str:
    try:
        text = line.removeprefix(codecs.BOM_UTF8).decode().rstrip("\r\n")
    except UnicodeDecodeError as error:
        byte = error.object[error.start]
        raise InvalidArgument(
            f"{where}: the byte 0x{byte:02x} is not UTF-8 text; save the list as UTF-8."
        ) from error
    if "\0" in text:
        raise InvalidArgument(f"{where}: a zero byte is no text; save the list as UTF-8.")
    return text


def _two_cells(text: str, is_csv: bool, where: str, wanted: str) -> tuple[str, str]:
    if is_csv:
        try:
            (cells,) = csv.reader([text], strict=True, skipinitialspace=True)
        except csv.Error as error:
            raise InvalidArgument(f"{where}: {error}, in: {text}") from error
    else:
        cells = [_unquoted(cell) for cell in text.split("\t")]
    separator = "a comma" if is_csv else "a tab"
    if len(cells) < 2:
        raise InvalidArgument(
            f"{where}: one column, '{text}'; {wanted} are needed, with {separator} between."
        )
    first, second = cells[0], cells[1].strip()
    if not first.strip() or not second:
        raise InvalidArgument(f"{where}: an empty cell, in '{text}'; {wanted} are needed.")
    return first, second


def _unquoted(cell: str) -> str:
    """A cell without the quotes that spreadsheets put around text with commas in it."""
    if len(cell) > 1 and cell[0] == cell[-1] == '"':
        return cell[1:-1].replace('""', '"')
    return cell


def _base(file: Path, cells: Iterable[str]) -> Path:
    """The folder that relative paths of a list start from."""
    relative = [cell for cell in dict.fromkeys(cells) if not Path(cell).is_absolute()]
    for folder in file.parents:
        if any(os.path.exists(folder / cell) for cell in relative):  # noqa: PTH110 - Path.exists raises where a folder is closed
            return folder
    return file.parent


def _files(count: int) -> str:
    return f"{count:,} file{'' if count == 1 else 's'}"
