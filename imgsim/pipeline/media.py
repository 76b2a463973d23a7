"""What the gallery holds, and taking it out again. Paths are those stored: no file is needed."""

from __future__ import annotations

import glob
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Protocol, TypeVar

from imgsim.domain import MediaDescription, MediaLine, MediaStatus, Removal
from imgsim.errors import MediaError, MediaNotFound
from imgsim.pipeline.discover import absolute
from imgsim.store import holdings, removal
from imgsim.store.engine import Session
from imgsim.store.removal import PathHere


class _HasPath(Protocol):
    @property
    def path(self) -> str: ...


_Stored = TypeVar("_Stored", bound=_HasPath)


@dataclass(frozen=True, kw_only=True, slots=True)
class MediaList:
    """Paths of the gallery, and the inputs that lead to none."""

    lines: tuple[MediaLine, ...]
    failed: tuple[MediaError, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class ForgetReport:
    """What was forgotten, and what could not be."""

    removed: Removal
    failed: tuple[MediaError, ...]


def list_media(
    session: Session, inputs: Sequence[str], status: MediaStatus | None = None
) -> MediaList:
    """The paths of all machines, each with what lies there.

    Args:
        session: the database.
        inputs: files, folders (everything below) and glob patterns, as stored; everything if none.
        status: only media that ended so.
    """
    failed: list[MediaError] = []
    if inputs:
        lines, failed = _all_found(inputs, lambda at: holdings.list_lines(session, at))
    else:
        lines = holdings.list_lines(session)
    kept = tuple(line for line in lines if status in (None, line.media.status))
    return MediaList(lines=kept, failed=tuple(failed))


def describe_media(session: Session, given: str) -> tuple[MediaDescription, ...]:
    """All about each content that was seen at a path, the newest first.

    Raises:
        MediaNotFound: nothing was.
    """
    path = str(absolute(given))
    lines = holdings.list_lines(session, absolute(given))
    exact = [line for line in lines if line.path == path]
    if not exact and lines:
        raise MediaNotFound(
            Path(path), f"a folder in the gallery; list it with: imgsim media list '{given}'"
        )
    here = [line for line in exact if line.place.is_here] or exact
    found = (holdings.describe(session, line.media.media_id) for line in here)
    described = tuple(each for each in found if each)
    if not described:
        raise _not_stored(given)
    return described


def forget(session: Session, inputs: Sequence[str]) -> ForgetReport:
    """Take paths of this machine out of the gallery; media without any path are deleted.

    Args:
        session: the database.
        inputs: files, folders (everything below) and glob patterns, as stored.
    """
    paths, failed = _all_found(inputs, lambda at: removal.paths_here(session, at))
    removed, busy = removal.remove(session, paths)
    return ForgetReport(removed=removed, failed=(*failed, *map(_busy, busy)))


def gone_paths(session: Session) -> list[str]:
    """The paths of this machine whose file is not there any more, in order."""
    return list(dict.fromkeys(row.path for row in removal.paths_here(session) if _is_gone(row)))


def forget_gone(session: Session, paths: Sequence[str]) -> ForgetReport:
    """Forget those of `paths` whose file still is not there."""
    wanted = set(paths)
    rows = [row for row in removal.paths_here(session) if row.path in wanted and _is_gone(row)]
    removed, busy = removal.remove(session, rows)
    return ForgetReport(removed=removed, failed=tuple(map(_busy, busy)))


def _is_gone(row: PathHere) -> bool:
    """Whether the file is certainly not there; a closed folder or a failing disk proves nothing."""
    try:
        Path(row.path).stat()
    except (FileNotFoundError, NotADirectoryError):
        return True
    except OSError:
        return False
    return False


def _all_found(
    inputs: Sequence[str], fetch: Callable[[Path], list[_Stored]]
) -> tuple[list[_Stored], list[MediaError]]:
    """What the inputs lead to, each once, and an error for each that leads to nothing."""
    found: dict[_Stored, None] = {}
    failed: list[MediaError] = []
    for given in inputs:
        rows = fetch(absolute(given)) or _match(given, fetch)
        found.update(dict.fromkeys(rows))
        if not rows:
            failed.append(_not_stored(given))
    return list(found), failed


def _match(given: str, fetch: Callable[[Path], list[_Stored]]) -> list[_Stored]:
    """What a glob pattern matches among the stored paths; a matched folder means all below it."""
    if not glob.has_magic(given):
        return []
    pattern = absolute(given).parts
    fixed = next(at for at, part in enumerate(pattern) if glob.has_magic(part))
    return [row for row in fetch(Path(*pattern[:fixed])) if _fits(Path(row.path).parts, pattern)]


def _fits(parts: Sequence[str], pattern: Sequence[str]) -> bool:
    """As `glob` does: `**` spans folders, and only a dot matches the dot of a hidden name."""
    if not pattern:
        return True
    first, rest = pattern[0], pattern[1:]
    if first == "**" and _fits(parts, rest):
        return True
    if not parts or (parts[0].startswith(".") and not first.startswith(".")):
        return False
    if first == "**":
        return _fits(parts[1:], pattern)
    return fnmatchcase(parts[0], first) and _fits(parts[1:], rest)


def _not_stored(given: str) -> MediaNotFound:
    return MediaNotFound(
        absolute(given), "not in the gallery; `imgsim media list` shows every path that is"
    )


def _busy(row: PathHere) -> MediaError:
    return MediaError(Path(row.path), "is being ingested just now; forget it when that has ended")
