"""Exact scan against HNSW index as a table grows: search time, recall, building time.

Run: python -m benchmarks.exact_or_hnsw [DIM]
"""

from __future__ import annotations

import statistics
import sys
import time

import numpy as np

from benchmarks.gallery import backbone, clustered, publish, temporary_session
from imgsim.domain import Vectors
from imgsim.metrics import ann_recall_at_k
from imgsim.store import indexes, search
from imgsim.vectors import l2_normalize

_SIZES = (5_000, 10_000, 20_000, 40_000)
_QUERIES = 50
_K = 10


def main() -> None:
    """Print a table for embeddings of 1,280 dimensions, or as many as were asked for."""
    dim = int(sys.argv[1]) if len(sys.argv) > 1 else 1280
    print("frames  exact ms  HNSW ms  recall@10  build s")  # noqa: T201
    with temporary_session() as session:
        for size in _SIZES:
            row = backbone(session, f"net{size}", dim)
            vectors = clustered(size, dim, seed=size)
            publish(session, row, vectors, f"film{size}")
            build_s = indexes.build(session, row, lambda text: print(text, file=sys.stderr))  # noqa: T201
            queries = _queries(vectors)
            answers: dict[bool, list[list[int]]] = {True: [], False: []}
            times: dict[bool, list[float]] = {True: [], False: []}
            for query in queries:
                for exact in (True, False):
                    started = time.perf_counter()
                    hits = search.nearest(session, row, query, _K, exact=exact).hits
                    times[exact].append(1000 * (time.perf_counter() - started))
                    answers[exact].append([hit.frame.frame_id for hit in hits])
            recall = ann_recall_at_k(answers[True], answers[False], _K)
            exact_ms, hnsw_ms = (statistics.median(times[exact]) for exact in (True, False))
            print(f"{size:6d}  {exact_ms:8.1f}  {hnsw_ms:7.1f}  {recall:9.3f}  {build_s:7.1f}")  # noqa: T201


def _queries(vectors: Vectors) -> Vectors:
    """Other frames of the scenes in the gallery: some of its vectors, moved a little."""
    random = np.random.default_rng(0)
    picked = vectors[random.integers(len(vectors), size=_QUERIES)]
    noise = random.normal(scale=0.3 / np.sqrt(picked.shape[1]), size=picked.shape)
    return l2_normalize(picked + noise.astype(np.float32))


if __name__ == "__main__":
    main()
