"""What each backbone found for one query, as pictures."""

from __future__ import annotations

from imgsim.reports.powerbi.choices import (
    BACKBONE,
    QUERY,
    choose_backbones,
    choose_run,
    say_what_is_in_view,
)
from imgsim.reports.powerbi.layout import (
    EDGE,
    GAP,
    PICTURE_HEIGHT,
    SLICER_HEIGHT,
    WIDTH,
    Box,
    below,
    height_below,
    row,
)
from imgsim.reports.powerbi.visuals import Page, Visual, column, matrix, measure, slicer, table

_NARROW = 300  # pixels


def hits_page() -> Page:
    """The page."""
    top = row(EDGE, SLICER_HEIGHT, 4)
    y, height = below(top[0]), height_below(top[0])
    half = (height - GAP) // 2
    upper = Box(EDGE, y, _NARROW, half)
    return Page(
        title="Hits",
        visuals=(
            choose_run(top[0]),
            choose_backbones(top[1]),
            slicer(top[2], QUERY, takes_one=True),
            say_what_is_in_view(top[3], "Run in view"),
            _query(upper),
            _true_frame(Box(EDGE, below(upper), _NARROW, half)),
            _hits(Box(EDGE + _NARROW + GAP, y, WIDTH - 2 * EDGE - _NARROW - GAP, height)),
        ),
    )


def _query(box: Box) -> Visual:
    return table(
        box,
        "The query",
        column("dim_query", "image", "Picture"),
        column("dim_query", "file_name", "File"),
        picture_height=PICTURE_HEIGHT,
    )


def _true_frame(box: Box) -> Visual:
    """A table of its own: where no true frame is known, the row is hidden."""
    return table(
        box,
        "The frame it is known to be",
        measure("True frame picture", "Picture"),
        column("dim_query", "truth_frame_index", "Index"),
        column("dim_query", "truth_timestamp_s", "Seconds"),
        picture_height=PICTURE_HEIGHT,
    )


def _hits(box: Box) -> Visual:
    return matrix(
        box,
        "Hits by rank; offset 0 is the true frame",
        rows=column("fact_match", "rank", "Rank"),
        columns=BACKBONE,
        values=(
            measure("Hit picture", "Picture"),
            measure("Hit distance", "Distance"),
            measure("Hit offset", "Offset"),
        ),
        picture_height=PICTURE_HEIGHT,
    )
