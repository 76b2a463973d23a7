"""The backbones on offer, for people."""

from __future__ import annotations

from collections.abc import Sequence

from imgsim.domain import BackboneListing
from imgsim.reports.columns import align

_HEAD = ("name", "dim", "bytes", "input", "parameters", "top-1", "images/s", "weights")
_RIGHT = {"dim", "bytes", "input", "parameters", "top-1", "images/s"}
_LEGEND = (
    "bytes: of one embedding in the database; input: pixels, square; top-1: per cent on ImageNet, "
    "as published;\nimages/s: measured here by `imgsim backbones measure NAME...`"
)


def render(backbones: Sequence[BackboneListing]) -> str:
    """A line for each, the default marked, and what the columns mean."""
    return "\n".join([*align(_HEAD, [_row(each) for each in backbones], _RIGHT), "", _LEGEND])


def _row(backbone: BackboneListing) -> tuple[str, ...]:
    accuracy, speed = backbone.imagenet_top1, backbone.speed
    return (
        f"{backbone.name} (default)" if backbone.is_default else backbone.name,
        f"{backbone.dim:,}",
        f"{backbone.vector_bytes:,}",
        str(backbone.input_size),
        f"{backbone.parameters / 1e6:.1f} M",
        "-" if accuracy is None else f"{accuracy:.1f}",
        f"{speed.images_per_s:.0f} ({speed.device})" if speed else "-",
        _weights(backbone),
    )


def _weights(backbone: BackboneListing) -> str:
    if backbone.refusal:
        return f"cannot be used: {backbone.refusal}"
    if backbone.weights:
        return f"at hand: {backbone.weights}"
    return f"not here; {backbone.weights_from}"
