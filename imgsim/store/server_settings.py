"""What the embedded server is told, fitted to the machine."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

_MB = 1 << 20
_MIN_SHARED_MEMORY = 512 * _MB
_ASSUMED_MEMORY = 4096 * _MB  # where the system does not tell
_CGROUP_LIMITS = (
    Path("/sys/fs/cgroup/memory.max"),  # version 2
    Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"),  # version 1
)


def render(*, port: int, memory: int, shared_memory: int | None) -> str:
    """The server's configuration file.

    Args:
        port: TCP port on 127.0.0.1.
        memory: what the machine or its container has, bytes.
        shared_memory: what is free in /dev/shm, bytes; None where there is no such thing.
    """
    maintenance = _bounded(memory // 8, 64 * _MB, 512 * _MB)
    settings = {
        "listen_addresses": "'127.0.0.1'",
        "port": str(port),
        "unix_socket_directories": "''",
        "max_connections": "100",
        "shared_buffers": f"{_bounded(memory // 16, 32 * _MB, 256 * _MB) // _MB}MB",
        # An HNSW graph that outgrows this is finished many times slower.
        "maintenance_work_mem": f"{maintenance // _MB}MB",
        "effective_cache_size": f"{memory // 2 // _MB}MB",
        "jit": "off",
        "timezone": "'UTC'",
        "log_timezone": "'UTC'",
    }
    # A parallel index build takes maintenance_work_mem from /dev/shm and fails where that is
    # smaller: containers have 64 MB by default.
    if shared_memory is not None and shared_memory < max(_MIN_SHARED_MEMORY, 2 * maintenance):
        settings["dynamic_shared_memory_type"] = "mmap"
    lines = [f"{name} = {value}" for name, value in settings.items()]
    head = "# Written by imgsim at each start. To change a setting for good, use ALTER SYSTEM.\n"
    return head + "\n".join(lines) + "\n"


def _bounded(value: int, low: int, high: int) -> int:
    return max(low, min(value, high))


def machine_memory() -> int:
    """Bytes of memory that this machine, or the container we are in, has."""
    limits = [_physical_memory()]
    for path in _CGROUP_LIMITS:
        try:
            limits.append(int(path.read_text()))
        except (OSError, ValueError):  # no such file, or "max": no limit
            continue
    return min(limits)


def _physical_memory() -> int:
    if sys.platform == "win32":
        return _ASSUMED_MEMORY
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (ValueError, OSError):
        return _ASSUMED_MEMORY


def free_shared_memory() -> int | None:
    """Bytes free in /dev/shm; None on systems whose shared memory is not a file system."""
    if not sys.platform.startswith("linux"):
        return None
    try:
        return shutil.disk_usage("/dev/shm").free
    except OSError:
        return 0
