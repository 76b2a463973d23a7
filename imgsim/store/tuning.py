"""How much of the exact answer an HNSW index finds at each ef_search, and how long that takes."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
import numpy.typing as npt
from sqlalchemy import Connection, Row, select, update

from imgsim.domain import Vectors
from imgsim.errors import GalleryError
from imgsim.index_tuning import IndexWidth, WidthFound
from imgsim.store import evaluations, indexes, matrix, schema, search
from imgsim.store.engine import Session, raw
from imgsim.store.evaluations import Ids
from imgsim.store.registry import BackboneRow
from imgsim.vectors import l2_normalize

EF_SEARCHES = (40, 60, 80, 100, 150, 200, 300, 400, 600, 800, search.MAX_EF_SEARCH)
"""The widths that are tried, in this order."""

MAX_K = search.MAX_EF_SEARCH - 1
"""The index is asked for one hit more, since each query finds the frame it was made of."""

_AS_NEAR = 1e-4
"""Cosine distance up to which a hit is as good as the k-th exact one. The index orders by vectors
that it scales and rounds to halfvec once more, and so errs by about that much; which of several
frames of a still scene comes k-th is chance. Were it a miss, no ef_search would find all."""

_MOVED = 0.3
"""Length of the noise that a query is moved by; a cosine distance of about 0.04. A stored row as it
is flatters the index: its own node leads straight to its neighbours. On clustered and film-like
galleries of 20,000 that gave up to .04 more recall at equal width."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Questions:
    """What an index is asked for, and what it should answer: all but the frame each comes from."""

    frame_ids: Ids  # int64 (q,), which frames the queries were made of
    vectors: Vectors  # float32 (q, dim), of values that halfvec holds, as the query is cast to that
    wanted: npt.NDArray[np.int64]  # (q,), hits that each should get: k, or all there are
    farthest: Vectors  # float32 (q,), exact cosine distance of the last of them
    k: int
    gallery_rows: int


def widths(session: Session, backbones: list[BackboneRow]) -> dict[str, IndexWidth]:
    """How searches follow the indexes of these backbone revisions, by slug; only of those built."""
    with session.connect() as connection:
        built = {row.backbone_id: row for row in connection.execute(select(schema.hnsw_index))}
        return {
            row.slug: _width(built.get(row.backbone_id))
            for row in backbones
            if indexes.has_index(connection, row)
        }


def _width(built: Row[Any] | None) -> IndexWidth:
    if built is None or built.ef_search is None:
        return IndexWidth(ef_search=indexes.DEFAULT_EF_SEARCH)
    return IndexWidth(ef_search=built.ef_search, recall=built.tuned_recall, k=built.tuned_k)


def built_at(session: Session, backbone: BackboneRow) -> datetime | None:
    """When the index was built that searches follow now; None where there is none."""
    with session.connect() as connection:
        return _built_at(connection, backbone)


def draw(session: Session, backbone: BackboneRow, k: int, sample: int, seed: int) -> Questions:
    """Draw frames, move each a little, and find the k nearest others by one reading of all.

    Args:
        session: the database.
        backbone: whose embeddings.
        k: how many, 1 to MAX_K.
        sample: how many frames; all if there are fewer.
        seed: of the sample, and of how its frames are moved.

    Raises:
        GalleryError: there are fewer than two embeddings.
    """
    drawn = evaluations.sample_frames(session, [backbone], sample, seed)
    frame_ids = np.fromiter(drawn, np.int64)
    vectors = evaluations.vectors_of(session, backbone, frame_ids)
    is_there = vectors.any(axis=1)  # the others were forgotten meanwhile
    frame_ids, vectors = frame_ids[is_there], _moved(vectors[is_there], seed)
    ids, distances = matrix.nearest_of_many(session, backbone, l2_normalize(vectors), k + 1)
    if not len(frame_ids) or ids.shape[1] < 2:
        raise GalleryError(
            f"Of {backbone.slug} the gallery has too few embeddings to measure its index by: it "
            "takes two frames at least. Add some: imgsim ingest PATH..."
        )
    others = [far[row != own][:k] for own, row, far in zip(frame_ids, ids, distances, strict=True)]
    with session.connect() as connection:
        gallery_rows = indexes.count_rows(connection, backbone)
    return Questions(
        frame_ids=frame_ids,
        vectors=vectors,
        wanted=np.array([len(each) for each in others]),
        farthest=np.array([each[-1] for each in others], np.float32),
        k=k,
        gallery_rows=gallery_rows,
    )


