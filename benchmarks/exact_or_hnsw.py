"""When an index pays: exact scan against HNSW as a table grows, with the cost of having the index.

For each number of dimensions and frames: the time of a search both ways, the index's recall, the
time to build it, after how many searches that is repaid, and how much longer a row takes to be
added to the finished index than it took in the build.

Run: python -m benchmarks.exact_or_hnsw [DIM...]
"""

from __future__ import annotations

import statistics
import sys
import time
from typing import NamedTuple

import numpy as np

from benchmarks.gallery import backbone, clustered, publish, temporary_session
from imgsim.domain import Vectors
from imgsim.metrics import ann_recall_at_k
from imgsim.store import indexes, search
from imgsim.store.engine import Session
from imgsim.store.registry import BackboneRow
from imgsim.vectors import l2_normalize

_DIMS = (512, 1280, 2048)
_SIZES = (5_000, 10_000, 20_000, 40_000, 80_000)
_QUERIES = 50
_ADDED = 500
_K = 10

_HEAD = " dim  frames   MB  exact ms  HNSW ms  recall@10  build s  repaid after  an insert costs"
_LINE = "{:4d}  {:6d}  {:3.0f}  {:8.1f}  {:7.1f}  {:9.3f}  {:7.1f}  {:5.0f} searches  {:7.1f} rows"


def main() -> None:
    """Print a table for networks of 512, 1,280 and 2,048 dimensions, or those asked for."""
    print(_HEAD)  # noqa: T201
    with temporary_session() as session:
        for dim in [int(given) for given in sys.argv[1:]] or _DIMS:
            for size in _SIZES:
                row = backbone(session, f"net{dim}_{size}", dim)
                print(_measure(session, row, size), flush=True)  # noqa: T201


def _measure(session: Session, row: BackboneRow, size: int) -> str:
    vectors = clustered(size + _ADDED, row.dim, seed=size)
    gallery, added = vectors[:size], vectors[size:]
    publish(session, row, gallery, row.name)
    build_s = indexes.build(session, row, lambda text: print(text, file=sys.stderr))  # noqa: T201
    found = _search(session, row, _queries(gallery))
    started = time.perf_counter()
    publish(session, row, added, f"{row.name}+")
    insert_s = (time.perf_counter() - started) / _ADDED
    return _LINE.format(
        row.dim,
        size,
        2 * row.dim * size / 1e6,
        found.exact_ms,
        found.hnsw_ms,
        found.recall,
        build_s,
        build_s / max(found.exact_ms - found.hnsw_ms, 0.001) * 1000,
        insert_s / (build_s / size),
    )


class _Found(NamedTuple):
    exact_ms: float  # medians
    hnsw_ms: float
    recall: float


def _search(session: Session, row: BackboneRow, queries: Vectors) -> _Found:
    answers: dict[bool, list[list[int]]] = {True: [], False: []}
    times: dict[bool, list[float]] = {True: [], False: []}
    for query in queries:
        for exact in (True, False):
            started = time.perf_counter()
            hits = search.nearest(session, row, query, _K, exact=exact).hits
            times[exact].append(1000 * (time.perf_counter() - started))
            answers[exact].append([hit.frame.frame_id for hit in hits])
    recall = ann_recall_at_k(answers[True], answers[False], _K)
    return _Found(statistics.median(times[True]), statistics.median(times[False]), recall)


def _queries(vectors: Vectors) -> Vectors:
    """Other frames of the scenes in the gallery: some of its vectors, moved a little."""
    random = np.random.default_rng(0)
    picked = vectors[random.integers(len(vectors), size=_QUERIES)]
    noise = random.normal(scale=0.3 / np.sqrt(picked.shape[1]), size=picked.shape)
    return l2_normalize(picked + noise.astype(np.float32))


if __name__ == "__main__":
    main()
