"""`imgsim ingest`."""

from __future__ import annotations

from enum import StrEnum
from fractions import Fraction
from typing import Annotated

import typer

from imgsim.cli.exit_codes import ExitCode, of_inputs
from imgsim.cli.options import BackboneOption, Device, DeviceOption, WeightsOption, choice_of
from imgsim.cli.state import state_of
from imgsim.errors import InvalidArgument
from imgsim.pipeline.ingest import ingest
from imgsim.reports import ingest_text
from imgsim.sampling import Sampling


class Format(StrEnum):
    """How the summary is written."""

    TEXT = "text"
    JSON = "json"


_RENDER = {Format.TEXT: ingest_text.render_text, Format.JSON: ingest_text.render_json}


def ingest_command(
    context: typer.Context,
    paths: Annotated[
        list[str], typer.Argument(help="Images, videos, folders (recursive), glob patterns.")
    ],
    backbone: BackboneOption = None,
    weights: WeightsOption = None,
    device: DeviceOption = Device.AUTO,
    every: Annotated[int, typer.Option(help="Keep every Nth frame of a video.")] = 1,
    fps: Annotated[
        str | None,
        typer.Option(
            help="Keep this many frames for each second of a video: 1, 0.5 or 1/3.",
            show_default=False,
        ),
    ] = None,
    format_: Annotated[Format, typer.Option("--format", help="How to print.")] = Format.TEXT,
) -> ExitCode:
    """Put images and videos into the gallery. What is there already is not done again."""
    state = state_of(context)
    choice = choice_of(backbone, weights, device)
    sampling = Sampling(every=every, fps=parse_fps(fps))
    with state.session() as session:
        report = ingest(session, paths, choice=choice, sampling=sampling, progress=state.terminal)
    typer.echo(_RENDER[format_](report))
    return of_inputs(len(report.media) - len(report.failed), len(report.failed))


def parse_fps(given: str | None) -> Fraction | None:
    """A number of frames a second, exact: `29.97`, `1/3`.

    Raises:
        InvalidArgument: it is no number.
    """
    if given is None:
        return None
    try:
        return Fraction(given)
    except (ValueError, ZeroDivisionError) as error:
        raise InvalidArgument(
            f"--fps takes a number of frames a second (1, 0.5, 1/3), not '{given}'."
        ) from error
