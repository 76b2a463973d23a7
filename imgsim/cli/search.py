"""`imgsim search`."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from imgsim.backbones import DEFAULT, Engine
from imgsim.cli.exit_codes import ExitCode, of_inputs
from imgsim.cli.options import (
    BackboneOption,
    Device,
    DeviceOption,
    EngineOption,
    Format,
    TruthOption,
    WeightsOption,
    choice_of,
)
from imgsim.cli.state import state_of
from imgsim.errors import InvalidArgument
from imgsim.pipeline.export import export_hits
from imgsim.pipeline.save import search_and_save
from imgsim.pipeline.search import DEFAULT_K, find_similar
from imgsim.pipeline.sheet import write_sheet
from imgsim.pipeline.truth import parse_truths
from imgsim.reports import search_csv, search_json, search_table

_RENDER = {
    Format.TABLE: search_table.render,
    Format.JSON: search_json.render,
    Format.CSV: search_csv.render,
}


def search_command(
    context: typer.Context,
    queries: Annotated[
        list[str], typer.Argument(help="Pictures to look for; they need not be in the gallery.")
    ],
    k: Annotated[int, typer.Option("-k", help="Hits for each query.")] = DEFAULT_K,
    backbone: BackboneOption = None,
    weights: WeightsOption = None,
    device: DeviceOption = Device.AUTO,
    engine: EngineOption = Engine.AUTO,
    exact: Annotated[
        bool, typer.Option("--exact", help="Compare every embedding, index or not.")
    ] = False,
    format_: Annotated[Format, typer.Option("--format", help="How to print.")] = Format.TABLE,
    sheet: Annotated[
        Path | None,
        typer.Option(
            help="Also draw the queries and their hits into this PNG.", show_default=False
        ),
    ] = None,
    export: Annotated[
        Path | None,
        typer.Option(
            help="Also write the queries and their hits at full size into this new folder.",
            show_default=False,
        ),
    ] = None,
    save: Annotated[
        bool, typer.Option("--save", help="Also save the answers in the result tables.")
    ] = False,
    truth: TruthOption = None,
) -> ExitCode:
    """Find the frames and images most like a picture."""
    state = state_of(context)
    choice = choice_of(
        state.settings, backbone or [DEFAULT], weights=weights, device=device, engine=engine
    )
    ask = find_similar
    if save:
        ask = partial(search_and_save, command="search", truths=parse_truths(truth))
    if truth and not save:
        raise InvalidArgument(
            "--truth is kept with the answers, and nothing is kept without --save."
        )
    with state.session() as session:
        report = ask(session, queries, choice=choice, k=k, exact=exact, note=state.terminal.note)
        for error in report.failed:
            state.terminal.error(str(error))
        if report.search_id is not None:
            state.terminal.note(f"saved as search {report.search_id}")
        if report.results:
            typer.echo(_RENDER[format_](report.results))
            if sheet:
                write_sheet(session, report.results, sheet)
        lost = export_hits(session, report.results, export) if export and report.results else []
    for error in lost:
        state.terminal.error(str(error))
    failed = len(report.failed)
    return of_inputs(len(queries) - failed, failed + len(lost))
