"""`imgsim report`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from imgsim.cli.exit_codes import ExitCode
from imgsim.cli.state import state_of
from imgsim.pipeline.report import DEFAULT_QUERIES, ReportChoice, write_report


def report_command(
    context: typer.Context,
    out: Annotated[Path, typer.Option(help="The file to write.")] = Path("imgsim-report.html"),
    search: Annotated[
        list[int] | None,
        typer.Option(
            help="Number of a saved run; may be repeated. [default: the newest comparison]",
            show_default=False,
        ),
    ] = None,
    evaluation: Annotated[
        list[int] | None,
        typer.Option(
            help="Number of an evaluation; may be repeated. [default: the newest]",
            show_default=False,
        ),
    ] = None,
    queries: Annotated[
        int,
        typer.Option(help="Show the hits of so many queries of a run, the most disputed ones."),
    ] = DEFAULT_QUERIES,
    force: Annotated[bool, typer.Option("--force", help="Replace a file that is there.")] = False,
) -> ExitCode:
    """Write a page for any browser: backbones compared, hits, quality, the gallery.

    It is one HTML file that needs no network and no other files. What it shows are the saved runs
    of `imgsim compare` and `search --save`, and of `imgsim evaluate`.
    """
    state = state_of(context)
    choice = ReportChoice(
        searches=tuple(search or ()), evaluations=tuple(evaluation or ()), queries=queries
    )
    with state.session() as session:
        report = write_report(session, out, choice, overwrite=force)
    typer.echo(out)
    size = f"{report.size / 1e6:.1f} MB"
    if report.shown < report.queries:
        size += f", with the hits of {report.shown} of {report.queries} queries (--queries)"
    state.terminal.note(size)
    return ExitCode.DONE
