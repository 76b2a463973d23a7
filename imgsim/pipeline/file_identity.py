"""Which content a file holds, and whether it still does."""

from __future__ import annotations

import hashlib
import os
import stat
from dataclasses import dataclass
from pathlib import Path

from imgsim.errors import MediaNotFound, UnsupportedMedia
from imgsim.store.paths import is_settled


@dataclass(frozen=True, kw_only=True, slots=True)
class FileIdentity:
    """A file's content, and what the file system said of the file when it was read."""

    content_id: str  # sha256:<hex>
    status: os.stat_result
    is_settled: bool  # whether a change after the reading would have shown in the status

    @property
    def lasting_status(self) -> os.stat_result | None:
        """The status, if it is enough to know the content by later on."""
        return self.status if self.is_settled else None

    def still_holds(self, path: Path) -> bool:
        """Tell whether the file at `path` has the size and time of modification it had then."""
        try:
            now = path.stat()
        except OSError:
            return False
        then = self.status
        return (now.st_size, now.st_mtime_ns) == (then.st_size, then.st_mtime_ns)


def identify(path: Path) -> FileIdentity:
    """Read a whole file to find out what it holds.

    Raises:
        MediaNotFound: it cannot be read.
        UnsupportedMedia: it is no regular file; a pipe would be waited for, a device has no end.
    """
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            raise UnsupportedMedia(path, "is no file but a folder, pipe, socket or device")
        with path.open("rb") as file:
            status = os.fstat(file.fileno())
            settled = is_settled(status)
            digest = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise MediaNotFound(path, f"cannot be read: {error.strerror}") from error
    return FileIdentity(content_id=f"sha256:{digest}", status=status, is_settled=settled)
