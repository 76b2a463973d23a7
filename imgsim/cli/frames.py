"""`imgsim frames`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from imgsim.cli.exit_codes import ExitCode
from imgsim.cli.options import (
    EveryOption,
    FpsOption,
    KeyframesOption,
    ScenesOption,
    SkipSimilarOption,
    sampling_of,
)
from imgsim.cli.state import state_of
from imgsim.pipeline.data_set import LIST_NAME, PictureFormat, write_frames
from imgsim.sampling import ALL_FRAMES


def frames_command(
    context: typer.Context,
    video: Annotated[str, typer.Argument(help="The video to take apart.")],
    out: Annotated[Path, typer.Option(help="A new or empty folder for the pictures.")],
    every: EveryOption = None,
    fps: FpsOption = None,
    keyframes: KeyframesOption = False,
    scenes: ScenesOption = False,
    skip_similar: SkipSimilarOption = False,
    format_: Annotated[
        PictureFormat, typer.Option("--format", help="png keeps every pixel as decoded.")
    ] = PictureFormat.JPG,
) -> ExitCode:
    """Build a data set of pictures from a video, with a list of their times (frames.csv).

    Every frame, unless told otherwise.
    """
    terminal = state_of(context).terminal
    sampling = sampling_of(
        every,
        fps,
        keyframes=keyframes,
        scenes=scenes,
        skip_similar=skip_similar,
        otherwise=ALL_FRAMES,
    )
    with terminal:
        written = write_frames(video, out, sampling=sampling, kind=format_, progress=terminal)
    typer.echo(f"{written} pictures and {LIST_NAME} in {out}")
    return ExitCode.DONE
