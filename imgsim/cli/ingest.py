"""`imgsim ingest`."""

from __future__ import annotations

from typing import Annotated

import typer

from imgsim.backbones import DEFAULT, Engine
from imgsim.cli.exit_codes import ExitCode, of_inputs
from imgsim.cli.options import (
    BackboneOption,
    Device,
    DeviceOption,
    EngineOption,
    EveryOption,
    FpsOption,
    KeyframesOption,
    ScenesOption,
    SkipSimilarOption,
    TextFormat,
    WeightsOption,
    choice_of,
    sampling_of,
)
from imgsim.cli.state import state_of
from imgsim.pipeline.ingest import Patience, ingest
from imgsim.reports import ingest_json, ingest_text
from imgsim.sampling import AUTO

_RENDER = {TextFormat.TEXT: ingest_text.render, TextFormat.JSON: ingest_json.render}


def ingest_command(
    context: typer.Context,
    paths: Annotated[
        list[str], typer.Argument(help="Images, videos, folders (recursive), glob patterns.")
    ],
    backbone: BackboneOption = None,
    weights: WeightsOption = None,
    device: DeviceOption = Device.AUTO,
    engine: EngineOption = Engine.AUTO,
    every: EveryOption = None,
    fps: FpsOption = None,
    keyframes: KeyframesOption = False,
    scenes: ScenesOption = False,
    skip_similar: SkipSimilarOption = False,
    time_limit: Annotated[
        float,
        typer.Option(help="Seconds after which a decoder that gives no frame is given up.", min=1),
    ] = Patience.decoder_s,
    database_timeout: Annotated[
        float, typer.Option(help="Seconds to wait for a database that has gone away.", min=0)
    ] = Patience.database_s,
    format_: Annotated[
        TextFormat, typer.Option("--format", help="How to print.")
    ] = TextFormat.TEXT,
) -> ExitCode:
    """Put images and videos into the gallery. What is there already is not done again.

    Unless told otherwise, every frame of a video of up to 2 minutes is kept, 5 a second of one of
    up to 20 minutes, and 1 a second of a longer one.
    """
    state = state_of(context)
    choice = choice_of(
        state.settings, backbone or [DEFAULT], weights=weights, device=device, engine=engine
    )
    sampling = sampling_of(
        every,
        fps,
        keyframes=keyframes,
        scenes=scenes,
        skip_similar=skip_similar,
        otherwise=AUTO,
    )
    with state.session() as session:
        report = ingest(
            session,
            paths,
            choice=choice,
            sampling=sampling,
            patience=Patience(decoder_s=time_limit, database_s=database_timeout),
            progress=state.terminal,
        )
    typer.echo(_RENDER[format_](report))
    return of_inputs(len(report.media) - len(report.failed), len(report.failed))
