"""The same vectors and queries searched by imgsim and by others: time, recall, size.

    python -m benchmarks.search_against_others [--rows 100000] [--dims 512 1280] [--kind clustered]

imgsim answers out of PostgreSQL with paths and times of the frames (`nearest`), or with frame ids
alone (`bare` SQL). The others hold float32 vectors in this process and answer with row numbers;
they have no filters, no transactions, and nothing is there after a restart. HNSW graphs are built
with the same m and ef_construction everywhere, and searched at several ef_search, since equal ones
do not mean equal recall. Queries come one at a time. The truth is the exact answer on float32,
which imgsim's float16 does not always give. Libraries that are not installed are named as such:
pip install faiss-cpu hnswlib.
"""

from __future__ import annotations

import argparse
import importlib
import time
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from benchmarks import record
from benchmarks.gallery import backbone, temporary_session
from benchmarks.record import Record
from benchmarks.timed_queries import (
    Answers,
    Ask,
    K,
    bare,
    index_statement,
    nearest,
    open_bare,
    timed,
)
from benchmarks.vectors_at_scale import (
    FILMS,
    SHARED,
    Clustered,
    Kind,
    Real,
    embed_pictures,
    film,
    load,
)
from imgsim.domain import Vectors
from imgsim.metrics import ann_recall_at_k
from imgsim.store import indexes
from imgsim.store.engine import Session, raw
from imgsim.store.indexes import EF_CONSTRUCTION, M
from imgsim.vectors import TopK

_WIDTHS = (40, 100, 400)
_SLOW_QUERIES = 20  # exact scans in the database
_LOOP_QUERIES = 3  # of the loop in Python
_CORES = 2  # threads of builds in the libraries


class _Contest:
    """One gallery, and the lines of those that search it."""

    def __init__(self, found: Record, kind: str, vectors: Vectors, queries: Vectors) -> None:
        """Find the exact answers."""
        self.vectors, self.queries = vectors, queries
        self._found, self._kind = found, kind
        top = TopK(queries, K)
        top.feed(np.arange(len(vectors)), vectors)
        self._truth: Answers = top.nearest()[0].tolist()

    def enter(
        self,
        who: str,
        ask: Ask,
        *,
        queries: int | None = None,
        ef_search: int | None = None,
        build_s: float | None = None,
        size_mb: float | None = None,
    ) -> None:
        """Let one way answer all queries, or the first so many, and note how it did."""
        asked = self.queries[:queries]
        timed(ask, asked[:K])  # warms it
        answered = timed(ask, asked)
        self._found.add(
            kind=self._kind,
            dim=self.vectors.shape[1],
            who=who,
            ef_search=ef_search,
            recall_at_10=ann_recall_at_k(self._truth[: len(asked)], answered.answers, K),
            **answered.percentiles("", 50, 95),
            build_s=build_s,
            size_mb=size_mb,
            queries=len(asked),
        )

    def leave_out(self, who: str, why: str) -> None:
        """Note that one did not take part."""
        self._found.add(kind=self._kind, dim=self.vectors.shape[1], who=who, remark=why)


def main() -> None:
    """Let all search all galleries."""
    asked = _arguments()
    about = f"{asked.rows:,} vectors searched one query at a time, ten hits: by imgsim and others."
    settings: dict[str, record.Cell] = {
        "rows": asked.rows,
        "queries": asked.queries,
        "seed": asked.seed,
        "m": M,
        "ef_construction": EF_CONSTRUCTION,
        "build_threads": _CORES,
    }
    found = Record(f"search_against_others_{asked.kind}", about, settings)
    for dim in asked.dims:
        kind: Kind = Clustered(dim=dim, seed=asked.seed)
        if asked.kind == "real":
            pictures = embed_pictures(asked.photos, asked.videos, asked.cache)
            kind = Real(pictures, dim, asked.seed)
        films = [film(kind, number, asked.rows, asked.queries) for number in range(FILMS)]
        vectors = np.concatenate([rows for rows, _ in films])
        queries = np.concatenate([held_out for _, held_out in films])
        queries = queries[np.random.default_rng(0).permutation(len(queries))]
        del films
        contest = _Contest(found, asked.kind, vectors, queries)
        with temporary_session() as session:
            _imgsim(contest, session, kind)
        _numpy(contest)
        for name, enter in (("faiss", _faiss), ("hnswlib", _hnswlib)):
            try:
                enter(contest, importlib.import_module(name))
            except ModuleNotFoundError:
                contest.leave_out(name, "not installed")
        _loop(contest)
    found.write(asked.out)


