"""Options that several commands share."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from imgsim.backbones import DEFAULT
from imgsim.pipeline.embedders import Choice


class Device(StrEnum):
    """Where a network runs."""

    AUTO = "auto"
    CPU = "cpu"
    GPU = "gpu"


BackboneOption = Annotated[
    list[str] | None,
    typer.Option(
        "--backbone",
        "-b",
        help=f"Network to embed with; may be repeated. [default: {DEFAULT}]",
        show_default=False,
    ),
]
WeightsOption = Annotated[
    Path | None,
    typer.Option(
        help="Weights file for the one backbone named; remembered for later commands.",
        show_default=False,
    ),
]
DeviceOption = Annotated[Device, typer.Option(help="Where the network runs.")]


def choice_of(backbone: list[str] | None, weights: Path | None, device: Device) -> Choice:
    """The backbones that these options choose."""
    return Choice(names=backbone or [DEFAULT], weights=weights, device=device.value)
