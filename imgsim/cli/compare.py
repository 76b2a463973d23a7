"""`imgsim compare`."""

from __future__ import annotations

from typing import Annotated

import typer

from imgsim.backbones import Engine
from imgsim.cli.exit_codes import ExitCode, of_inputs
from imgsim.cli.options import (
    AllBackbonesOption,
    Device,
    DeviceOption,
    EngineOption,
    Format,
    TruthOption,
    WeightsOption,
    choice_of,
)
from imgsim.cli.state import state_of
from imgsim.pipeline.compare import compare
from imgsim.pipeline.search import DEFAULT_K
from imgsim.pipeline.truth import parse_truths
from imgsim.reports import compare_csv, compare_json, compare_table

_RENDER = {
    Format.TABLE: compare_table.render,
    Format.JSON: compare_json.render,
    Format.CSV: compare_csv.render,
}


def compare_command(
    context: typer.Context,
    queries: Annotated[list[str], typer.Argument(help="Pictures to look for.")],
    backbone: AllBackbonesOption = None,
    k: Annotated[int, typer.Option("-k", help="Hits for each query.")] = DEFAULT_K,
    truth: TruthOption = None,
    weights: WeightsOption = None,
    device: DeviceOption = Device.AUTO,
    engine: EngineOption = Engine.AUTO,
    ann: Annotated[
        bool,
        typer.Option("--ann", help="Follow the indexes, as search does; else all is compared."),
    ] = False,
    format_: Annotated[Format, typer.Option("--format", help="How to print.")] = Format.TABLE,
) -> ExitCode:
    """Ask several backbones the same queries, and say which finds the right frame.

    The true frame of a query is found by its pixels, or given with --truth. The answers are saved
    in the result tables, for SQL and Power BI.
    """
    state = state_of(context)
    truths = parse_truths(truth)
    choice = choice_of(
        state.settings, backbone or [], weights=weights, device=device, engine=engine
    )
    with state.session() as session:
        report = compare(
            session,
            queries,
            choice=choice,
            k=k,
            exact=not ann,
            truths=truths,
            note=state.terminal.note,
        )
    for error in report.failed:
        state.terminal.error(str(error))
    if report.comparison:
        typer.echo(_RENDER[format_](report.comparison))
    failed = len(report.failed)
    return of_inputs(len(queries) - failed, failed)
