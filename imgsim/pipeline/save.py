"""Saving the answers of a search into the result tables."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import replace

from imgsim.comparison import TrueFrame
from imgsim.domain import QueryResult
from imgsim.pipeline.discover import absolute
from imgsim.pipeline.embedders import Choice
from imgsim.pipeline.search import SearchReport, find_similar
from imgsim.pipeline.truth import CANDIDATES, Truths, recognise, require_frames
from imgsim.store import registry, results, truth
from imgsim.store.engine import Session


def search_and_save(
    session: Session,
    queries: Sequence[str],
    *,
    command: str,
    choice: Choice,
    k: int,
    exact: bool,
    truths: Truths,
    note: Callable[[str], None],
) -> SearchReport:
    """Search, find each query's true frame, and save the answers.

    Args:
        session: the database.
        queries: paths of pictures.
        command: search or compare.
        choice: which backbones.
        k: how many hits are saved for each query.
        exact: compare every embedding even where there is an HNSW index.
        truths: true frames that are known beforehand; the others are looked for by content.
        note: is told which device a network runs on.

    Returns:
        the answers, with their search_id if any query could be asked.

    Raises:
        InvalidArgument: k or a truth makes no sense.
        Otherwise as find_similar.
    """
    given = require_frames(session, truths, queries)
    # True frames are looked for among more hits than are asked for.
    wide = find_similar(
        session,
        queries,
        choice=choice,
        k=max(k, CANDIDATES) if k > 0 else k,
        exact=exact,
        note=note,
    )
    if not wide.results:
        return wide
    known = [
        given.get(absolute(question.path))
        or recognise(
            session, question, [hit.frame for result in found for hit in result.hits[:CANDIDATES]]
        )
        for question, found in zip(wide.run.questions, _by_question(wide), strict=True)
    ]
    cut = replace(
        wide,
        results=tuple(replace(each, k=k, hits=each.hits[:k]) for each in wide.results),
        run=replace(wide.run, k=k),
    )
    offsets = _offsets(session, cut, known)
    search_id = results.save(session, command, cut.run, cut.results, known, offsets)
    return replace(cut, search_id=search_id)


def _by_question(report: SearchReport) -> list[tuple[QueryResult, ...]]:
    """The results of each question, by backbone."""
    each = len(report.run.backbones)
    return [report.results[at * each : (at + 1) * each] for at in range(len(report.run.questions))]


def _offsets(
    session: Session, report: SearchReport, known: Sequence[TrueFrame | None]
) -> list[list[int | None]]:
    """For each hit of each result: how many embedded frames after the true frame; else None."""
    rows = {row.backbone_id: row for row in registry.backbones(session)}

    @functools.cache  # many queries may be stills of one film
    def places(backbone_id: int, media_id: int) -> dict[int, int]:
        frames = truth.embedded_frames(session, rows[backbone_id], media_id)
        return {frame_id: place for place, frame_id in enumerate(frames)}

    offsets: list[list[int | None]] = []
    for true, found in zip(known, _by_question(report), strict=True):
        for run, result in zip(report.run.backbones, found, strict=True):
            place = places(run.backbone_id, true.media_id) if true else {}
            origin = place.get(true.frame_id) if true else None
            hits = (place.get(hit.frame.frame_id) for hit in result.hits)
            offsets.append([None if origin is None or at is None else at - origin for at in hits])
    return offsets
