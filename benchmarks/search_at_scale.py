"""Search in large galleries: loading, the index, its recall and speed, filters, many clients.

    python -m benchmarks.search_at_scale [--rows 10000 100000] [--dims 512 1280] [--kinds ...]

Each gallery is made (benchmarks/vectors_at_scale.py says of what), measured and emptied, on a
server of its own that is set up as imgsim does. Its times are those of a warm server. `nearest` is
imgsim.store.search.nearest, what a user gets: hits with paths and times. `bare` is the statement
that follows the index, alone, over a psycopg connection that is ready.

Four JSON files: what a gallery takes to store, search by ef_search, with a filter, by many clients.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from psycopg import sql

from benchmarks import record
from benchmarks.gallery import backbone, temporary_session
from benchmarks.record import Cell, Record
from benchmarks.timed_queries import (
    EF_SEARCH,
    Answers,
    K,
    at_once,
    bare,
    index_statement,
    nearest,
    open_bare,
    plan,
    scan_statement,
    timed,
)
from benchmarks.vectors_at_scale import SHARED, Clustered, Kind, Real, embed_pictures, load
from imgsim.domain import Vectors
from imgsim.metrics import ann_recall_at_k
from imgsim.store import indexes, matrix, schema
from imgsim.store.engine import Session, raw
from imgsim.store.registry import BackboneRow
from imgsim.vectors import TopK

_ABOUT = {
    "storage": "Galleries of made-up frames: loading, building the index, and their size.",
    "search": "Search of a warm gallery by one client: milliseconds a query, and recall.",
    "filter": f"Search with a filter, bare SQL, ef_search {EF_SEARCH}, relaxed_order.",
    "clients": f"Clients at once, each a process with its own connection, ef_search {EF_SEARCH}.",
}

_WIDTHS = (40, 60, 100, 200, 400)
_EXACT_QUERIES = 20
_FILTER_QUERIES = 30
_CLIENTS = (1, 4, 16)
_TARGET_RECALL = 0.99
_TARGET_MS = {100_000: 10.0, 1_000_000: 25.0}  # by rows, at p95

# What is left of a gallery: all frames of some media, which lie together among the vectors, or the
# first frames of every media, which lie anywhere.
_FILTERS = {"media": "f.media_id = ANY(%b)", "first frames": "f.frame_index < %b"}
_PERCENTS = (1, 10, 50)


@dataclass(frozen=True, kw_only=True)
class _Gallery:
    session: Session
    row: BackboneRow
    rows: int
    queries: Vectors
    about: dict[str, Cell]  # the first cells of its lines


@dataclass(frozen=True, kw_only=True)
class _Filter:
    name: str
    percent: int
    value: Any  # the parameter
    passes: npt.NDArray[np.bool_]  # by place of the frame, in order of id


def main() -> None:
    """Measure every gallery asked for."""
    asked = _arguments()
    tempfile.tempdir = str(asked.data_dir) if asked.data_dir else None
    settings: dict[str, Cell] = {"seed": asked.seed, "queries": asked.queries, "k": K}
    embedded = None
    if "real" in asked.kinds:
        embedded = embed_pictures(asked.photos, asked.videos, asked.data_dir)
        far = np.percentile(embedded.distances, [10, 50, 90])
        settings |= {"pictures": len(embedded.pictures), "copies": len(embedded.moves)}
        settings["distance_of_copies_p10_p50_p90"] = " ".join(f"{each:.4f}" for each in far)
    with temporary_session() as session:
        settings |= _server_settings(session, asked.build_memory)
        records = {
            part: Record(f"{asked.name}_{part}", text, settings) for part, text in _ABOUT.items()
        }
        for rows in asked.rows:
            for dim in asked.dims:
                for name in asked.kinds:
                    kind: Kind = Clustered(dim=dim, seed=asked.seed)
                    if name == "real" and embedded is not None:
                        kind = Real(embedded, dim, asked.seed)
                    _measure(_store(session, kind, dim, rows, asked.queries, records), records)
                    for each in records.values():  # now: a long run may be cut off
                        each.write(asked.out)


def _store(
    session: Session, kind: Kind, dim: int, rows: int, queries: int, records: dict[str, Record]
) -> _Gallery:
    """Load a gallery and build its index."""
    row = backbone(session, f"{kind.name}{dim}_{rows}", dim)
    about: dict[str, Cell] = {"kind": kind.name, "dim": dim, "rows": rows}
    loaded = load(session, row, kind, rows, queries, _say)
    notices: list[str] = []
    build_s = indexes.build(session, row, notices.append)
    (status,) = indexes.status(session, [row])
    index_bytes = status.index_bytes or 0
    records["storage"].add(
        **about,
        load_rows_per_s=rows / loaded.seconds,
        build_s=build_s,
        table_mb=status.table_bytes / 1e6,
        index_mb=index_bytes / 1e6,
        table_bytes_a_row=status.table_bytes / rows,
        index_bytes_a_row=index_bytes / rows,
        notice="; ".join(notices) or None,
        load_average=_load_average(),
    )
    return _Gallery(session=session, row=row, rows=rows, queries=loaded.queries, about=about)


def _measure(gallery: _Gallery, records: dict[str, Record]) -> None:
    """Search a gallery in every way, then empty it."""
    frame_ids, filters = _filters(gallery)
    truth, filtered = _truth(gallery, frame_ids, filters)
    _search(gallery, truth, records["search"])
    for chosen, answers in zip(filters, filtered, strict=True):
        _search_filtered(gallery, chosen, answers, records["filter"])
    session, row, queries = gallery.session, gallery.row, gallery.queries
    for clients in _CLIENTS:
        records["clients"].add(
            **gallery.about, clients=clients, **at_once(session, row, queries, clients)
        )
    with session.connect() as connection:  # embeddings and frames go with their media
        raw(connection).execute("TRUNCATE imgsim.media CASCADE")


def _filters(gallery: _Gallery) -> tuple[npt.NDArray[np.int64], list[_Filter]]:
    """The ids of all frames, in order, and every filter."""
    with gallery.session.connect() as connection:
        found = raw(connection).execute(
            "SELECT frame_id, media_id, frame_index FROM imgsim.frame ORDER BY frame_id"
        )
        frame_ids, media, indices = np.array(found.fetchall(), np.int64).T
    media_ids = np.random.default_rng(0).permutation(np.unique(media)).tolist()
    filters = []
    for percent in _PERCENTS:
        some = media_ids[: len(media_ids) * percent // 100]
        first = gallery.rows // len(media_ids) * percent // 100
        for name, value, passes in (
            ("media", some, np.isin(media, some)),
            ("first frames", first, indices < first),
        ):
            filters.append(_Filter(name=name, percent=percent, value=value, passes=passes))
    return frame_ids, filters


def _truth(
    gallery: _Gallery, frame_ids: npt.NDArray[np.int64], filters: list[_Filter]
) -> tuple[Answers, list[Answers]]:
    """The exact answers without a filter, and with each, in one reading of the table."""
    whole = TopK(gallery.queries, K)
    parts = [TopK(gallery.queries[:_FILTER_QUERIES], K) for _ in filters]
    for ids, vectors in matrix.blocks(gallery.session, gallery.row):
        whole.feed(ids, vectors)
        places = np.searchsorted(frame_ids, ids)
        for chosen, part in zip(filters, parts, strict=True):
            taken = chosen.passes[places]
            part.feed(ids[taken], vectors[taken])
    return whole.nearest()[0].tolist(), [part.nearest()[0].tolist() for part in parts]


def _search(gallery: _Gallery, truth: Answers, found: Record) -> None:
    """Exact search, then by the index at each ef_search."""
    session, row, target_ms = gallery.session, gallery.row, _TARGET_MS.get(gallery.rows)
    for width in (None, *_WIDTHS):
        queries = gallery.queries[: _EXACT_QUERIES if width is None else None]
        with open_bare(session, width or EF_SEARCH) as driver:
            statement = scan_statement(row) if width is None else index_statement(row)
            ask = bare(driver, statement)
            if width is not None:
                timed(ask, queries)  # warms what this width visits
            by_sql, way = timed(ask, queries), plan(driver, row, statement, queries[0])
        by_imgsim = timed(nearest(session, row, width), queries)
        recall = ann_recall_at_k(truth[: len(queries)], by_imgsim.answers, K)
        fast = np.percentile(by_imgsim.milliseconds, 95) < (target_ms or 0)
        met = "yes" if fast and recall >= _TARGET_RECALL else "no"
        found.add(
            **gallery.about,
            way="exact" if width is None else way,
            ef_search=width,
            recall_at_10=recall,
            queries_lost=_lost(truth, by_imgsim.answers),
            **by_imgsim.percentiles("nearest_", 50, 95, 99),
            **by_sql.percentiles("bare_", 50, 95, 99),
            meets_target=met if target_ms else None,
            load_average=_load_average(),
        )


def _lost(truth: Answers, answers: Answers) -> float:
    """The share of queries of which not one neighbour was found: the graph does not lead there."""
    lost = [set(near).isdisjoint(found) for near, found in zip(truth, answers, strict=False)]
    return sum(lost) / len(lost)


def _search_filtered(gallery: _Gallery, chosen: _Filter, truth: Answers, found: Record) -> None:
    """A search among the frames that a filter leaves."""
    row, queries = gallery.row, gallery.queries[:_FILTER_QUERIES]
    statement = sql.SQL(
        "SELECT e.frame_id FROM {} e JOIN imgsim.frame f USING (frame_id) WHERE {} "
        "ORDER BY e.embedding <=> %b LIMIT {}"
    ).format(
        sql.Identifier(schema.SCHEMA, row.table.name),
        sql.SQL(_FILTERS[chosen.name]),
        sql.Literal(K),
    )
    with open_bare(gallery.session) as driver:
        ask = bare(driver, statement, (chosen.value,))
        timed(ask, queries)
        answered = timed(ask, queries)
        way = plan(driver, row, statement, queries[0], (chosen.value,))
    found.add(
        **gallery.about,
        filter=chosen.name,
        percent=chosen.percent,
        way=way,
        rows_returned=sum(map(len, answered.answers)) / len(queries),
        recall_at_10=ann_recall_at_k(truth, answered.answers, K),
        **answered.percentiles("", 50, 95),
    )


def _server_settings(session: Session, build_memory: str | None) -> dict[str, Cell]:
    """What the server runs with, after --build-memory was set as a user would set it."""
    names = ("shared_buffers", "effective_cache_size", "maintenance_work_mem")
    with session.connect() as connection:
        driver = raw(connection)
        if build_memory:
            change = sql.SQL("ALTER SYSTEM SET maintenance_work_mem = {}")
            driver.execute(change.format(sql.Literal(build_memory)))
            driver.execute("SELECT pg_reload_conf()")
            time.sleep(1)  # until the server has read it
        shown = {n: driver.execute(sql.SQL("SHOW {}").format(sql.SQL(n))).fetchone() for n in names}
    return {name: value[0] if value else None for name, value in shown.items()}


def _load_average() -> float | None:
    """How many processes wanted a core in the last minute; over os.cpu_count(), times suffer."""
    return os.getloadavg()[0] if hasattr(os, "getloadavg") else None


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)  # noqa: T201 - how far a long run is


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rows", type=int, nargs="+", default=[10_000, 100_000])
    parser.add_argument("--dims", type=int, nargs="+", default=[512, 1280])
    parser.add_argument("--kinds", nargs="+", default=["clustered", "real"])
    parser.add_argument("--queries", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--photos", type=Path, default=SHARED / "photos", help="a folder")
    parser.add_argument("--videos", type=Path, default=SHARED / "videos", help="a folder")
    parser.add_argument("--data-dir", type=Path, help="where the server's files are made")
    parser.add_argument("--build-memory", help="maintenance_work_mem of the server, as 6GB")
    parser.add_argument("--name", default="search_at_scale", help="of the JSON files")
    parser.add_argument("--out", type=Path, default=record.RESULTS, help="folder of JSON files")
    return parser.parse_args()


if __name__ == "__main__":
    main()
