"""The backbones on offer."""

from __future__ import annotations

from imgsim import backbones
from imgsim.domain import BackboneListing


def catalogue() -> list[BackboneListing]:
    """Every backbone, the default first; loads no network and asks no server."""
    listed = []
    for name in backbones.names():
        backbone = backbones.get(name)
        at_hand = backbone.weights_at_hand()
        listed.append(
            BackboneListing(
                name=name,
                dim=backbone.dim,
                input_size=backbone.input_size,
                weights=str(at_hand) if at_hand else None,
                weights_from=backbone.weights_from,
                is_default=name == backbones.DEFAULT,
            )
        )
    return listed
