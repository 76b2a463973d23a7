"""One process at a time: an advisory lock on a file.

The operating system releases it when its holder ends, however it ends.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from imgsim.errors import ServerError

_POLL_S = 0.02


@contextmanager
def file_lock(path: Path, *, timeout_s: float) -> Iterator[None]:
    """Hold the lock of `path` (created when absent) inside the block.

    Raises:
        ServerError: another process holds it for longer than `timeout_s`.
        OSError: the file cannot be opened.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0), 0o600)
    try:
        _share_with_owner(descriptor, path.parent)
        deadline = time.monotonic() + timeout_s
        while not _try_lock(descriptor):
            if time.monotonic() > deadline:
                raise ServerError(
                    f"Another imgsim has been busy starting or stopping the database for more than "
                    f"{timeout_s:.0f} s (it holds {path}). Wait for it or end it, then try again."
                )
            time.sleep(_POLL_S)
        yield
    finally:
        os.close(descriptor)  # releases the lock


def _share_with_owner(descriptor: int, folder: Path) -> None:
    """What root creates in another user's folder must not shut that user out."""
    if sys.platform != "win32" and os.geteuid() == 0:
        owner = folder.stat()
        os.fchown(descriptor, owner.st_uid, owner.st_gid)


if sys.platform == "win32":
    import msvcrt

    def _try_lock(descriptor: int) -> bool:
        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

else:
    import fcntl

    def _try_lock(descriptor: int) -> bool:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True
