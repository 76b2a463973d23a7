"""`imgsim index`."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from imgsim.cli.exit_codes import ExitCode, of_inputs
from imgsim.cli.state import state_of
from imgsim.pipeline.index import index_status, index_widths, rebuild_indexes
from imgsim.pipeline.search import DEFAULT_K
from imgsim.pipeline.tune import DEFAULT_RECALL, DEFAULT_SAMPLE, Wanted, tune_indexes
from imgsim.reports import index_table, tuning_json, tuning_table
from imgsim.store.engine import Session

app = typer.Typer(
    no_args_is_help=True,
    help="HNSW indexes: their state, building them anew, how wide they are searched.",
)


class TuneFormat(StrEnum):
    """How measured widths are written."""

    TABLE = "table"
    JSON = "json"


_RENDER = {TuneFormat.TABLE: tuning_table.render, TuneFormat.JSON: tuning_json.render}

_OnlyOption = Annotated[
    list[str] | None,
    typer.Option("--backbone", "-b", help="Only this one; may be repeated.", show_default=False),
]


@app.command("status")
def status_command(context: typer.Context) -> ExitCode:
    """Show each embedding table: rows, size, its index, and how wide searches follow that."""
    with state_of(context).session() as session:
        typer.echo(_status(session))
    return ExitCode.DONE


@app.command("rebuild")
def rebuild_command(context: typer.Context, backbone: _OnlyOption = None) -> ExitCode:
    """Build the HNSW index anew, for one backbone or all, whatever the table's size."""
    state = state_of(context)
    with state.session() as session:
        rebuild_indexes(session, backbone, state.terminal.note)
        typer.echo(_status(session))
    return ExitCode.DONE


@app.command("tune")
def tune_command(
    context: typer.Context,
    backbone: _OnlyOption = None,
    recall: Annotated[
        float, typer.Option(help="Share of the exact nearest frames that searches shall find.")
    ] = DEFAULT_RECALL,
    k: Annotated[int, typer.Option("-k", help="How many nearest frames.")] = DEFAULT_K,
    sample: Annotated[
        int, typer.Option(help="Measured by so many frames of the gallery.")
    ] = DEFAULT_SAMPLE,
    seed: Annotated[int, typer.Option(help="Of the sample.")] = 0,
    format_: Annotated[
        TuneFormat, typer.Option("--format", help="How to print.")
    ] = TuneFormat.TABLE,
) -> ExitCode:
    """Find the smallest ef_search that gives a wanted recall, and have searches use it.

    Frames of the gallery, moved a little, are looked for by comparing all and through the index, at
    rising ef_search until that finds enough of the exact answers. What was found is stored with the
    index, for imgsim and for its SQL functions. Without tuning, ef_search is 100.
    """
    wanted = Wanted(recall=recall, k=k, sample=sample, seed=seed)
    state = state_of(context)
    with state.session() as session:
        report = tune_indexes(session, backbone, wanted, state.terminal.note)
    if report.tunings:
        typer.echo(_RENDER[format_](report.tunings))
    for error in report.failed:
        state.terminal.error(str(error))
    return of_inputs(sum(each.chosen is not None for each in report.tunings), len(report.failed))


def _status(session: Session) -> str:
    return index_table.render(index_status(session), index_widths(session))
