"""`imgsim ingest`."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from imgsim.cli.exit_codes import ExitCode, of_inputs
from imgsim.cli.options import (
    BackboneOption,
    Device,
    DeviceOption,
    EveryOption,
    FpsOption,
    WeightsOption,
    choice_of,
    sampling_of,
)
from imgsim.cli.state import state_of
from imgsim.pipeline.ingest import ingest
from imgsim.reports import ingest_text


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
    every: EveryOption = 1,
    fps: FpsOption = None,
    format_: Annotated[Format, typer.Option("--format", help="How to print.")] = Format.TEXT,
) -> ExitCode:
    """Put images and videos into the gallery. What is there already is not done again."""
    state = state_of(context)
    choice = choice_of(backbone, weights, device)
    sampling = sampling_of(every, fps)
    with state.session() as session:
        report = ingest(session, paths, choice=choice, sampling=sampling, progress=state.terminal)
    typer.echo(_RENDER[format_](report))
    return of_inputs(len(report.media) - len(report.failed), len(report.failed))
