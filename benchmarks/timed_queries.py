"""Queries one after the other, each timed: by imgsim's own search, and by the bare statement."""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.queues import SimpleQueue
from multiprocessing.synchronize import Barrier
from typing import Any, TypeAlias

import numpy as np
import psycopg
from pgvector import HalfVector
from psycopg import sql
from psycopg.conninfo import make_conninfo

from benchmarks.record import Cell
from imgsim.domain import Vectors
from imgsim.store import indexes, schema, search
from imgsim.store.engine import Session, raw
from imgsim.store.registry import BackboneRow

K = 10
"""Hits asked for everywhere."""

EF_SEARCH = 100
"""imgsim's default."""

_CLIENTS_S = 5.0

Answers: TypeAlias = list[list[int]]
"""For each query the frame ids, nearest first."""

Ask: TypeAlias = Callable[[Vectors], list[int]]
"""From a query, float32 (dim,), to frame ids."""


@dataclass(frozen=True, kw_only=True)
class Timed:
    """What was answered, and how long each query took."""

    answers: Answers
    milliseconds: list[float]

    def percentiles(self, name: str, *percents: int) -> dict[str, Cell]:
        """Cells `<name>p50_ms` and so on."""
        return {f"{name}p{p}_ms": float(np.percentile(self.milliseconds, p)) for p in percents}


def timed(ask: Ask, queries: Vectors) -> Timed:
    """Ask one query of (n, dim) after the other."""
    answers, milliseconds = [], []
    for query in queries:
        began = time.perf_counter()
        answers.append(ask(query))
        milliseconds.append(1000 * (time.perf_counter() - began))
    return Timed(answers=answers, milliseconds=milliseconds)


def nearest(session: Session, row: BackboneRow, ef_search: int | None) -> Ask:
    """What a user gets, with paths and times of the frames; without an ef_search, exactly."""

    def ask(query: Vectors) -> list[int]:
        if ef_search is None:
            answer = search.nearest(session, row, query, K, exact=True)
        else:
            answer = search.nearest(session, row, query, K, ef_search=ef_search)
        return [hit.frame.frame_id for hit in answer.hits]

    return ask


def scan_statement(row: BackboneRow) -> sql.Composed:
    """The exact statement: adding 0 keeps the index out."""
    return sql.SQL("SELECT frame_id FROM {} ORDER BY (embedding <=> %b) + 0 LIMIT {}").format(
        sql.Identifier(schema.SCHEMA, row.table.name), sql.Literal(K)
    )


def index_statement(row: BackboneRow) -> sql.Composed:
    """The statement that pgvector answers by its index."""
    return sql.SQL("SELECT frame_id FROM {} ORDER BY embedding <=> %b LIMIT {}").format(
        sql.Identifier(schema.SCHEMA, row.table.name), sql.Literal(K)
    )


@contextmanager
def open_bare(session: Session, ef_search: int = EF_SEARCH) -> Iterator[psycopg.Connection[Any]]:
    """A psycopg connection that follows an index as imgsim does."""
    with session.connect() as connection:
        driver = raw(connection)
        try:
            for name, value in (
                ("hnsw.ef_search", str(ef_search)),
                ("hnsw.iterative_scan", "relaxed_order"),
            ):
                driver.execute("SELECT set_config(%s, %s, false)", (name, value))
            yield driver
        finally:
            connection.invalidate()  # its settings must not come back from the pool


def bare(
    driver: psycopg.Connection[Any], statement: sql.Composed, parameters: tuple[Any, ...] = ()
) -> Ask:
    """One statement, in binary; `parameters` come before the query."""

    def ask(query: Vectors) -> list[int]:
        values = (*parameters, HalfVector(query.astype(np.float16)))
        return [found[0] for found in driver.execute(statement, values, binary=True)]

    return ask


def plan(
    driver: psycopg.Connection[Any],
    row: BackboneRow,
    statement: sql.Composed,
    query: Vectors,
    parameters: tuple[Any, ...] = (),
) -> str:
    """Whether the planner answers a statement by the `index` or by a `scan`."""
    values = (*parameters, HalfVector(query.astype(np.float16)))
    lines = driver.execute(sql.SQL("EXPLAIN ") + statement, values).fetchall()
    name = indexes.index_name(row)
    return "index" if any(name in line[0] for line in lines) else "scan"


def at_once(session: Session, row: BackboneRow, queries: Vectors, clients: int) -> dict[str, Cell]:
    """So many processes that search as fast as they can for some seconds, as `nearest` does."""
    with session.connect() as connection:
        info = raw(connection).info
        url = make_conninfo(info.dsn, password=info.password)
    context = multiprocessing.get_context("spawn")
    start, done = context.Barrier(clients), context.SimpleQueue()
    processes = [
        context.Process(target=_client, args=(url, row, queries, start, done))
        for _ in range(clients)
    ]
    for process in processes:
        process.start()
    milliseconds = [one for _ in processes for one in done.get()]
    for process in processes:
        process.join()
    everything = Timed(answers=[], milliseconds=milliseconds)
    rate = len(milliseconds) / _CLIENTS_S
    return {"queries_per_s": rate, **everything.percentiles("nearest_", 50, 95)}


def _client(
    url: str, row: BackboneRow, queries: Vectors, start: Barrier, done: SimpleQueue[list[float]]
) -> None:
    """Search until the time is over; gives the milliseconds of each query."""
    session = Session(url)
    ask = nearest(session, row, EF_SEARCH)
    timed(ask, queries[:5])
    milliseconds: list[float] = []
    start.wait()
    until = time.monotonic() + _CLIENTS_S
    while time.monotonic() < until:
        at = len(milliseconds) % len(queries)
        milliseconds += timed(ask, queries[at : at + 1]).milliseconds
    session.close()
    done.put(milliseconds)
