"""A chart as an SVG element that belongs to the page: its font, its colours, unique ids."""

from __future__ import annotations

import io
import re
import warnings
from xml.etree import ElementTree

from matplotlib.figure import Figure

# Colours that a reader's light or dark theme decides: drawn in shades that nothing else uses, which
# become variables of the page's style.
INK = "#010101"
MUTED = "#020202"
GRID = "#030303"
TONES = ("#040404", "#050505", "#060606")
_VARIABLES = {
    INK: "var(--ink)",
    MUTED: "var(--muted)",
    GRID: "var(--grid)",
    **{tone: f"var(--tone-{at})" for at, tone in enumerate(TONES, start=1)},
}
_THEMED = re.compile("|".join(_VARIABLES))
_REFERENCE = re.compile(r"url\(#([^)]*)\)|^#(.*)$")
_LEFT_OUT = ("}metadata", "}style")  # its style is for all elements: of the page, once inside it
_NO_METADATA = dict.fromkeys(("Creator", "Date", "Format", "Type"))


def inline_svg(figure: Figure, name: str, label: str) -> str:
    """Draw a figure into an <svg> element; what stands in it is escaped.

    Args:
        figure: what to draw.
        name: unique on the page; ids inside begin with it.
        label: what the chart shows, for those who cannot see it.
    """
    drawn = io.StringIO()
    with warnings.catch_warnings():
        # Characters that the font for measuring lacks are drawn by the browser's.
        warnings.filterwarnings("ignore", message="Glyph .* missing from")
        figure.savefig(drawn, format="svg", metadata=_NO_METADATA)
    root = ElementTree.fromstring(drawn.getvalue())
    for parent in root.iter():
        for child in [each for each in parent if each.tag.endswith(_LEFT_OUT)]:
            parent.remove(child)
    used = {_target(value) for each in root.iter() for value in each.attrib.values()}
    used &= {each.get("id") for each in root.iter()}  # `fill="#0072b2"` refers to nothing
    for each in root.iter():
        _belong(each, name, used)
    for size in ("width", "height"):
        root.attrib.pop(size)
    root.attrib |= {"role": "img", "aria-label": label}
    return ElementTree.tostring(root, encoding="unicode")


def _target(value: str) -> str | None:
    """The id that an attribute refers to."""
    found = _REFERENCE.search(value)
    return (found[1] or found[2]) if found else None


def _belong(element: ElementTree.Element, name: str, used: set[str | None]) -> None:
    """Take namespaces away, which HTML implies, and ids that nothing refers to; put themes in."""
    element.tag = element.tag.rpartition("}")[2]
    attributes = {}
    for key, value in element.attrib.items():
        plain = key.rpartition("}")[2]
        if plain != "id":
            target = _target(value)
            own = value.replace(f"#{target}", f"#{name}-{target}") if target in used else value
            attributes[plain] = _THEMED.sub(lambda shade: _VARIABLES[shade[0]], own)
        elif value in used:
            attributes["id"] = f"{name}-{value}"
    element.attrib.clear()
    element.attrib.update(attributes)
