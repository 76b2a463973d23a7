"""The embedded server on a full disk, a read-only one, and with little shared memory.

Each test mounts small file systems in a mount namespace of its own, which only root on Linux may.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest


def _can_mount() -> bool:
    try:
        probe = ["unshare", "--mount", "mount", "-t", "tmpfs", "tmpfs", "/mnt"]
        return subprocess.run(probe, capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        return False


pytestmark = pytest.mark.skipif(not _can_mount(), reason="needs the right to mount file systems")

Shell = Callable[[str], list[str]]


@pytest.fixture
def shell(server_root: Path, sample: Path, picture: Path) -> Shell:
    """Runs a script in a namespace of its own; $ROOT is for its mounts. Gives what it prints.

    `imgsim ...` prints what the command says, stderr included, and then `=` and its exit code.
    """
    head = """
        imgsim() {
            "$PYTHON" -m imgsim --data-dir "$ROOT/data" "$@" 2>&1 && echo "=0" || echo "=$?"
        }
    """
    environment = os.environ | {
        "PYTHON": sys.executable,
        "PYTHONPATH": os.pathsep.join(sys.path),
        "ROOT": str(server_root),
        "VIDEO": str(sample),
        "PICTURE": str(picture),
    }

    def run(script: str) -> list[str]:
        done = subprocess.run(
            ["unshare", "--mount", "sh", "-euc", head + script],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout.split("--\n")

    return run


def test_a_full_disk_loses_nothing(shell: Shell) -> None:
    stored, failed, searched, stopped, refused, again = shell("""
        mount -t tmpfs -o size=110m,mode=755 tmpfs "$ROOT"
        imgsim ingest "$VIDEO" --every 44
        echo --
        dd if=/dev/zero of="$ROOT/filler" bs=64k 2>/dev/null || true
        imgsim ingest "$VIDEO" --every 2
        echo --
        imgsim search "$PICTURE" -k 1 --format csv
        echo --
        imgsim db stop
        echo --
        imgsim db start
        echo --
        rm "$ROOT/filler"
        imgsim ingest "$VIDEO" --every 2
        imgsim db stop
    """)
    assert "=0" in stored
    assert "=1" in failed
    assert "No space left on device" in failed
    assert "Make room" in failed
    assert "bigbuckbunny.mp4" in searched
    assert "=0" in searched
    assert "=0" in stopped
    assert "=3" in refused
    assert refused.startswith("imgsim: The disk of ")
    assert "=0" in again
    assert "1 ingested; 66 frames" in again


def test_a_read_only_disk_is_named(shell: Shell) -> None:
    refused, again = shell("""
        mount -t tmpfs -o size=110m,mode=755 tmpfs "$ROOT"
        imgsim --quiet db start >/dev/null
        imgsim --quiet db stop >/dev/null
        mount -o remount,ro "$ROOT"
        imgsim db start
        echo --
        mount -o remount,rw "$ROOT"
        imgsim db start
        imgsim db stop
    """)
    assert "=3" in refused
    assert "read-only" in refused.lower()
    assert "--data-dir" in refused
    assert again.count("=0") == 2


_BUILD = """
import sys
from pathlib import Path
import psycopg
from benchmarks.gallery import backbone, clustered, publish
from imgsim.store import indexes, migrations, search
from imgsim.store.engine import Session
from imgsim.store.server import EmbeddedServer

server = EmbeddedServer(Path(sys.argv[1]))
url = server.ensure()
if sys.argv[2:]:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f"ALTER SYSTEM SET dynamic_shared_memory_type = '{sys.argv[2]}'")
    server.stop()
    url = server.ensure()
migrations.upgrade(url)
session = Session(url)
net, vectors = backbone(session, "net", 256), clustered(20_000, 256, seed=0)
publish(session, net, vectors)
indexes.build(session, net, print)
print("exact", search.nearest(session, net, vectors[0], 5).exact)
session.close()
server.stop()
"""


@pytest.mark.parametrize(("kind", "said"), [("", ""), ("posix", "building serially")])
def test_an_index_is_built_with_64_mb_of_shared_memory(shell: Shell, kind: str, said: str) -> None:
    """What a container has by default; `posix` as on a server that is not ours to configure."""
    (printed,) = shell(f"""
        mount -t tmpfs -o size=64m tmpfs /dev/shm
        "$PYTHON" - "$ROOT/data" {kind} <<'END'
{_BUILD}
END
    """)
    assert "exact False" in printed
    assert said in printed
    assert bool(said) == ("serially" in printed)
