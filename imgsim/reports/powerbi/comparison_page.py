"""Which backbone finds the very frame, and how many of its neighbours in time."""

from __future__ import annotations

from imgsim.reports.powerbi.choices import (
    BACKBONE,
    QUERY,
    choose_backbones,
    choose_run,
    say_what_is_in_view,
)
from imgsim.reports.powerbi.layout import (
    CARD_HEIGHT,
    EDGE,
    PICTURE_HEIGHT,
    SLICER_HEIGHT,
    Box,
    below,
    height_below,
    row,
)
from imgsim.reports.powerbi.visuals import (
    Page,
    Visual,
    card,
    chart,
    column,
    measure,
    slicer,
    table,
)

_NUMBERS = (
    "Queries",
    "Successful matches",
    "Successful first matches",
    "First-match rate",
    "Mean adjacent hits",
    "Mean margin",
)


def comparison_page() -> Page:
    """The page."""
    top = row(EDGE, SLICER_HEIGHT, 4)
    cards = row(below(top[0]), CARD_HEIGHT, len(_NUMBERS))
    left, right = row(below(cards[0]), height_below(cards[0]), 2)
    return Page(
        title="Comparison",
        visuals=(
            choose_run(top[0]),
            choose_backbones(top[1]),
            slicer(top[2], QUERY),
            say_what_is_in_view(top[3], "Run in view"),
            *(card(box, measure(name)) for box, name in zip(cards, _NUMBERS, strict=True)),
            chart(
                left,
                "Adjacent hits by query",
                kind="clusteredBarChart",
                by=QUERY,
                values=(measure("Adjacent hits"),),
                colour=BACKBONE,
            ),
            _queries(right),
        ),
    )


def _queries(box: Box) -> Visual:
    return table(
        box,
        "Queries",
        column("dim_query", "image", "Picture"),
        QUERY,
        measure("Successful matches", "Matches"),
        measure("Successful first matches", "First matches"),
        measure("Best distance"),
        picture_height=PICTURE_HEIGHT,
        sort=QUERY,
    )
