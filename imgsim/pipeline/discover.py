"""From what was typed to a list of files."""

from __future__ import annotations

import glob
import os
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path

from imgsim.errors import MediaError, MediaNotFound, SpecialFile, UnsupportedMedia
from imgsim.sources import SUFFIXES

_SPECIAL = "is no file but a pipe, socket or device; reading it could wait forever"


def discover(inputs: Iterable[str]) -> Iterator[Path | MediaError]:
    """Files to ingest, each once, as absolute paths with symbolic links kept.

    A file is taken whatever its name. A folder is walked recursively and gives the files whose
    suffix is a media's, in order of name, and a SpecialFile for each pipe or device of that kind.
    What does not exist is taken for a glob pattern (`**` spans folders). An input that leads to
    nothing yields the error that says so.
    """
    seen: set[Path] = set()
    for given in inputs:
        for found in _expand(given):
            if isinstance(found, MediaError):
                yield found
            elif found not in seen:
                seen.add(found)
                yield found


def _expand(given: str) -> Iterator[Path | MediaError]:
    path = absolute(given)
    try:
        mode = path.stat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        yield from _match(given)
    except OSError as error:  # a closed folder, a name that is too long
        yield MediaNotFound(path, f"cannot be read: {error.strerror}")
    else:
        yield from _walk(path) if stat.S_ISDIR(mode) else [path]


def _match(pattern: str) -> Iterator[Path | MediaError]:
    if not glob.has_magic(pattern):
        yield MediaNotFound(absolute(pattern), "no such file or folder; check the spelling")
        return
    matches = sorted(_glob(pattern))
    if not matches:
        yield MediaNotFound(absolute(pattern), "no file matches this pattern; check the spelling")
    for match in matches:
        yield from _walk(absolute(match)) if os.path.isdir(match) else [absolute(match)]  # noqa: PTH112 - Path.is_dir raises where a folder is closed


def _glob(pattern: str) -> list[str]:
    return glob.glob(pattern, recursive=True)  # noqa: PTH207 - Path.glob takes no absolute pattern


def _walk(folder: Path) -> Iterator[Path | MediaError]:
    empty = True
    unreadable: list[OSError] = []
    for root, folders, files in os.walk(folder, onerror=unreadable.append):
        folders.sort()
        for name in sorted(files):
            if Path(name).suffix.lower() in SUFFIXES:
                empty = False
                path = Path(root, name)
                yield SpecialFile(path, _SPECIAL) if _is_special(path) else path
    for error in unreadable:
        yield MediaNotFound(Path(error.filename), f"cannot be read: {error.strerror}")
    if empty and not unreadable:
        yield UnsupportedMedia(
            folder, "the folder holds no image or video (links to other folders are not followed)"
        )


def _is_special(path: Path) -> bool:
    try:
        mode = path.stat().st_mode
    except OSError:  # whoever opens it will say why it cannot be read
        return False
    return not (stat.S_ISREG(mode) or stat.S_ISDIR(mode))


def absolute(given: str | Path) -> Path:
    """The absolute path, without following symbolic links."""
    return Path(os.path.abspath(given))  # noqa: PTH100 - Path.resolve would follow the links
