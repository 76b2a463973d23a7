"""`imgsim backbones`."""

from __future__ import annotations

from typing import Annotated

import typer

from imgsim.cli.exit_codes import ExitCode
from imgsim.cli.options import Device, DeviceOption
from imgsim.cli.state import state_of
from imgsim.pipeline.catalogue import catalogue, measure_speeds
from imgsim.reports import backbones_table

app = typer.Typer(help="The networks on offer; without a subcommand, lists them.")


@app.callback(invoke_without_command=True)
def list_command(context: typer.Context) -> ExitCode | None:
    """List the networks: size, accuracy, speed, and whether their weights are on this machine."""
    if context.invoked_subcommand is None:
        typer.echo(backbones_table.render(catalogue(state_of(context).settings.cache_dir)))
        return ExitCode.DONE
    return None


@app.command("measure")
def measure_command(
    context: typer.Context,
    names: Annotated[list[str], typer.Argument(help="As the list names them.", metavar="NAME...")],
    device: DeviceOption = Device.AUTO,
) -> ExitCode:
    """Measure how many pictures a second networks embed on this machine; the list shows it then.

    Needs no weights, so that networks can be compared before anything is downloaded.
    """
    state = state_of(context)
    measure_speeds(state.settings.cache_dir, names, device.value, state.terminal.note)
    typer.echo(backbones_table.render(catalogue(state.settings.cache_dir, names)))
    return ExitCode.DONE
