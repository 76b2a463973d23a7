"""The operating-system user as whom PostgreSQL's programs run.

PostgreSQL refuses to run as root, so root hands its programs to an unprivileged user; everybody
else runs them as they are.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from imgsim.errors import ServerError

_CANDIDATES = ("postgres", "nobody")
_KEPT_VARIABLES = (
    # The user's PG* and LC_* settings would change what the server does, and as another user it
    # should not see root's environment at all: only what programs need in order to run.
    *("PATH", "LD_LIBRARY_PATH", "LD_PRELOAD", "NSS_WRAPPER_PASSWD", "NSS_WRAPPER_GROUP"),
    *("SYSTEMROOT", "SYSTEMDRIVE", "WINDIR", "COMSPEC", "TEMP", "TMP", "TMPDIR"),
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Ended:
    """How a program ended."""

    code: int  # exit code, 0 is success
    output: str  # stdout and stderr together


def last_lines(text: str) -> str:
    """The end of what a program or a log says, for an error message."""
    return "\n".join(text.strip().splitlines()[-20:])


@dataclass(frozen=True, kw_only=True, slots=True)
class Account:
    """Whom the programs run as."""

    name: str
    ids: tuple[int, int] | None = None  # uid and gid to switch to; None: stay who we are

    def run(
        self,
        command: Sequence[str | Path],
        *,
        folder: Path | None = None,
        given: str = "",
        variables: Mapping[str, str] | None = None,
    ) -> Ended:
        """Run a program to its end, out of reach of the terminal's ctrl-C.

        Args:
            command: the program's path and its arguments; no shell.
            folder: working directory; the root directory when left out, because the caller's own
                may be closed to this account.
            given: text for its standard input.
            variables: added to the clean environment.

        Raises:
            OSError: it cannot be executed, or not as this account.
        """
        kept = {name: os.environ[name] for name in _KEPT_VARIABLES if name in os.environ}
        # Output goes to a file: a server that pg_ctl leaves behind would keep a pipe open forever.
        with tempfile.TemporaryFile() as output:
            ended = subprocess.run(
                [os.fspath(part) for part in command],
                input=given.encode(),
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=folder or Path(Path.cwd().anchor),
                env=kept | {"LC_ALL": "C", "LANG": "C", "TZ": "UTC"} | dict(variables or {}),
                check=False,
                **self._process_options(),
            )
            output.seek(0)
            return Ended(code=ended.returncode, output=output.read().decode(errors="replace"))

    def _process_options(self) -> dict[str, Any]:
        if sys.platform == "win32":
            flags = subprocess.CREATE_NEW_PROCESS_GROUP | subprocess.CREATE_NO_WINDOW
            return {"creationflags": flags}
        options: dict[str, Any] = {"start_new_session": True}
        if self.ids is not None:
            options |= {"user": self.ids[0], "group": self.ids[1], "extra_groups": []}
        return options

    def own(self, path: Path) -> None:
        """Make this account the owner of a file or folder that we created."""
        if sys.platform != "win32" and self.ids is not None:
            os.chown(path, *self.ids, follow_symlinks=False)

    def can_run(self, program: Path) -> bool:
        """Tell whether `program --version` works as this account."""
        try:
            return self.run([program, "--version"]).code == 0
        except OSError:
            return False

    def require_entry(self, folder: Path) -> None:
        """Check that this account can reach `folder`, which exists.

        Raises:
            ServerError: it cannot; names the first parent that shuts it out.
        """
        if self.ids is None:
            return
        real = folder.resolve()
        way = [*reversed(real.parents), real]
        if self._can_enter(real):
            return
        closed = next((step for step in way if not self._can_enter(step)), real)
        if closed == way[0]:
            raise ServerError(
                f"PostgreSQL refuses to run as root, and this system does not let root start "
                f"programs as the user '{self.name}'. Run imgsim as an ordinary user, or use "
                "another server (IMGSIM_DATABASE_URL)."
            )
        raise ServerError(
            f"PostgreSQL refuses to run as root and runs as the user '{self.name}', who cannot "
            f"enter {closed}, a folder on the way to the data directory {folder}. Choose a data "
            f"directory elsewhere (--data-dir or IMGSIM_DATA_DIR, for example "
            f"/var/lib/imgsim), or open that folder with: chmod o+x '{closed}'"
        )

    def _can_enter(self, folder: Path) -> bool:
        try:
            return self.run(["/bin/sh", "-c", 'cd -- "$1"', "sh", folder]).code == 0
        except OSError:
            return False


if sys.platform == "win32":

    def account_for(cluster: Path) -> Account:  # noqa: ARG001  # the same interface everywhere
        """Who runs the server: whoever we are; pg_ctl gives up an administrator's rights."""
        return Account(name=os.environ.get("USERNAME", "this user"))

else:
    import pwd

    def account_for(cluster: Path) -> Account:
        """Who runs the server of the data directory `cluster`, which need not exist yet.

        Raises:
            ServerError: we are root and there is nobody to hand the server to.
        """
        if os.geteuid() != 0:
            return Account(name=f"uid {os.geteuid()}")
        return _owner(cluster) if (cluster / "PG_VERSION").exists() else _unprivileged()

    def _owner(cluster: Path) -> Account:
        """Whoever made the data directory goes on running it."""
        found = cluster.stat()
        if found.st_uid == 0:
            other = _unprivileged()
            raise ServerError(
                f"The data directory {cluster} belongs to root, as whom PostgreSQL refuses to "
                f"run. Give it to an unprivileged user: chown -R {other.name} '{cluster}'"
            )
        try:
            name = pwd.getpwuid(found.st_uid).pw_name
        except KeyError:
            name = f"uid {found.st_uid}"
        return Account(name=name, ids=(found.st_uid, found.st_gid))

    def _unprivileged() -> Account:
        for name in _CANDIDATES:
            try:
                entry = pwd.getpwnam(name)
            except KeyError:
                continue
            return Account(name=name, ids=(entry.pw_uid, entry.pw_gid))
        raise ServerError(
            "PostgreSQL refuses to run as root, and there is no user 'postgres' or 'nobody' to run "
            "it as. Run imgsim as an ordinary user, or make one: useradd --system postgres"
        )


def make_folders(folder: Path) -> None:
    """Create a folder and its missing parents; folders that exist stay as they are.

    Root's are open to all whatever the umask, since the server's user must get through; anybody
    else's folder is theirs alone.
    """
    missing = [step for step in (folder, *folder.parents) if not step.exists()]
    shared = sys.platform != "win32" and os.geteuid() == 0
    for step in reversed(missing):
        step.mkdir(mode=0o700 if step == folder else 0o755, exist_ok=True)
        if shared:
            step.chmod(0o755)
