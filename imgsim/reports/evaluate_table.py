"""An evaluation as tables for people: a line for each measure, a column for each backbone."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from imgsim.evaluation import ALL, Evaluation, Measurement, Metric
from imgsim.reports.columns import align, printable
from imgsim.reports.readable import readable


def render(evaluation: Evaluation) -> str:
    """All measures over all queries; where there are kinds of copies, the first hit rate of each.

    Each number is a mean over queries, with its 95 % interval.
    """
    whole = [each for each in evaluation.measurements if each.part == ALL]
    tables = [_table("measure", whole, [each.metric.at(each.k) for each in whole])]
    least = min(each.k for each in whole if each.metric is Metric.HIT_RATE)
    parts = [
        each
        for each in evaluation.measurements
        if each.part != ALL and each.metric is Metric.HIT_RATE and each.k == least
    ]
    if parts:
        head = Metric.HIT_RATE.at(least)
        tables.append(_table(head, parts, [each.part for each in parts]))
    return "\n\n".join([*tables, _footer(evaluation, whole)])


def _table(head: str, measured: Sequence[Measurement], names: Sequence[str]) -> str:
    """A line for each name, a column for each backbone."""
    backbones = list(dict.fromkeys(each.backbone for each in measured))
    cells = {
        (name, each.backbone): f"{each.value:.3f} ({each.low:.3f}-{each.high:.3f})"
        for name, each in zip(names, measured, strict=True)
    }
    rows = [
        (name, *(cells.get((name, backbone), "-") for backbone in backbones))
        for name in dict.fromkeys(names)
    ]
    return "\n".join(align((head, *backbones), rows, frozenset()))


def _footer(evaluation: Evaluation, whole: Sequence[Measurement]) -> str:
    # The index is asked about all that a backbone has embedded.
    ranked = [each for each in whole if each.metric is not Metric.ANN_RECALL]
    return (
        f"{evaluation.kind}: {printable(readable(evaluation.source))}\n"
        f"{_counted(each.queries for each in ranked)} queries, "
        f"{_counted(each.gallery_rows for each in ranked)} frames ranked; means over the queries "
        f"and their 95 % intervals (bootstrap, seed {evaluation.seed})\n"
        f"saved as evaluation {evaluation.evaluation_id}: SQL and Power BI find it in schema bi"
    )


def _counted(counts: Iterable[int]) -> str:
    return " or ".join(f"{count:,}" for count in sorted(set(counts)))
