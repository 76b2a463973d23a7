"""Options that several commands share."""

from __future__ import annotations

from dataclasses import replace
from enum import StrEnum
from fractions import Fraction
from pathlib import Path
from typing import Annotated

import typer

from imgsim.backbones import DEFAULT, Engine
from imgsim.config import Settings
from imgsim.errors import InvalidArgument
from imgsim.pipeline.embedders import Choice
from imgsim.sampling import Sampling


class Device(StrEnum):
    """Where a network runs."""

    AUTO = "auto"
    CPU = "cpu"
    GPU = "gpu"


class Format(StrEnum):
    """How results are written."""

    TABLE = "table"
    JSON = "json"
    CSV = "csv"


class TextFormat(StrEnum):
    """How something that is no table is written."""

    TEXT = "text"
    JSON = "json"


BackboneOption = Annotated[
    list[str] | None,
    typer.Option(
        "--backbone",
        "-b",
        help=f"Network to embed with; may be repeated. [default: {DEFAULT}]",
        show_default=False,
    ),
]
AllBackbonesOption = Annotated[
    list[str] | None,
    typer.Option(
        "--backbone",
        "-b",
        help="Backbone to ask; may be repeated. [default: all that were ingested]",
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
EngineOption = Annotated[
    Engine,
    typer.Option(
        help="What runs the network; auto: OpenVINO on the CPU, TensorFlow on a GPU.",
    ),
]
TruthOption = Annotated[
    list[str] | None,
    typer.Option(
        help="The frame a query shows, QUERY=MEDIA@INDEX, or a CSV file of two columns, QUERY and "
        "MEDIA@INDEX; may be repeated.",
        show_default=False,
    ),
]


EveryOption = Annotated[
    int | None, typer.Option(help="Keep every Nth frame of a video; 1: all.", show_default=False)
]
FpsOption = Annotated[
    str | None,
    typer.Option(
        help="Keep this many frames for each second of a video: 1, 0.5 or 1/3.",
        show_default=False,
    ),
]
KeyframesOption = Annotated[
    bool,
    typer.Option(
        "--keyframes",
        help="Keep a video's keyframes only (all are decoded all the same).",
    ),
]
ScenesOption = Annotated[
    bool, typer.Option("--scenes", help="Keep one or a few frames of each shot.")
]
SkipSimilarOption = Annotated[
    bool,
    typer.Option(
        "--skip-similar", help="Leave out frames that hardly differ from the last one kept."
    ),
]


def sampling_of(
    every: int | None,
    fps: str | None,
    *,
    keyframes: bool,
    scenes: bool,
    skip_similar: bool,
    otherwise: Sampling,
) -> Sampling:
    """The rule that these options state, or `otherwise`; frames a second exact: `29.97`, `1/3`.

    Raises:
        InvalidArgument: they contradict each other, or are no numbers in range.
    """
    try:
        rate = None if fps is None else Fraction(fps)
    except (ValueError, ZeroDivisionError) as error:
        raise InvalidArgument(
            f"--fps takes a number of frames a second (1, 0.5, 1/3), not '{fps}'."
        ) from error
    others = rate is not None or keyframes or scenes
    if every is None and not others:
        return replace(otherwise, skip_similar=skip_similar)
    if every == 1 and others:  # to Sampling, 1 means that nothing was said
        raise InvalidArgument("--every 1 takes all frames; leave it out to choose by another rule.")
    return Sampling(
        every=1 if every is None else every,
        fps=rate,
        keyframes=keyframes,
        scenes=scenes,
        skip_similar=skip_similar,
    )


def choice_of(
    settings: Settings,
    names: list[str],
    *,
    weights: Path | None = None,
    device: Device = Device.AUTO,
    engine: Engine = Engine.AUTO,
) -> Choice:
    """The backbones of these names, run as the options say."""
    return Choice(
        names=names,
        weights=weights,
        device=device.value,
        engine=engine,
        exports=settings.exports,
    )
