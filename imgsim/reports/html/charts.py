"""The charts of a page, by Matplotlib. Narrow enough for a phone, in units of its pixels."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import matplotlib.style
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import FuncFormatter, MaxNLocator

from imgsim.reports.columns import printable
from imgsim.reports.html.inline_svg import GRID, INK, MUTED, TONES
from imgsim.reports.html.looks import Look, Looks
from imgsim.reports.html.names import shortened

_WIDTH = 400
_BAR = 11  # height of a bar
_GAP = 9  # between groups of bars
_AXIS = 46  # below the bars: numbers and what they are
_LEGEND_LINE = 16
_NAME = 24  # characters of a group's name
_ROOM = 1.2  # right of the longest bar, for its value
_STYLE = {
    "figure.facecolor": "none",
    "axes.facecolor": "none",
    "savefig.facecolor": "none",
    "svg.fonttype": "none",  # text stays text, in the page's font, for search and screen readers
    "svg.hashsalt": "imgsim",  # equal charts give equal bytes
    "text.parse_math": False,  # a $ in a file's name is no formula
    "font.size": 11,
    "axes.labelsize": 11,
    "axes.titlesize": 11,
    "xtick.labelsize": 10,
    "ytick.labelsize": 11,
    "legend.fontsize": 11,
    "legend.frameon": False,
    "text.color": INK,
    "axes.titlecolor": MUTED,
    "axes.labelcolor": MUTED,
    "axes.edgecolor": GRID,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.grid.axis": "x",
    "axes.axisbelow": True,
    "grid.color": GRID,
    "grid.linewidth": 1,
    "xtick.color": GRID,
    "xtick.labelcolor": MUTED,
    "ytick.labelcolor": INK,
    "ytick.major.size": 0,
    "hatch.linewidth": 1.5,
}

Interval = tuple[float, float, float]
"""A value, and the lower and upper end of its interval."""


@contextmanager
def chart_style() -> Iterator[None]:
    """Charts look like this and not as a user's own Matplotlib settings say; around all drawing."""
    with matplotlib.style.context(["default", _STYLE]):
        yield


def grouped_bars(
    groups: Sequence[str],
    series: Mapping[str, Sequence[int | None]],
    looks: Looks,
    *,
    x_label: str,
) -> Figure:
    """Whole numbers: for each group a bar of each backbone.

    Args:
        groups: names, from top to bottom; at least one.
        series: by backbone, a value for each group; None for no bar.
        looks: of the backbones.
        x_label: what the values are.
    """
    figure, axes = _grouped(groups, list(series), x_label)
    for at, (backbone, values) in enumerate(series.items()):
        for place, value in zip(_places(groups, len(series), at), values, strict=True):
            if value is not None:
                axes.barh(place, value, height=_BAR - 1, **_fill(looks[backbone]))
                _write(axes, value, place, f"{value:,}")
    known = [value for values in series.values() for value in values if value is not None]
    axes.set_xlim(0, _length(known) * 1.08)
    _count_axis(axes)
    _legend(figure, [(name, Patch(**_fill(looks[name]))) for name in series])
    return figure


def intervals(
    lines: Sequence[str],
    series: Mapping[str, Sequence[Interval | None]],
    looks: Looks,
    *,
    x_label: str,
) -> Figure:
    """Shares from 0 to 1: for each line a mark of each backbone, with its interval.

    Args:
        lines: names, from top to bottom; at least one.
        series: by backbone, a value for each line; None for no mark.
        looks: of the backbones.
        x_label: what the values are.
    """
    figure, axes = _grouped(lines, list(series), x_label)
    for at, (backbone, values) in enumerate(series.items()):
        look = looks[backbone]
        for place, value in zip(_places(lines, len(series), at), values, strict=True):
            if value is not None:
                middle, *ends = value
                axes.plot(ends, [place, place], color=look.colour, linewidth=2)
                axes.plot([middle], [place], clip_on=False, **_mark(look))
    axes.set_xlim(0, 1)
    _legend(figure, [(name, Line2D([], [], **_mark(looks[name]))) for name in series])
    return figure


def panels(measures: Mapping[str, Mapping[str, float]], looks: Looks) -> Figure:
    """Below each other, for each measure a bar of each backbone."""
    most = max(map(len, measures.values()))
    figure = _figure(len(measures) * (most * (_BAR + _GAP) + _AXIS))
    all_axes = figure.subplots(len(measures), squeeze=False)[:, 0]
    for axes, (title, values) in zip(all_axes, measures.items(), strict=True):
        _by_backbone(axes, values, looks)
        axes.set_title(title, loc="left")
    return figure


def covered(embedded: Mapping[str, int], embeddable: int, looks: Looks, *, x_label: str) -> Figure:
    """A bar of each backbone, and a line for how long they could be."""
    figure = _figure(len(embedded) * (_BAR + _GAP) + _AXIS + _LEGEND_LINE)
    axes = figure.subplots()
    _by_backbone(axes, embedded, looks, beyond=embeddable)
    line = axes.axvline(embeddable, color=INK, linewidth=1.5, linestyle=(0, (4, 3)))
    axes.set_xlabel(x_label, loc="left")
    _count_axis(axes)
    _legend(figure, [(f"all that can be embedded: {embeddable:,}", line)])
    return figure


