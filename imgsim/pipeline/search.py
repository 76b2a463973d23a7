"""Search: a picture -> its embedding -> the nearest frames of the gallery."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from imgsim.comparison import BackboneRun, Run
from imgsim.domain import QueryResult, Vectors
from imgsim.errors import InvalidArgument, MediaError
from imgsim.pipeline.embedders import Choice, open_ingested
from imgsim.pipeline.questions import embed_queries
from imgsim.store import indexes, search
from imgsim.store.engine import Session
from imgsim.store.registry import BackboneRow

DEFAULT_K = 10
MAX_K = 1_000_000

_MANY = 8
"""From so many queries on, exact answers come by one reading of all embeddings."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SearchReport:
    """The answers, and the queries that could not be asked."""

    results: tuple[QueryResult, ...]  # by query, then by backbone, in the order given
    failed: tuple[MediaError, ...]
    run: Run
    search_id: int | None = None  # once saved


def find_similar(
    session: Session,
    queries: Sequence[str],
    *,
    choice: Choice | None = None,
    k: int = DEFAULT_K,
    exact: bool = False,
    note: Callable[[str], None] = lambda _text: None,
) -> SearchReport:
    """Find the k frames most like each query picture, by each chosen backbone.

    Args:
        session: the database.
        queries: paths of pictures; they need not be in the gallery.
        choice: which backbones; the default one if None, all that were ingested if it names none.
        k: how many hits a query gets, fewer only if the gallery has fewer.
        exact: compare every embedding even where there is an HNSW index.
        note: is told which device a network runs on.

    Raises:
        InvalidArgument: k is less than 1 or more than MAX_K.
        EmptyGallery, BackboneNotIngested: there is nothing to compare with.
        BackboneError, DatabaseError
    """
    if not 1 <= k <= MAX_K:
        raise InvalidArgument(f"-k must be 1 to {MAX_K:,}, not {k}.")
    started_at, began = datetime.now(UTC), time.monotonic()
    networks, rows = open_ingested(session, choice or Choice())
    embedded = embed_queries(queries, networks, note)
    asked = [
        _ask(session, row, vectors, k, exact=exact, embed_s=embed_s)
        for row, vectors, embed_s in zip(rows, embedded.vectors, embedded.seconds, strict=True)
    ]
    results = [
        QueryResult(
            query=question.path,
            backbone=run.backbone,
            k=k,
            exact=answers[at].exact,
            hits=tuple(answers[at].hits),
        )
        for at, question in enumerate(embedded.questions)
        for run, answers in asked
    ]
    run = Run(
        k=k,
        started_at=started_at,
        duration_s=time.monotonic() - began,
        questions=embedded.questions,
        backbones=tuple(run for run, _ in asked),
    )
    return SearchReport(results=tuple(results), failed=embedded.failed, run=run)


def _ask(
    session: Session, row: BackboneRow, vectors: Vectors, k: int, *, exact: bool, embed_s: float
) -> tuple[BackboneRun, list[search.Answer]]:
    """The answers of one backbone to all questions, and how they were come by."""
    exact = exact or k > search.MAX_EF_SEARCH or not indexes.is_indexed(session, row)
    began = time.monotonic()
    if exact and len(vectors) >= _MANY:
        answers = search.nearest_of_many(session, row, vectors, k)
    else:
        answers = [search.nearest(session, row, each, k, exact=exact) for each in vectors]
    run = BackboneRun(
        backbone_id=row.backbone_id,
        backbone=row.name,
        exact=exact,
        ef_search=answers[0].ef_search if answers else None,
        embed_s=embed_s,
        search_s=time.monotonic() - began,
    )
    return run, answers
