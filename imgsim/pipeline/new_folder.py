"""A folder for results that overwrites nothing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from imgsim.errors import InvalidArgument, OutputError


@contextmanager
def new_folder(folder: Path) -> Iterator[None]:
    """Make a folder, or take an empty one; failing to write into it becomes an OutputError.

    Raises:
        InvalidArgument: it holds something already.
        OutputError: it cannot be made or written to.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if any(folder.iterdir()):
            raise InvalidArgument(f"{folder} is not empty; name a new folder or an empty one.")
        yield
    except OSError as error:
        raise OutputError(f"{folder} cannot be written to: {error.strerror or error}.") from error