def stacked(bars: Sequence[str], parts: Mapping[str, Sequence[int]], *, x_label: str) -> Figure:
    """For each bar, its parts one after the other, in tones that are no backbone's."""
    figure = _figure(len(bars) * (2 * _BAR + _GAP) + _AXIS + _LEGEND_LINE)
    axes = figure.subplots()
    ends = [0] * len(bars)
    legend: list[tuple[str, Artist]] = []
    for (part, values), tone in zip(parts.items(), TONES, strict=False):
        axes.barh(range(len(bars)), values, left=ends, height=0.7, color=tone)
        ends = [end + value for end, value in zip(ends, values, strict=True)]
        legend.append((part, Patch(color=tone)))
    for place, end in enumerate(ends):
        _write(axes, end, place, f"{end:,}")
    _name_bars(axes, bars)
    axes.set_xlim(0, _length(ends) * _ROOM)
    axes.set_xlabel(x_label, loc="left")
    _count_axis(axes)
    _legend(figure, legend)
    return figure


def _figure(height: float) -> Figure:
    return Figure(figsize=(_WIDTH / 72, height / 72), dpi=72, layout="constrained")


def _grouped(groups: Sequence[str], backbones: Sequence[str], x_label: str) -> tuple[Figure, Axes]:
    """Axes with a named band for each group, from top to bottom."""
    band = _BAR * len(backbones) + _GAP
    legend = _LEGEND_LINE * -(-len(backbones) // _columns(backbones))
    figure = _figure(band * len(groups) + _AXIS + legend)
    axes = figure.subplots()
    axes.set_ylim(band * len(groups) - _GAP / 2, -_GAP / 2)
    middles = [band * at + _BAR * len(backbones) / 2 for at in range(len(groups))]
    axes.set_yticks(middles, [_name(group) for group in groups])
    axes.set_xlabel(x_label, loc="left")
    return figure, axes


def _places(groups: Sequence[str], backbones: int, at: int) -> list[float]:
    """The middles of a backbone's bars, one in each group's band."""
    return [(_BAR * backbones + _GAP) * group + _BAR * (at + 0.5) for group in range(len(groups))]


def _by_backbone(axes: Axes, values: Mapping[str, float], looks: Looks, beyond: float = 0) -> None:
    """A bar of each backbone, named, and its value: no further left than `beyond`."""
    for place, (backbone, value) in enumerate(values.items()):
        axes.barh(place, value, height=0.6, **_fill(looks[backbone]))
        _write(axes, max(value, beyond), place, _short(value))
    _name_bars(axes, list(values))
    axes.set_xlim(0, _length([*values.values(), beyond]) * _ROOM)
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,g}"))


def _name_bars(axes: Axes, names: Sequence[str]) -> None:
    axes.set_yticks(range(len(names)), [_name(name) for name in names])
    axes.set_ylim(len(names) - 0.5, -0.5)


def _count_axis(axes: Axes) -> None:
    """Whole numbers at the axis, few enough to stand beside each other."""
    axes.xaxis.set_major_locator(MaxNLocator("auto", integer=True))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))


def _write(axes: Axes, end: float, place: float, text: str) -> None:
    """A value at the end of its bar."""
    axes.annotate(
        text,
        (end, place),
        (4, 0),
        textcoords="offset points",
        va="center_baseline",
        fontsize=10,
        color=MUTED,
    )


def _fill(look: Look) -> dict[str, Any]:
    if look.is_striped:
        return {"facecolor": look.colour, "edgecolor": INK, "hatch": "////"}
    return {"facecolor": look.colour}


def _mark(look: Look) -> dict[str, Any]:
    return {
        "color": look.colour,
        "marker": look.marker,
        "markersize": 6,
        "linestyle": "none",
        "markeredgecolor": INK if look.is_striped else look.colour,
    }


def _name(text: str) -> str:
    return shortened(printable(text), _NAME)


def _columns(names: Sequence[str]) -> int:
    """Columns of the legend; a long name needs the whole width."""
    return 2 if max(map(len, names)) <= _NAME else 1


def _legend(figure: Figure, entries: Sequence[tuple[str, Artist]]) -> None:
    names = [name for name, _ in entries]
    figure.legend(
        [artist for _, artist in entries],
        names,
        loc="outside upper left",
        ncols=_columns(names),
        borderaxespad=0,
        handlelength=1.2,
    )


def _length(values: Sequence[float]) -> float:
    """The longest bar; 1 where there is none, for an axis has to have a length."""
    return max(values, default=0) or 1


def _short(value: float) -> str:
    """Whole numbers whole, others to three digits or so."""
    if value >= 100 or value == int(value):
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 1 else f"{value:.2f}"
