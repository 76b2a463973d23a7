"""A check of everything imgsim depends on, for people and for bug reports."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

import imgsim
from imgsim.backbones import diagnosis as networks
from imgsim.domain import Finding
from imgsim.sources import decoders
from imgsim.store import diagnosis as store

_LIBRARIES = ("numpy", "opencv-python-headless", "psycopg", "pgvector", "sqlalchemy", "alembic")


def examine(*, database_url: str | None, data_dir: Path) -> Iterator[Finding]:
    """Look at the installation, the decoders, the networks and the database; changes nothing.

    Findings come one by one, since some take seconds.
    """
    yield Finding(
        topic="imgsim",
        text=f"{imgsim.__version__}, Python {platform.python_version()}, {platform.platform()}, "
        f"{os.cpu_count()} cores",
    )
    versions = (f"{name} {metadata.version(name)}" for name in _LIBRARIES)
    yield Finding(topic="libraries", text=", ".join(versions))
    yield from decoders.diagnose()
    yield from networks.diagnose()
    yield from store.diagnose(database_url=database_url, data_dir=data_dir)
