"""How well the backbones do on labelled pictures, what they cost, and how far they agree."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from imgsim.comparison import Agreement, BackboneMetrics
from imgsim.evaluation import ALL, Evaluation, Measurement, Metric
from imgsim.report_values import RunContents, RunSummary
from imgsim.reports.html import charts
from imgsim.reports.html.inline_svg import inline_svg
from imgsim.reports.html.looks import Looks


@dataclass(frozen=True, kw_only=True, slots=True)
class MeasureLine:
    """One measure of one part of the queries, by each backbone."""

    part: str
    measure: str  # recall_at_10, map
    queries: int
    by_backbone: Mapping[str, Measurement]  # label -> value


@dataclass(frozen=True, kw_only=True, slots=True)
class EvaluationSection:
    """What is shown of one evaluation."""

    evaluation: Evaluation
    backbones: tuple[str, ...]  # labels
    whole: tuple[MeasureLine, ...]  # over all queries
    whole_chart: str | None  # None: nothing is measured
    parts: tuple[MeasureLine, ...]  # hit rates at the least k
    parts_chart: str | None  # None: there are no parts
    rest: tuple[MeasureLine, ...]  # what else was measured of parts


@dataclass(frozen=True, kw_only=True, slots=True)
class CostsSection:
    """What backbones cost in one run, and how far they agree."""

    summary: RunSummary
    backbones: tuple[BackboneMetrics, ...]
    chart: str
    agreements: tuple[Agreement, ...]


def evaluation_section(evaluation: Evaluation, looks: Looks) -> EvaluationSection:
    """Arrange an evaluation by measure."""
    lines = _lines(evaluation)
    least = min(
        (each.k for each in evaluation.measurements if each.metric is Metric.HIT_RATE), default=1
    )
    first = Metric.HIT_RATE.at(least)
    whole = {line.measure: line for line in lines if line.part == ALL}
    parts = {line.part: line for line in lines if line.part != ALL and line.measure == first}
    name = f"evaluation-{evaluation.evaluation_id}"
    return EvaluationSection(
        evaluation=evaluation,
        backbones=tuple(dict.fromkeys(each.backbone for each in evaluation.measurements)),
        whole=tuple(whole.values()),
        whole_chart=_chart(name, whole, looks, "mean over the queries, with its 95 % interval"),
        parts=tuple(parts.values()),
        parts_chart=_chart(f"{name}-parts", parts, looks, f"{first}, with its 95 % interval"),
        rest=tuple(line for line in lines if line.part != ALL and line.measure != first),
    )


def costs_section(run: RunContents, looks: Looks) -> CostsSection:
    """Arrange what a run says of its backbones."""
    own = run.comparison.backbones
    figure = charts.panels(
        {
            "embedding, milliseconds a query": {each.backbone: each.embed_ms for each in own},
            "search, milliseconds a query": {each.backbone: each.search_ms for each in own},
            "bytes a vector": {each.backbone: each.vector_bytes for each in own},
        },
        looks,
    )
    label = "Bar charts: times and bytes by backbone. The table has the same numbers."
    return CostsSection(
        summary=run.summary,
        backbones=own,
        chart=inline_svg(figure, f"costs-{run.summary.search_id}", label),
        agreements=run.comparison.agreements,
    )


def _lines(evaluation: Evaluation) -> list[MeasureLine]:
    found: dict[tuple[str, Metric, int], dict[str, Measurement]] = {}
    for each in evaluation.measurements:
        found.setdefault((each.part, each.metric, each.k), {})[each.backbone] = each
    return [
        MeasureLine(
            part=part,
            measure=metric.at(k),
            queries=max(each.queries for each in by_backbone.values()),
            by_backbone=by_backbone,
        )
        for (part, metric, k), by_backbone in found.items()
    ]


def _chart(name: str, lines: Mapping[str, MeasureLine], looks: Looks, x_label: str) -> str | None:
    """The values of lines by their names; None where there are none."""
    if not lines:
        return None
    backbones = dict.fromkeys(label for line in lines.values() for label in line.by_backbone)
    series = {
        backbone: [_interval(line.by_backbone.get(backbone)) for line in lines.values()]
        for backbone in backbones
    }
    figure = charts.intervals(list(lines), series, looks, x_label=x_label)
    label = f"Chart: {x_label}, by backbone. The table has the same numbers."
    return inline_svg(figure, name, label)


def _interval(measured: Measurement | None) -> charts.Interval | None:
    return (measured.value, measured.low, measured.high) if measured else None
