"""Options that several commands share."""

from __future__ import annotations

from enum import StrEnum
from fractions import Fraction
from pathlib import Path
from typing import Annotated

import typer

from imgsim.backbones import DEFAULT
from imgsim.errors import InvalidArgument
from imgsim.pipeline.embedders import Choice
from imgsim.sampling import Sampling


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


EveryOption = Annotated[int, typer.Option(help="Keep every Nth frame of a video.")]
FpsOption = Annotated[
    str | None,
    typer.Option(
        help="Keep this many frames for each second of a video: 1, 0.5 or 1/3.",
        show_default=False,
    ),
]


def sampling_of(every: int, fps: str | None) -> Sampling:
    """The rule that these options state; frames a second exact: `29.97`, `1/3`.

    Raises:
        InvalidArgument: they contradict each other, or are no numbers in range.
    """
    try:
        rate = None if fps is None else Fraction(fps)
    except (ValueError, ZeroDivisionError) as error:
        raise InvalidArgument(
            f"--fps takes a number of frames a second (1, 0.5, 1/3), not '{fps}'."
        ) from error
    return Sampling(every=every, fps=rate)


def choice_of(backbone: list[str] | None, weights: Path | None, device: Device) -> Choice:
    """The backbones that these options choose."""
    return Choice(names=backbone or [DEFAULT], weights=weights, device=device.value)
