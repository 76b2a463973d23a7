"""A page that shows saved runs, evaluations and the gallery in any browser."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import groupby
from pathlib import Path

from imgsim import __version__
from imgsim.comparison import QueryMetrics
from imgsim.errors import EmptyGallery, GalleryError, InvalidArgument, OutputError
from imgsim.report_values import ReportContents, RunContents, RunSummary
from imgsim.store import report_data
from imgsim.store.comparison import read_comparison
from imgsim.store.engine import Session

DEFAULT_QUERIES = 20
"""Queries of a run whose hits are shown as pictures."""

_DAMAGED = 200  # failed and partial media that are listed; `imgsim media list` has all


@dataclass(frozen=True, kw_only=True, slots=True)
class ReportChoice:
    """What a page is to show."""

    searches: tuple[int, ...] = ()  # none: the newest comparison, or else the newest saved search
    evaluations: tuple[int, ...] = ()  # none: the newest
    queries: int = DEFAULT_QUERIES  # of each run, with their hits; those most disputed


@dataclass(frozen=True, kw_only=True, slots=True)
class WrittenReport:
    """What was written."""

    size: int  # bytes
    queries: int  # of the runs that it shows
    shown: int  # of these, with their hits


def write_report(
    session: Session, out: Path, choice: ReportChoice, *, overwrite: bool = False
) -> WrittenReport:
    """Write one HTML file that needs nothing else, neither network nor other files.

    Args:
        session: the database.
        out: the file.
        choice: what to show.
        overwrite: replace a file that is there.

    Raises:
        InvalidArgument: the number of queries is negative.
        OutputError: the file exists, or cannot be written.
        GalleryError: there is no such run or evaluation.
        EmptyGallery: there is nothing to show at all.
        DatabaseError
    """
    # Only here: drawing takes a library that is slow to start.
    from imgsim.reports.html.page import render

    if choice.queries < 0:
        raise InvalidArgument(f"--queries must be 0 or more, not {choice.queries}.")
    if os.path.lexists(out) and not overwrite:
        raise OutputError(f"{out} exists already; --force replaces it.")
    contents = read_report(session, choice)
    page = render(contents).encode("utf-8", "replace")
    try:
        out.write_bytes(page)
    except OSError as error:
        raise OutputError(f"{out} cannot be written to: {error.strerror or error}.") from error
    return WrittenReport(
        size=len(page),
        queries=sum(run.summary.queries for run in contents.runs),
        shown=sum(len(run.shown) for run in contents.runs),
    )


def read_report(session: Session, choice: ReportChoice) -> ReportContents:
    """All that the page shows; see write_report."""
    runs = report_data.read_runs(session)
    measured = report_data.read_evaluations(session)
    gallery = report_data.read_gallery(session, _DAMAGED)
    if not (gallery.media or runs or measured):
        raise EmptyGallery(
            "The gallery is empty, so there is nothing to report. Fill it: imgsim ingest PATH..."
        )
    known_runs = [run.search_id for run in runs]
    chosen = _known("run", "imgsim compare", choice.searches or _newest(runs), known_runs)
    known = [each.evaluation_id for each in measured]
    wanted = _known("evaluation", "imgsim evaluate", choice.evaluations or known[:1], known)
    shown = [_read_run(session, run, choice.queries) for run in runs if run.search_id in chosen]
    return ReportContents(
        version=__version__,
        written_at=datetime.now(UTC),
        runs=tuple(shown),
        other_runs=tuple(run for run in runs if run.search_id not in chosen),
        evaluations=tuple(
            report_data.read_evaluation(session, each) for each in known if each in wanted
        ),
        other_evaluations=tuple(each for each in measured if each.evaluation_id not in wanted),
        gallery=gallery,
        pictures=report_data.read_pictures(session, set(_frames(shown))),
    )


def _newest(runs: Sequence[RunSummary]) -> list[int]:
    """The newest comparison, or else the newest saved search."""
    comparisons = [run for run in runs if run.command == "compare"]
    return [run.search_id for run in (comparisons or runs)[:1]]


def _known(what: str, command: str, wanted: Sequence[int], known: Sequence[int]) -> set[int]:
    """The numbers that are wanted, if all of them are known."""
    missing = sorted(set(wanted) - set(known))
    if missing:
        there = ", ".join(map(str, sorted(known)[-20:])) or f"none: {command} saves one"
        raise GalleryError(
            f"No {what} is saved with the number {', '.join(map(str, missing))}; there is: {there}."
        )
    return set(wanted)


def _read_run(session: Session, run: RunSummary, limit: int) -> RunContents:
    comparison = read_comparison(session, run.search_id)
    shown = most_disputed(comparison.queries)[:limit]
    return RunContents(
        summary=run,
        comparison=comparison,
        shown=report_data.read_asked(session, shown),
        found=report_data.read_found(session, shown),
    )


def most_disputed(answers: Sequence[QueryMetrics]) -> list[int]:
    """The queries, those first on which backbones differ most; where they differ alike, in order.

    What counts is whether all find the true frame, whether all find it first, and how far they lie
    apart in adjacent hits.
    """
    by_query = {
        query_id: tuple(group) for query_id, group in groupby(answers, key=lambda a: a.query_id)
    }

    def dispute(query_id: int) -> tuple[bool, bool, int]:
        own = by_query[query_id]
        adjacent = [each.adjacent_hits or 0 for each in own]
        return (
            len({each.match_found for each in own}) > 1,
            len({each.first_match for each in own}) > 1,
            max(adjacent) - min(adjacent),
        )

    return sorted(by_query, key=dispute, reverse=True)


def _frames(runs: Sequence[RunContents]) -> Iterator[int]:
    """The frames whose pictures the runs show."""
    for run in runs:
        yield from (hit.frame_id for hit in run.found if hit.frame_id is not None)
        yield from (each.truth_frame_id for each in run.shown if each.truth_frame_id is not None)
