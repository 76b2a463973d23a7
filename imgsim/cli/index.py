"""`imgsim index`."""

from __future__ import annotations

from typing import Annotated

import typer

from imgsim.cli.exit_codes import ExitCode
from imgsim.cli.state import state_of
from imgsim.pipeline.index import index_status, rebuild_indexes
from imgsim.reports import index_table

app = typer.Typer(no_args_is_help=True, help="HNSW indexes: their state, building them anew.")


@app.command("status")
def status_command(context: typer.Context) -> ExitCode:
    """Show each embedding table: rows, size, and its index."""
    with state_of(context).session() as session:
        typer.echo(index_table.render(index_status(session)))
    return ExitCode.DONE


@app.command("rebuild")
def rebuild_command(
    context: typer.Context,
    backbone: Annotated[
        list[str] | None,
        typer.Option(
            "--backbone", "-b", help="Only this one; may be repeated.", show_default=False
        ),
    ] = None,
) -> ExitCode:
    """Build the HNSW index anew, for one backbone or all, whatever the table's size."""
    state = state_of(context)
    with state.session() as session:
        rebuild_indexes(session, backbone, state.terminal.note)
        typer.echo(index_table.render(index_status(session)))
    return ExitCode.DONE
