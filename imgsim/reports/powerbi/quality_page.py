"""How well the backbones do on labelled pictures, what they cost, and how far they agree."""

from __future__ import annotations

from imgsim.reports.powerbi.choices import BACKBONE, choose_run, say_what_is_in_view
from imgsim.reports.powerbi.layout import EDGE, GAP, SLICER_HEIGHT, Box, below, height_below, row
from imgsim.reports.powerbi.visuals import (
    Page,
    Visual,
    chart,
    column,
    matrix,
    measure,
    slicer,
    table,
)

_EVALUATION = column("dim_evaluation", "evaluation", "Evaluation")
_PART = column("fact_evaluation", "part", "Part of the queries")
_WHOLE = "all"  # the part that every evaluation has
_METRIC_COLUMNS = (
    ("metric", "Metric"),
    ("k", "k"),
    ("value", "Value"),
    ("low", "Low"),
    ("high", "High"),
    ("queries", "Queries"),
)


def quality_page() -> Page:
    """The page."""
    top = row(EDGE, SLICER_HEIGHT, 4)
    height = (height_below(top[0]) - GAP) // 2
    upper = row(below(top[0]), height, 2)
    lower = row(below(upper[0]), height, 2)
    return Page(
        title="Quality",
        visuals=(
            slicer(top[0], _EVALUATION, is_upwards=False),
            slicer(top[1], _PART, chosen=_WHOLE),
            choose_run(top[2]),
            say_what_is_in_view(top[3], "Evaluation in view"),
            chart(
                upper[0],
                "Recall, hit rate and mAP",
                kind="clusteredColumnChart",
                by=BACKBONE,
                values=(measure("Recall"), measure("Hit rate"), measure("mAP")),
            ),
            table(
                upper[1],
                "Values, with the ends of their 95 % intervals",
                BACKBONE,
                _PART,
                *(column("fact_evaluation", name, heading) for name, heading in _METRIC_COLUMNS),
            ),
            _costs(lower[0]),
            _agreement(lower[1]),
        ),
    )


def _costs(box: Box) -> Visual:
    return table(
        box,
        "What they cost, in the run chosen above",
        BACKBONE,
        column("dim_backbone", "dim", "Dimensions"),
        column("dim_backbone", "vector_bytes", "Bytes a vector"),
        measure("Embed ms"),
        measure("Search ms"),
        shows_all=True,
    )


def _agreement(box: Box) -> Visual:
    return matrix(
        box,
        "Agreement: share of hits that both have, in that run",
        rows=BACKBONE,
        columns=column("dim_other_backbone", "label", "Other backbone"),
        values=(measure("Mean overlap"), measure("Mean rank correlation")),
    )
