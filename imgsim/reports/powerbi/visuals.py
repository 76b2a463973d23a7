"""What a page is made of: fields of the model, and the kinds of visuals that show them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from imgsim.reports.powerbi.layout import Box
from imgsim.reports.powerbi.model import table_of

Setting = bool | int | str
Settings = Mapping[str, Mapping[str, Setting]]
"""Formatting of a visual, by object and property, as Power BI calls them."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Field:
    """A column or measure of the model."""

    table: str
    name: str
    is_measure: bool
    heading: str  # what people read


@dataclass(frozen=True, kw_only=True, slots=True)
class Visual:
    """One thing on a page."""

    kind: str  # as Power BI calls it
    box: Box
    title: str | None  # None: it needs none
    roles: Mapping[str, tuple[Field, ...]]  # what is shown, and as what
    settings: Settings = field(default_factory=dict)
    sort: tuple[Field, bool] | None = None  # by what, and whether upwards
    chosen: str | None = None  # what a slicer begins with
    is_shared: bool = False  # a slicer that chooses on all pages at once
    shows_all: bool = False  # rows too for which every measure is blank


@dataclass(frozen=True, kw_only=True, slots=True)
class Page:
    """A page and what is on it."""

    title: str
    visuals: tuple[Visual, ...]


def column(table: str, name: str, heading: str) -> Field:
    """A column of the model."""
    return Field(table=table, name=name, is_measure=False, heading=heading)


def measure(name: str, heading: str | None = None) -> Field:
    """A measure of the model; KeyError if there is no such measure."""
    return Field(table=table_of(name), name=name, is_measure=True, heading=heading or name)


def slicer(
    box: Box,
    what: Field,
    *,
    is_upwards: bool = True,
    takes_one: bool = False,
    chosen: str | None = None,
    is_shared: bool = False,
) -> Visual:
    """A list to choose from, folded.

    Args:
        box: where.
        what: the column whose values are listed.
        is_upwards: whether the least value comes first.
        takes_one: exactly one value is chosen at any time, the first one to begin with.
        chosen: the value to begin with; all of them if None.
        is_shared: the choice holds on every page with a shared slicer of this column.
    """
    return Visual(
        kind="slicer",
        box=box,
        title=None,
        roles={"Values": (what,)},
        settings={
            "data": {"mode": "Dropdown"},
            "selection": {"strictSingleSelect": takes_one},
            "header": {"show": True, "text": what.heading},
        },
        sort=(what, is_upwards),
        chosen=chosen,
        is_shared=is_shared,
    )


def card(box: Box, what: Field, *, size: int = 24) -> Visual:
    """One number or one line of text.

    Args:
        box: where.
        what: a measure.
        size: of the letters, in points.
    """
    return Visual(
        kind="card",
        box=box,
        title=what.heading,
        roles={"Values": (what,)},
        # Display units 1: the whole number, and not 1K.
        settings={
            "categoryLabels": {"show": False},
            "labels": {"fontSize": size, "labelDisplayUnits": 1},
            "wordWrap": {"show": True},
        },
    )


def chart(
    box: Box,
    title: str,
    *,
    kind: str,
    by: Field,
    values: tuple[Field, ...],
    colour: Field | None = None,
) -> Visual:
    """Bars.

    Args:
        box: where.
        title: what it shows.
        kind: barChart, clusteredBarChart or clusteredColumnChart.
        by: what there is a bar for.
        values: measures.
        colour: what there is a colour for.
    """
    series = {"Series": (colour,)} if colour else {}
    return Visual(
        kind=kind,
        box=box,
        title=title,
        roles={"Category": (by,), **series, "Y": values},
        settings={"labels": {"show": True}},
        sort=(by, True),
    )


def table(
    box: Box,
    title: str,
    *fields: Field,
    picture_height: int = 0,
    sort: Field | None = None,
    shows_all: bool = False,
) -> Visual:
    """Rows of columns and measures, without a total.

    Args:
        box: where.
        title: what it shows.
        fields: from left to right.
        picture_height: of pictures in it, in pixels; 0: there are none.
        sort: the column that orders the rows.
        shows_all: whether a row is shown for which every measure is blank.
    """
    return Visual(
        kind="tableEx",
        box=box,
        title=title,
        roles={"Values": fields},
        settings={"total": {"totals": False}, **_pictures(picture_height)},
        sort=(sort, True) if sort else None,
        shows_all=shows_all,
    )


def matrix(
    box: Box,
    title: str,
    *,
    rows: Field,
    columns: Field,
    values: tuple[Field, ...],
    picture_height: int = 0,
) -> Visual:
    """Measures where a value of one column meets that of another, without totals.

    Args:
        box: where.
        title: what it shows.
        rows: the column whose values run down.
        columns: the column whose values run across.
        values: measures.
        picture_height: of pictures in it, in pixels; 0: there are none.
    """
    return Visual(
        kind="pivotTable",
        box=box,
        title=title,
        roles={"Rows": (rows,), "Columns": (columns,), "Values": values},
        settings={
            "subTotals": {"rowSubtotals": False, "columnSubtotals": False},
            **_pictures(picture_height),
        },
    )


def _pictures(height: int) -> Settings:
    return {"grid": {"imageHeight": height}} if height else {}
