"""PostgreSQL's data directory: created, configured, started and stopped."""

from __future__ import annotations

import contextlib
import os
import secrets
import shlex
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from imgsim.errors import ServerError
from imgsim.store import server_settings
from imgsim.store.account import Account, Ended, last_lines
from imgsim.store.binaries import Binaries
from imgsim.store.home import UNFINISHED, Home, Secret, write_privately

HOST = "127.0.0.1"

NAME = "imgsim"
"""Of the database and of the role that owns it."""

_SETTINGS_FILE = "imgsim.conf"
_LOG_LIMIT = 16 << 20  # bytes; a longer log is set aside at the next start
_START_TIMEOUT_S = 60  # pg_ctl's; whoever calls it may go on waiting
_STOP_TIMEOUT_S = 300  # the last checkpoint writes out all that is in memory


class Cluster:
    """PostgreSQL's data directory in a home, with the programs and the account that run it.

    Used while holding the home's lock.
    """

    def __init__(self, home: Home, binaries: Binaries, account: Account) -> None:
        """Put the three together; touches nothing."""
        self._home = home
        self._binaries = binaries
        self._account = account

    def initialise(self) -> None:
        """Create the data directory, whole or not at all.

        Raises:
            ServerError: something else is in its place, or initdb failed.
        """
        target = self._home.cluster
        if target.is_symlink() or (target.exists() and any(target.iterdir())):
            raise ServerError(
                f"{target} exists and is not a PostgreSQL data directory. Move it away, or choose "
                "another --data-dir."
            )
        password = secrets.token_urlsafe(24)
        with self._workshop() as work:
            made = work / target.name
            self._initdb(made, password)
            settings = made / "postgresql.conf"
            include = f"\ninclude_if_exists = '{_SETTINGS_FILE}'\n"
            write_privately(settings, settings.read_text(encoding="utf-8") + include, like=made)
            # First the password, then the directory that demands it.
            self._home.write_secret(Secret(password=password))
            if target.exists():
                target.rmdir()
            made.rename(target)

    @contextlib.contextmanager
    def _workshop(self) -> Iterator[Path]:
        """A new folder beside the data directory, in which a killed initdb does no harm."""
        prefix = self._home.cluster.name + UNFINISHED
        work = Path(tempfile.mkdtemp(dir=self._home.folder, prefix=prefix))
        try:
            yield work
        finally:
            shutil.rmtree(work, ignore_errors=True)

    def _initdb(self, folder: Path, password: str) -> None:
        password_file = folder.with_name("password")
        password_file.touch(mode=0o600)
        password_file.write_text(password + "\n", encoding="ascii")
        for path in (password_file, folder.parent):
            self._account.own(path)
        ended = self._run(
            *("initdb", "-D", folder, "-U", NAME, f"--pwfile={password_file}"),
            *("--auth-local=scram-sha-256", "--auth-host=scram-sha-256"),
            # The same order and case rules on every machine, whatever locales it has.
            *("--encoding=UTF8", "--locale=C"),
            *("--locale-provider=builtin", "--builtin-locale=C.UTF-8"),
        )
        if ended.code != 0:
            raise ServerError(
                f"The database in {self._home.folder} could not be created. initdb said:\n"
                f"{last_lines(ended.output)}"
            )

    def require_version(self) -> None:
        """Check that the data directory is one that these programs can open.

        Raises:
            ServerError: another major version of PostgreSQL made it.
        """
        made_by = (self._home.cluster / "PG_VERSION").read_text(encoding="ascii").strip()
        if made_by != str(self._binaries.major):
            raise ServerError(
                f"The database in {self._home.folder} was made by PostgreSQL {made_by}; the "
                f"binaries in {self._binaries.folder} are PostgreSQL {self._binaries.version}, "
                "which cannot open it. To move it: with IMGSIM_PG_BIN naming the bin folder of a "
                f"PostgreSQL {made_by} with pgvector, dump it by `imgsim db backup FILE`; then "
                "without that variable, `imgsim db restore FILE` with another --data-dir."
            )

    def replace_password(self) -> None:
        """Set a new password, without knowing the old one, while the server is down.

        Raises:
            ServerError: PostgreSQL did not do it.
        """
        password = secrets.token_urlsafe(24)
        ended = self._run(
            *("postgres", "--single", "-D", self._home.cluster, "postgres"),
            given=f"ALTER ROLE {NAME} PASSWORD '{password}'\n",
        )
        if ended.code != 0 or "ERROR" in ended.output:
            raise ServerError(
                f"The password of the database in {self._home.folder} is lost ({self._home.secret} "
                f"is absent or damaged) and could not be replaced: {ended.output.strip()}"
            )
        self._home.write_secret(Secret(password=password))

    def start(self, port: int) -> str | None:
        """Start the server on `port`. None when it runs, otherwise what it said."""
        settings = server_settings.render(
            port=port,
            memory=server_settings.machine_memory(),
            shared_memory=server_settings.free_shared_memory(),
        )
        write_privately(self._home.cluster / _SETTINGS_FILE, settings, like=self._home.cluster)
        before = self._prepare_log()
        where = self._home.cluster
        options: list[str | Path] = ["-w", "-s", "-t", str(_START_TIMEOUT_S)]
        if sys.platform == "win32":
            options += ["-D", where]
        else:
            # pg_ctl puts its -D between double quotes into a shell command, which a path with
            # `$` or `"` in it would break; what -o gives is taken as it is.
            options += ["-o", f"-D {shlex.quote(str(where))}"]
        ended = self._run("pg_ctl", "start", *options, "-l", self._home.log.name)
        if ended.code == 0:
            return None
        return f"{ended.output.strip()}\n{self._home.recent_log(since=before)}"

    def _prepare_log(self) -> int:
        """Let the account write the log; gives its length in bytes."""
        log = self._home.log
        if log.exists() and log.stat().st_size > _LOG_LIMIT:
            log.replace(log.with_name(log.name + ".1"))
        os.close(os.open(log, os.O_CREAT | os.O_APPEND | getattr(os, "O_NOFOLLOW", 0), 0o600))
        self._account.own(log)
        return log.stat().st_size

    def stop(self) -> None:
        """Stop the server, which runs; its clients are cut off.

        Raises:
            ServerError: it did not stop.
        """
        ended = self._run("pg_ctl", "stop", "-m", "fast", "-w", "-t", str(_STOP_TIMEOUT_S))
        if ended.code != 0:
            raise ServerError(
                f"The database server in {self._home.folder} did not stop: {ended.output.strip()}\n"
                f"{self._home.recent_log()}\nIts log is {self._home.log}."
            )

    def _run(self, name: str, *arguments: str | Path, given: str = "") -> Ended:
        return self._account.run(
            [self._binaries.program(name), *arguments],
            folder=self._home.folder,
            given=given,
            variables={"PGDATA": str(self._home.cluster)},
        )
