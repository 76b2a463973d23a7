"""How long `imgsim search` takes, from the start of the process to the printed answer, and where.

A warm machine: the server runs, the network is exported, and files were read before. The gallery
has made-up embeddings beside the sample's frames.

Run: python -m benchmarks.search_start [--frames N] [--runs N]
"""

from __future__ import annotations

import argparse
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from benchmarks.gallery import clustered, publish_with
from benchmarks.record import Record
from imgsim.config import CACHE_DIR
from imgsim.pipeline.demo import PICTURE, VIDEO
from imgsim.store import indexes, registry
from imgsim.store.engine import Session
from imgsim.store.server import EmbeddedServer
from imgsim.store.write import open_writer

_ABOUT = "Wall clock of `imgsim search` on a warm machine, and of what it consists of; medians."
_FILM = 10_000
_IMPORT = re.compile(r"import time: +(\d+) \| +\d+ \| +(\w+)")
_LARGEST = 8


def main() -> None:
    """Fill a gallery, search it from new processes, print a table, and keep it as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--frames", type=int, default=100_000)
    parser.add_argument("--runs", type=int, default=15)
    given = parser.parse_args()
    record = Record("search_start", _ABOUT, {"frames": given.frames, "runs": given.runs})
    with tempfile.TemporaryDirectory() as scratch:
        Path(scratch).chmod(0o755)
        os.environ[CACHE_DIR] = str(Path(scratch) / "cache")
        data = Path(scratch) / "data"
        try:
            _fill(data, given.frames)
            search = ("-m", "imgsim", "--data-dir", str(data), "search", str(PICTURE))
            for name, arguments in {
                "imgsim search": search,
                "of it: Python alone": ("-c", "pass"),
                "of it: Python with numpy and SQLAlchemy": ("-c", "import numpy, sqlalchemy"),
                "imgsim search --exact": (*search, "--exact"),
            }.items():
                record.add(what=name, seconds=_median(arguments, given.runs))
            for library, seconds in _imports(search):
                record.add(what=f"of it: loading {library}", seconds=seconds)
        finally:
            EmbeddedServer(data).stop()
    record.write()


def _fill(data: Path, frames: int) -> None:
    _run(("-m", "imgsim", "--data-dir", str(data), "ingest", str(VIDEO)))
    session = Session(EmbeddedServer(data).url())
    try:
        (row,) = registry.backbones(session)
        with open_writer(session, [row]) as writer:
            for number in range(frames // _FILM):
                vectors = clustered(_FILM, row.dim, seed=number)
                publish_with(writer, row, vectors, f"film{number}")
        indexes.build(session, row, lambda _notice: None)
    finally:
        session.close()


def _median(arguments: tuple[str, ...], runs: int) -> float:
    _run(arguments)
    took = []
    for _ in range(runs):
        began = time.perf_counter()
        _run(arguments)
        took.append(time.perf_counter() - began)
    return statistics.median(took)


def _imports(arguments: tuple[str, ...]) -> list[tuple[str, float]]:
    """What loading the largest libraries takes, by `python -X importtime`."""
    told = _run(("-X", "importtime", *arguments)).stderr
    spent: Counter[str] = Counter()
    for microseconds, library in _IMPORT.findall(told):
        spent[library] += int(microseconds)
    return [(library, total / 1e6) for library, total in spent.most_common(_LARGEST)]


def _run(arguments: tuple[str, ...]) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, *arguments], check=True, capture_output=True, text=True)


if __name__ == "__main__":
    main()
