"""Starting the embedded server, whatever state its files and processes were left in."""

from __future__ import annotations

import secrets
import socket
import sys
import time
from dataclasses import replace

import psycopg

from imgsim.errors import ServerError
from imgsim.store import attach, postmaster
from imgsim.store.account import account_for
from imgsim.store.attach import Running
from imgsim.store.binaries import find_binaries, runnable_by
from imgsim.store.cluster import HOST, Cluster
from imgsim.store.home import Home

_PORTS = range(15432, 32000)  # below those that systems give to outgoing connections
_PORT_ATTEMPTS = 100
_START_TIMEOUT_S = 300  # after a crash, a gigabyte or more is replayed first
_ORPHANS_TIMEOUT_S = 30
_ANSWER_TIMEOUT_S = 30  # for a server that says it is ready
_POLL_S = 0.05

_PORT_TAKEN = "could not bind"
_DISK_FULL = "No space left on device"
_ORPHANS = "is still in use"  # the shared memory, by children that outlive a killed server
_STARTED_ELSEWHERE = '"postmaster.pid" already exists'


def start(home: Home) -> Running:
    """Bring the server of `home` up; its lock is held.

    Raises:
        ServerError: it cannot be started.
    """
    account = account_for(home.cluster)
    account.require_entry(home.folder)
    home.sweep()
    running = attach.find(home)  # somebody else may have been faster
    if running is None:
        cluster = Cluster(home, runnable_by(find_binaries(), account), account)
        if home.initialised:
            cluster.require_version()
        else:
            cluster.initialise()
        running = _launch(home, cluster)
    if not running.prepared:
        attach.prepare_database(running)
    return running


def _launch(home: Home, cluster: Cluster) -> Running:
    began = time.monotonic()
    tried: set[int] = set()
    said: str | None = None
    while time.monotonic() < began + _START_TIMEOUT_S:
        running = _wait(home, began + _START_TIMEOUT_S)
        if running is not None:
            return running
        postmaster.forget_stranger(home.cluster)
        if home.read_secret() is None:
            cluster.replace_password()
        port = _choose_port(home, tried)
        said = cluster.start(port)
        if said is None or _STARTED_ELSEWHERE in said or postmaster.lives(home.cluster):
            continue
        if _PORT_TAKEN in said and len(tried) < _PORT_ATTEMPTS:
            tried.add(port)
        elif _ORPHANS not in said or time.monotonic() > began + _ORPHANS_TIMEOUT_S:
            break
        time.sleep(_POLL_S)
    raise _failure(home, f"did not start. {said or ''}")


def _wait(home: Home, deadline: float) -> Running | None:
    """Wait until the living server answers; None when it does not live, or ends."""
    while True:
        why = "another server answers in its place"
        try:
            running = attach.ask(home)
            if running is not None:
                return running
        except psycopg.OperationalError as error:
            why = str(error).strip()
        if not postmaster.lives(home.cluster):
            return None
        if home.read_secret() is None or "password authentication failed" in why:
            raise ServerError(
                f"The database server in {home.folder} runs, but {home.secret} does not hold its "
                "password. Put that file back; or delete it, `imgsim db stop`, and "
                "`imgsim db start` sets a new password."
            )
        noted = postmaster.read_pid_file(home.cluster)
        if noted is not None and noted.ready:
            deadline = min(deadline, time.monotonic() + _ANSWER_TIMEOUT_S)
        if time.monotonic() > deadline:
            raise _failure(home, f"runs but does not answer: {why}\n{home.recent_log()}")
        time.sleep(_POLL_S)


def _failure(home: Home, text: str) -> ServerError:
    reason = ""
    if _DISK_FULL in text:
        reason = f"The disk of {home.folder} is full. Make room there, then try again.\n"
    return ServerError(
        f"{reason}The database server in {home.folder} {text.strip()}\nIts log is {home.log}."
    )


def _choose_port(home: Home, tried: set[int]) -> int:
    """The port where the server was last, or a new one when that is taken; it is noted down."""
    secret = home.read_secret()
    if secret is None:
        raise ServerError(f"{home.secret} has vanished. Try again.")
    if secret.port is not None and secret.port not in tried and _is_free(secret.port):
        return secret.port
    for _ in range(_PORT_ATTEMPTS):
        port = secrets.choice(_PORTS)
        if port not in tried and _is_free(port):
            home.write_secret(replace(secret, port=port))
            return port
    raise ServerError(
        f"{_PORT_ATTEMPTS} ports tried on {HOST} between {_PORTS.start} and {_PORTS.stop}, and "
        "none is free for the database server. Does a firewall or sandbox forbid to listen?"
    )


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        if sys.platform != "win32":
            # As PostgreSQL does: connections of the last run that linger are no obstacle.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
        return True
