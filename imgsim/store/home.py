"""imgsim's folder, in which the embedded server has its data directory.

DATA_DIR/postgres      PostgreSQL's data directory
DATA_DIR/secret.json   password and port, readable by its owner only
DATA_DIR/server.log    what the server says
DATA_DIR/server.lock   held while somebody starts or stops the server
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path

from imgsim.errors import ServerError
from imgsim.store.account import last_lines, make_folders

UNFINISHED = ".imgsim-new-"
"""In the names of things that are not in their place yet."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Secret:
    """What a client must know."""

    password: str
    port: int | None = None  # where the server was last; None before its first start


@dataclass(frozen=True, slots=True)
class Home:
    """imgsim's folder and where things are in it."""

    folder: Path

    @property
    def cluster(self) -> Path:
        """PostgreSQL's data directory."""
        return self.folder / "postgres"

    @property
    def secret(self) -> Path:
        """The file of the password."""
        return self.folder / "secret.json"

    @property
    def log(self) -> Path:
        """The server's log."""
        return self.folder / "server.log"

    @property
    def lock(self) -> Path:
        """The lock that is held while the server is started or stopped."""
        return self.folder / "server.lock"

    @property
    def initialised(self) -> bool:
        """Whether there is a complete data directory."""
        return (self.cluster / "PG_VERSION").is_file()

    def prepare(self) -> None:
        """Create the folder.

        Raises:
            ServerError: the folder cannot serve as imgsim's.
        """
        if "\n" in str(self.folder):
            raise ServerError(
                f"The data directory {str(self.folder)!r} has a line break in its name, which "
                "PostgreSQL cannot cope with. Choose another --data-dir."
            )
        if (self.folder / "PG_VERSION").is_file():
            raise ServerError(
                f"{self.folder} is itself a PostgreSQL data directory. Choose another --data-dir; "
                "imgsim keeps its own in a subfolder."
            )
        make_folders(self.folder)

    def sweep(self) -> None:
        """Remove what interrupted runs left; the lock is held."""
        for folder in (self.folder, self.cluster):
            for leftover in folder.glob(f"*{UNFINISHED}*"):
                if leftover.is_dir():
                    shutil.rmtree(leftover, ignore_errors=True)
                else:
                    leftover.unlink(missing_ok=True)

    def read_secret(self) -> Secret | None:
        """The password and the port; None when there is no readable record of them."""
        try:
            noted = json.loads(self.secret.read_text(encoding="utf-8"))
            return Secret(password=noted["password"], port=noted["port"])
        except (FileNotFoundError, NotADirectoryError, ValueError, KeyError, TypeError):
            return None

    def write_secret(self, secret: Secret) -> None:
        """Keep the password and the port, readable by the folder's owner only."""
        write_privately(self.secret, json.dumps(asdict(secret)) + "\n", like=self.folder)

    def recent_log(self, since: int = 0) -> str:
        """The last lines of the server's log from the byte `since` on."""
        try:
            said = self.log.read_bytes()[since:]
        except FileNotFoundError:
            return ""
        return last_lines(said.decode(errors="replace"))


def write_privately(path: Path, text: str, *, like: Path) -> None:
    """Write a file that only the owner of `like` can read, whole or not at all.

    It is made anew and put in place, so a link that lies there is replaced, not followed.
    """
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=path.name + UNFINISHED)
    try:
        with open(descriptor, "w", encoding="utf-8") as file:  # noqa: PTH123  # a descriptor
            if sys.platform != "win32" and os.geteuid() == 0:
                owner = like.stat()
                os.fchown(file.fileno(), owner.st_uid, owner.st_gid)
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
