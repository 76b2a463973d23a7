"""Which backbone finds the very frame, and how many of its neighbours in time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

from imgsim.comparison import BackboneMetrics, QueryMetrics
from imgsim.report_values import RunContents, RunSummary
from imgsim.reports.html import charts
from imgsim.reports.html.inline_svg import inline_svg
from imgsim.reports.html.looks import Looks
from imgsim.reports.html.names import distinct_names, file_name
from imgsim.reports.html.pictures import PicturePool


@dataclass(frozen=True, kw_only=True, slots=True)
class QueryLines:
    """A query, and how each backbone answered it."""

    name: str
    path: str
    picture: str | None  # id
    truth: str | None  # the true frame, FILE@INDEX
    answers: tuple[QueryMetrics, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class ComparisonSection:
    """What is shown of one run."""

    summary: RunSummary
    backbones: tuple[BackboneMetrics, ...]
    shown: tuple[QueryLines, ...]  # with pictures and in the chart
    others: tuple[QueryLines, ...]
    chart: str | None  # None: no true frame is known


def comparison_section(run: RunContents, looks: Looks, pool: PicturePool) -> ComparisonSection:
    """Arrange the answers of a run by query."""
    names = distinct_names(each.query for each in run.comparison.queries)
    pictures = {each.query_id: pool.add(each.image) for each in run.shown}
    lines = {
        query_id: _lines(tuple(group), names, pictures.get(query_id))
        for query_id, group in groupby(run.comparison.queries, key=lambda each: each.query_id)
    }
    shown = tuple(lines[each.query_id] for each in run.shown)
    return ComparisonSection(
        summary=run.summary,
        backbones=run.comparison.backbones,
        shown=shown,
        others=tuple(line for query_id, line in lines.items() if query_id not in pictures),
        chart=_chart(run, [line for line in shown if line.truth is not None], looks),
    )


def _lines(
    answers: tuple[QueryMetrics, ...], names: Mapping[str, str], picture: str | None
) -> QueryLines:
    first = answers[0]
    truth = None
    if first.truth is not None:
        truth = f"{file_name(first.truth)}@{first.truth_frame_index}"
    return QueryLines(
        name=names[first.query], path=first.query, picture=picture, truth=truth, answers=answers
    )


def _chart(run: RunContents, lines: Sequence[QueryLines], looks: Looks) -> str | None:
    if not lines:
        return None
    figure = charts.grouped_bars(
        [line.name for line in lines],
        {
            backbone: [_adjacent(line, backbone) for line in lines]
            for backbone in run.summary.backbones
        },
        looks,
        x_label=f"adjacent hits, of {run.comparison.k} hits",
    )
    label = "Bar chart: adjacent hits by query and backbone. The table has the same numbers."
    return inline_svg(figure, f"adjacent-{run.summary.search_id}", label)


def _adjacent(line: QueryLines, backbone: str) -> int | None:
    return next((each.adjacent_hits for each in line.answers if each.backbone == backbone), None)
