"""Whether a data directory's server process lives.

PostgreSQL leaves `postmaster.pid` behind when it is killed, and the number in it may belong to any
process by now.
"""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

PID_FILE = "postmaster.pid"


@dataclass(frozen=True, kw_only=True, slots=True)
class Postmaster:
    """What `postmaster.pid` says; the process may be gone."""

    pid: int
    port: int
    ready: bool  # it says that it takes connections


def read_pid_file(cluster: Path) -> Postmaster | None:
    """The pid file of the data directory `cluster`; None when absent or damaged."""
    try:
        content = (cluster / PID_FILE).read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return None
    lines = [line.strip() for line in content.split(b"\n")]
    try:
        # The number is negative while PostgreSQL runs in single-user mode.
        pid, port = abs(int(lines[0])), int(lines[3])
    except (IndexError, ValueError):
        return None
    return Postmaster(pid=pid, port=port, ready=len(lines) > 7 and lines[7] == b"ready")


def lives(cluster: Path) -> bool:
    """Tell whether the process named in the pid file is a PostgreSQL server of `cluster`.

    A server of which nothing more can be found out counts as one: taking a living server for a
    dead one would do harm.
    """
    noted = read_pid_file(cluster)
    if noted is None:
        return False
    if sys.platform == "win32":
        command = ["tasklist", "/nh", "/fo", "csv", "/fi", f"PID eq {noted.pid}"]
        return b"postgres.exe" in subprocess.run(command, capture_output=True, check=False).stdout
    processes = Path("/proc")
    if (processes / "self" / "cmdline").exists():
        return _lives_by_proc(processes / str(noted.pid), cluster)
    return _lives_by_ps(noted.pid, cluster)


def _lives_by_ps(pid: int, cluster: Path) -> bool:
    try:
        ps = ["ps", "-o", "command=", "-p", str(pid)]
        said = subprocess.run(ps, capture_output=True, check=False).stdout
    except FileNotFoundError:
        said = b""
    if not said:
        return _exists(pid)
    if said.startswith(b"postgres:") or b"postgres" not in said:
        return False
    return b" -D " not in said or os.fsencode(cluster) in said


def _lives_by_proc(process: Path, cluster: Path) -> bool:
    try:
        arguments = (process / "cmdline").read_bytes().split(b"\0")
    except (FileNotFoundError, ProcessLookupError):
        return False
    # A zombie has no arguments, and a server's children have a title instead of a program.
    program = Path(os.fsdecode(arguments[0])).name
    if program.startswith("postgres:") or "postgres" not in program:
        return False
    try:
        return (process / "cwd").samefile(cluster)
    except (FileNotFoundError, ProcessLookupError):
        return False
    except PermissionError:
        # Root in a container may lack the right to see another user's working directory.
        if b"-D" not in arguments[:-1]:
            return True
        named = arguments[arguments.index(b"-D") + 1]
        return Path(os.fsdecode(named)) == cluster


def forget_stranger(cluster: Path) -> None:
    """Remove a pid file whose number now belongs to another program, or that is damaged.

    PostgreSQL itself would take that program for its server and refuse to start. A number that
    nobody has is left to PostgreSQL, which also looks for remaining children.
    """
    noted = read_pid_file(cluster)
    if noted is None or (_exists(noted.pid) and not lives(cluster)):
        (cluster / PID_FILE).unlink(missing_ok=True)


def _exists(pid: int) -> bool:
    if sys.platform == "win32":
        return True
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
