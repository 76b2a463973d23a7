"""Many queries against all frames, exactly, as `imgsim compare` does: where the seconds go.

    python -m benchmarks.compare_in_bulk [--rows 100000] [--dims 512 1280] [--queries 1 10 100 1000]

`total_s` is imgsim.store.search.nearest_of_many. Of its parts, each timed alone: reading all
embeddings out of PostgreSQL, comparing them with the queries, and looking up the frames of hits.
Each is the median of several runs; `total_least_s` and `total_most_s` are the fastest and slowest.
`one_by_one_s` is the same by imgsim.store.search.nearest, an exact scan for each query, from 20.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from benchmarks import record
from benchmarks.gallery import backbone, temporary_session
from benchmarks.record import Record
from benchmarks.timed_queries import K, nearest, timed
from benchmarks.vectors_at_scale import Clustered, load
from imgsim.domain import Vectors
from imgsim.store import matrix, search
from imgsim.store.engine import Session
from imgsim.store.registry import BackboneRow
from imgsim.vectors import TopK

_SCANS = 20
_TARGET_S = 10.0  # for 1,000 queries and 100,000 frames


def main() -> None:
    """Compare every number of queries with every gallery."""
    asked = _arguments()
    about = f"Exact comparison of many queries with {asked.rows:,} frames, ten hits: seconds."
    settings: dict[str, record.Cell] = {
        "rows": asked.rows,
        "seed": asked.seed,
        "target_s": _TARGET_S,
    }
    found = Record("compare_in_bulk", about, settings)
    with temporary_session() as session:
        for dim in asked.dims:
            row = backbone(session, f"net{dim}", dim)
            kind = Clustered(dim=dim, seed=asked.seed)
            queries = load(session, row, kind, asked.rows, max(asked.queries)).queries
            for count in asked.queries:
                _compare(session, row, queries[:count], asked.repeats, found)
    found.write(asked.out)


def _compare(
    session: Session, row: BackboneRow, queries: Vectors, repeats: int, found: Record
) -> None:
    blocks = list(matrix.blocks(session, row))  # also, all are in the server's memory from now on
    ids = set(matrix.nearest_of_many(session, row, queries, K)[0].ravel().tolist())

    def compare() -> None:
        top = TopK(queries, K)
        for frame_ids, vectors in blocks:
            top.feed(frame_ids, vectors)
        top.nearest()

    totals = _seconds(lambda: search.nearest_of_many(session, row, queries, K), repeats)
    scan_ms = np.mean(timed(nearest(session, row, None), queries[:_SCANS]).milliseconds)
    found.add(
        dim=row.dim,
        queries=len(queries),
        total_s=statistics.median(totals),
        total_least_s=min(totals),
        total_most_s=max(totals),
        read_s=statistics.median(_seconds(lambda: list(matrix.blocks(session, row)), repeats)),
        compare_s=statistics.median(_seconds(compare, repeats)),
        look_up_s=statistics.median(_seconds(lambda: search.frame_refs(session, ids), repeats)),
        one_by_one_s=float(scan_ms) * len(queries) / 1000,
    )


def _seconds(work: Callable[[], object], repeats: int) -> list[float]:
    """How long each of several runs took."""
    seconds = []
    for _ in range(repeats):
        began = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - began)
    return seconds


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--dims", type=int, nargs="+", default=[512, 1280])
    parser.add_argument("--queries", type=int, nargs="+", default=[1, 10, 100, 1000])
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path, default=record.RESULTS, help="folder of the JSON file")
    return parser.parse_args()


if __name__ == "__main__":
    main()