def _imgsim(contest: _Contest, session: Session, kind: Kind) -> None:
    rows, queries = len(contest.vectors), len(contest.queries)
    row = backbone(session, "net", contest.vectors.shape[1])
    load(session, row, kind, rows, queries)
    build_s = indexes.build(session, row, lambda _notice: None)
    (status,) = indexes.status(session, [row])
    size_mb = (status.table_bytes + (status.index_bytes or 0)) / 1e6
    row_of = _rows_of_frames(session)

    def by_row(ask: Ask) -> Ask:
        return lambda query: [row_of[frame_id] for frame_id in ask(query)]

    for width in _WIDTHS:
        with open_bare(session, width) as driver:
            ask = by_row(bare(driver, index_statement(row)))
            contest.enter("imgsim HNSW, bare SQL", ask, ef_search=width)
        ask = by_row(nearest(session, row, width))
        contest.enter("imgsim HNSW", ask, ef_search=width, build_s=build_s, size_mb=size_mb)
    exact = by_row(nearest(session, row, None))
    contest.enter("imgsim exact", exact, queries=_SLOW_QUERIES, size_mb=status.table_bytes / 1e6)


def _rows_of_frames(session: Session) -> dict[int, int]:
    """The row of the array that each frame was; films are named by their number."""
    statement = (
        "SELECT f.frame_id, substring(m.content_id FROM '[0-9]+$')::int, f.frame_index, "
        "count(*) OVER (PARTITION BY m.media_id) "
        "FROM imgsim.frame f JOIN imgsim.media m USING (media_id)"
    )
    with session.connect() as connection:
        found = raw(connection).execute(statement)
        return {key: number * frames + index for key, number, index, frames in found}


def _numpy(contest: _Contest) -> None:
    vectors = contest.vectors

    def ask(query: Vectors) -> list[int]:
        near = vectors @ query
        best = np.argpartition(-near, K)[:K]
        return [int(row) for row in best[np.argsort(-near[best])]]

    contest.enter("numpy, one product (exact)", ask, size_mb=vectors.nbytes / 1e6)


def _faiss(contest: _Contest, faiss: ModuleType) -> None:
    faiss.omp_set_num_threads(_CORES)
    dim = contest.vectors.shape[1]

    def asking(index: Any) -> Ask:  # noqa: ANN401 - faiss has no types
        return lambda query: [int(row) for row in index.search(query[np.newaxis], K)[1][0]]

    flat = faiss.IndexFlatIP(dim)
    flat.add(contest.vectors)
    contest.enter("FAISS IndexFlatIP (exact)", asking(flat), size_mb=_faiss_mb(faiss, flat))
    del flat
    graph = faiss.IndexHNSWFlat(dim, M, faiss.METRIC_INNER_PRODUCT)
    graph.hnsw.efConstruction = EF_CONSTRUCTION
    build_s = _seconds(lambda: graph.add(contest.vectors))
    size_mb = _faiss_mb(faiss, graph)
    for width in _WIDTHS:
        graph.hnsw.efSearch = width
        contest.enter(
            "FAISS IndexHNSWFlat", asking(graph), ef_search=width, build_s=build_s, size_mb=size_mb
        )


def _faiss_mb(faiss: ModuleType, index: Any) -> float:  # noqa: ANN401 - faiss has no types
    return float(faiss.serialize_index(index).nbytes / 1e6)


def _hnswlib(contest: _Contest, hnswlib: ModuleType) -> None:
    index = hnswlib.Index(space="ip", dim=contest.vectors.shape[1])
    index.init_index(max_elements=len(contest.vectors), M=M, ef_construction=EF_CONSTRUCTION)
    build_s = _seconds(lambda: index.add_items(contest.vectors, num_threads=_CORES))

    def ask(query: Vectors) -> list[int]:
        return [int(row) for row in index.knn_query(query, k=K, num_threads=1)[0][0]]

    for width in _WIDTHS:
        index.set_ef(width)
        size_mb = index.index_file_size() / 1e6
        contest.enter("hnswlib", ask, ef_search=width, build_s=build_s, size_mb=size_mb)


def _loop(contest: _Contest) -> None:
    """As the notebook did that imgsim replaces: a dictionary, and a distance at a time."""
    by_name = dict(enumerate(contest.vectors))

    def ask(query: Vectors) -> list[int]:
        distances = {name: np.linalg.norm(query - vector) for name, vector in by_name.items()}
        return sorted(distances, key=lambda name: distances[name])[:K]

    size_mb = contest.vectors.nbytes / 1e6
    contest.enter("loop over a dictionary (exact)", ask, queries=_LOOP_QUERIES, size_mb=size_mb)


def _seconds(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--dims", type=int, nargs="+", default=[512, 1280])
    parser.add_argument("--kind", choices=["clustered", "real"], default="clustered")
    parser.add_argument("--queries", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--photos", type=Path, default=SHARED / "photos", help="a folder")
    parser.add_argument("--videos", type=Path, default=SHARED / "videos", help="a folder")
    parser.add_argument("--cache", type=Path, help="a folder for the embeddings of pictures")
    parser.add_argument("--out", type=Path, default=record.RESULTS, help="folder of the JSON file")
    return parser.parse_args()


if __name__ == "__main__":
    main()
