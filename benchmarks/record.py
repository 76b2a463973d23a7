"""What a benchmark found: a table for people, and JSON with the machine, versions and commit."""

from __future__ import annotations

import json
import os
import platform
import subprocess
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import TypeAlias

Cell: TypeAlias = str | int | float | None

RESULTS = Path(__file__).parent / "results"
"""Where JSON files go unless told otherwise; the README quotes those that are committed."""

_LIBRARIES = (
    *("imgsim", "numpy", "opencv-python-headless", "av", "pillow", "psycopg", "sqlalchemy"),
    *("tensorflow", "keras", "openvino", "torch", "jax", "faiss-cpu", "hnswlib", "imagededup"),
)


class Record:
    """Rows of one benchmark, in the order they were found."""

    def __init__(self, name: str, about: str, settings: Mapping[str, Cell] | None = None) -> None:
        """Begin a record.

        Args:
            name: of the benchmark, and of its JSON file.
            about: one sentence: what was measured.
            settings: what was chosen: sizes, seeds.
        """
        self._name = name
        self._about = about
        self._settings = dict(settings or {})
        self.rows: list[dict[str, Cell]] = []

    def add(self, **row: Cell) -> None:
        """Note a row and print it as one line, so that long runs show how far they are."""
        self.rows.append(row)
        print(  # noqa: T201
            "  ".join(f"{name} {_shown(value)}" for name, value in row.items()), flush=True
        )

    def write(self, folder: Path = RESULTS) -> Path:
        """Print all rows as a table of Markdown and keep them as JSON; gives the file."""
        print(f"\n{self._about}\n\n{markdown(self.rows)}\n")  # noqa: T201
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{self._name}.json"
        content = {
            "benchmark": self._name,
            "about": self._about,
            "settings": self._settings,
            "rows": self.rows,
            **surroundings(),
        }
        path.write_text(json.dumps(content, indent=1) + "\n")
        return path


def markdown(rows: Sequence[Mapping[str, Cell]]) -> str:
    """A table of Markdown; columns in the order in which rows name them first."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    lines = [names, ["---"] * len(names)]
    lines += [[_shown(row.get(name)) for name in names] for row in rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def surroundings() -> dict[str, object]:
    """The machine, the versions of libraries, the commit and the time, for a JSON file."""
    return {
        "machine": {
            "system": platform.platform(),
            "processor": _processor(),
            "cores": os.cpu_count(),
            "memory_gb": _memory_gb(),
        },
        "versions": {"python": platform.python_version(), **_versions()},
        "commit": _git("rev-parse", "--short", "HEAD"),
        "uncommitted_changes": bool(_git("status", "--porcelain", "--untracked-files=no")),
        "finished_at": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def _shown(value: Cell) -> str:
    if value is None:
        return "-"
    if isinstance(value, float):
        return f"{value:.0f}" if abs(value) >= 100 else f"{value:.3g}"
    return f"{value:,}" if isinstance(value, int) else value


def _versions() -> dict[str, str]:
    found = {}
    for name in _LIBRARIES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:  # not Linux
        return platform.processor()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def _memory_gb() -> int | None:
    try:
        return round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30)
    except (AttributeError, OSError, ValueError):  # Windows
        return None


def _git(*arguments: str) -> str | None:
    try:
        return subprocess.run(
            ["git", *arguments],
            cwd=Path(__file__).parent,
            check=True,
            capture_output=True,
            text=True,
        ).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return None