def ask(session: Session, backbone: BackboneRow, questions: Questions) -> Iterator[WidthFound]:
    """Put the questions to the index, each time wider; whoever has seen enough stops.

    The last width is the widest at which PostgreSQL follows the index. On a table of some tens of
    MB it finds comparing all rows cheaper than a wide search, and such a width would mean nothing
    once the table has grown.

    The frame that a query was made of is asked for besides the k, since it will be among the first,
    and counts neither as found nor as missed.
    """
    widths = [each for each in EF_SEARCHES if each > questions.k]
    _ask_all(session, backbone, questions, widths[0])  # untimed: the index comes into memory
    for ef_search in widths:
        if not _is_followed(session, backbone, questions, ef_search):
            return
        shares, seconds = _ask_all(session, backbone, questions, ef_search)
        median, p95 = np.percentile(seconds, (50, 95)) * 1000
        yield WidthFound(
            ef_search=ef_search,
            recall=float(np.mean(shares)),
            median_ms=float(median),
            p95_ms=float(p95),
        )


def keep(
    session: Session, backbone: BackboneRow, found: WidthFound, k: int, built: datetime
) -> None:
    """Let searches use this width from now on, on the index that was built then.

    Raises:
        GalleryError: that index is gone.
    """
    record = schema.hnsw_index
    with session.transaction() as connection:
        if _built_at(connection, backbone) != built:
            raise GalleryError(
                f"The index of {backbone.slug} was dropped or built anew while it was measured, "
                f"and nothing is stored. Try again: imgsim index tune -b {backbone.name}"
            )
        connection.execute(
            update(record)
            .where(record.c.backbone_id == backbone.backbone_id, record.c.built_at == built)
            .values(ef_search=found.ef_search, tuned_recall=found.recall, tuned_k=k)
        )


def _is_followed(
    session: Session, backbone: BackboneRow, questions: Questions, ef_search: int
) -> bool:
    """Whether PostgreSQL plans with the index at this width; it does so for all queries or none."""
    query = search.index_neighbours(backbone, questions.vectors[0], questions.k + 1)
    with session.transaction() as connection:
        search.set_width(connection, ef_search)
        statement = query.compile(connection, compile_kwargs={"literal_binds": True}).string
        plan = raw(connection).execute(f"EXPLAIN {statement}".encode()).fetchall()
    return any(indexes.index_name(backbone) in line for (line,) in plan)


def _moved(vectors: Vectors, seed: int) -> Vectors:
    """Unit vectors, float32 (n, dim), moved by noise and rounded to what halfvec holds."""
    scale = _MOVED / np.sqrt(vectors.shape[1])
    noise = np.random.default_rng(seed).normal(scale=scale, size=vectors.shape)
    moved = l2_normalize((vectors + noise).astype(np.float32))
    return moved.astype(np.float16).astype(np.float32)


def _built_at(connection: Connection, backbone: BackboneRow) -> datetime | None:
    if not indexes.has_index(connection, backbone):
        return None
    record = schema.hnsw_index.c
    return connection.execute(
        select(record.built_at).where(record.backbone_id == backbone.backbone_id)
    ).scalar_one_or_none()


def _ask_all(
    session: Session, backbone: BackboneRow, questions: Questions, ef_search: int
) -> tuple[list[float], list[float]]:
    """For each question the share of its hits that the index finds, and the seconds it takes."""
    shares, seconds = [], []
    with session.transaction() as connection:
        search.set_width(connection, ef_search)
        for own, vector, wanted, farthest in zip(
            questions.frame_ids.tolist(),
            questions.vectors,
            questions.wanted.tolist(),
            questions.farthest.tolist(),
            strict=True,
        ):
            query = search.index_neighbours(backbone, vector, questions.k + 1)
            started = time.perf_counter()
            rows = connection.execute(query).all()
            seconds.append(time.perf_counter() - started)
            others = sorted(row.distance for row in rows if row.frame_id != own)[: questions.k]
            near = sum(distance <= farthest + _AS_NEAR for distance in others)
            shares.append(min(near, wanted) / wanted)
    return shares, seconds
