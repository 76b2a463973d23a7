"""How a backbone looks: the same colour wherever it occurs on a page."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

# Okabe and Ito, "Color Universal Design" (2008): told apart by colour-blind people as well.
_COLOURS = (
    *("#0072b2", "#e69f00", "#009e73", "#d55e00"),
    *("#cc79a7", "#56b4e9", "#f0e442", "#999999"),
)
_MARKERS = "osD^vPX*"


@dataclass(frozen=True, kw_only=True, slots=True)
class Look:
    """Colour and shape of one backbone."""

    colour: str  # #rrggbb
    marker: str  # as Matplotlib names them
    is_striped: bool  # told apart from an earlier one of that colour


Looks = dict[str, Look]
"""By label of the backbone."""


def looks_of(backbones: Iterable[str]) -> Looks:
    """A look for each; from the ninth on, colours come again with stripes."""
    return {
        backbone: Look(
            colour=_COLOURS[at % len(_COLOURS)],
            marker=_MARKERS[at % len(_MARKERS)],
            is_striped=at >= len(_COLOURS),
        )
        for at, backbone in enumerate(dict.fromkeys(backbones))
    }
