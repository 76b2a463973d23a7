"""The embedded PostgreSQL: start, stop, status, and the URL that reaches it.

It outlives the imgsim that started it, listens on 127.0.0.1 only and demands a password. Whether
it runs is found out by connecting and asking for its data directory, since pid files and ports
may be somebody else's by now.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import platformdirs

from imgsim.errors import ServerError
from imgsim.store import attach, launch, postmaster
from imgsim.store.account import account_for
from imgsim.store.binaries import find_binaries, runnable_by
from imgsim.store.cluster import Cluster
from imgsim.store.home import Home
from imgsim.store.lock import file_lock

_LOCK_TIMEOUT_S = 400  # more than a start or a stop may take


@dataclass(frozen=True, kw_only=True)
class ServerStatus:
    """How the embedded server is."""

    running: bool  # it takes connections
    data_dir: Path
    port: int | None  # where it is, or was last; None before its first start
    pid: int | None  # None unless running
    postgres_version: str | None  # "18.4": the running server's, otherwise the binaries'
    binaries: Path  # the folder of psql, pg_dump ...


class EmbeddedServer:
    """The server of one data directory. Several processes may use it at once."""

    def __init__(self, data_dir: Path) -> None:
        """Name the data directory; nothing is read or written."""
        self.data_dir = data_dir.expanduser().absolute()
        self._home = Home(self.data_dir)

    def ensure(self) -> str:
        """Start the server unless it runs, and create the database unless it is there.

        Returns:
            A libpq URI, password included.

        Raises:
            ServerError: it cannot be started; the message has the end of the server's log.
        """
        with self._explained():
            running = attach.find(self._home)
            if running is None or not running.prepared:
                self._home.prepare()
                with file_lock(self._home.lock, timeout_s=_LOCK_TIMEOUT_S):
                    running = launch.start(self._home)
            return running.url

    def url(self) -> str:
        """The libpq URI, password included, whether or not the server runs.

        Raises:
            ServerError: it has never been started here.
        """
        with self._explained():
            running = attach.find(self._home)
            if running is not None:
                return running.url
            secret = self._home.read_secret()
            if secret is None or secret.port is None or not self._home.initialised:
                raise ServerError(
                    f"There is no database in {self.data_dir} yet. `imgsim db start` creates it."
                )
            return attach.url(secret, secret.port)

    def stop(self) -> bool:
        """Stop the server, cutting off its clients. True if it was running.

        Raises:
            ServerError: it does not stop.
        """
        with self._explained():
            if not self._home.initialised:
                return False
            with file_lock(self._home.lock, timeout_s=_LOCK_TIMEOUT_S):
                if not postmaster.lives(self._home.cluster):
                    return False
                account = account_for(self._home.cluster)
                binaries = runnable_by(find_binaries(), account)
                Cluster(self._home, binaries, account).stop()
                return True

    def status(self) -> ServerStatus:
        """How the server is, without changing anything.

        Raises:
            ServerError: there are no PostgreSQL binaries, or the data directory is closed to us.
        """
        with self._explained():
            binaries = find_binaries()
            running = attach.find(self._home)
            secret = running.secret if running else self._home.read_secret()
            return ServerStatus(
                running=running is not None,
                data_dir=self.data_dir,
                port=running.port if running else (secret.port if secret else None),
                pid=running.pid if running else None,
                postgres_version=running.version if running else binaries.version,
                binaries=binaries.folder,
            )

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise ServerError(
                f"The data directory {self.data_dir} cannot be used: {error}. Check who owns it "
                "and whether the disk is full or read-only, or choose another --data-dir."
            ) from error


def default_data_dir() -> Path:
    """Where the embedded server keeps its files unless told otherwise.

    Root's is outside /root, which the server's unprivileged user cannot enter.
    """
    if sys.platform != "win32" and os.geteuid() == 0:
        return Path("/var/lib/imgsim")
    return platformdirs.user_data_path("imgsim", appauthor=False)
