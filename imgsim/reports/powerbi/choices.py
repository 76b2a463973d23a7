"""The columns that several pages are arranged by, and the choice of a run."""

from __future__ import annotations

from imgsim.reports.powerbi.layout import Box
from imgsim.reports.powerbi.visuals import Visual, card, column, measure, slicer

BACKBONE = column("dim_backbone", "label", "Backbone")
RUN = column("dim_search", "run", "Run")
QUERY = column("dim_query", "query", "Query")

_SMALL = 12  # points


def choose_run(box: Box) -> Visual:
    """The newest run first, and one at a time: sums over several runs would say nothing."""
    return slicer(box, RUN, is_upwards=False, takes_one=True, is_shared=True)


def choose_backbones(box: Box) -> Visual:
    """Any number of backbones."""
    return slicer(box, BACKBONE, is_shared=True)


def say_what_is_in_view(box: Box, name: str) -> Visual:
    """A measure that is a line of text."""
    return card(box, measure(name), size=_SMALL)
