"""The backbones on offer, for people."""

from __future__ import annotations

from collections.abc import Sequence

from imgsim.domain import BackboneListing
from imgsim.reports.columns import align

_HEAD = ("name", "dim", "input", "weights")


def render(backbones: Sequence[BackboneListing]) -> str:
    """A line for each; the default is marked."""
    return "\n".join(align(_HEAD, [_row(backbone) for backbone in backbones], {"dim"}))


def _row(backbone: BackboneListing) -> tuple[str, ...]:
    side = backbone.input_size
    at_hand = f"at hand: {backbone.weights}"
    absent = f"not here; {backbone.weights_from}, or --weights FILE"
    return (
        f"{backbone.name} (default)" if backbone.is_default else backbone.name,
        str(backbone.dim),
        f"{side}x{side}",
        at_hand if backbone.weights else absent,
    )
