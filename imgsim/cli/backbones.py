"""`imgsim backbones`."""

from __future__ import annotations

import typer

from imgsim.cli.exit_codes import ExitCode
from imgsim.pipeline.catalogue import catalogue
from imgsim.reports import backbones_table


def backbones_command() -> ExitCode:
    """List the networks: dimensions, input size, whether their weights are on this machine."""
    typer.echo(backbones_table.render(catalogue()))
    return ExitCode.DONE
