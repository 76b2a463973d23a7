"""`imgsim demo`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from imgsim.backbones import DEFAULT
from imgsim.cli.exit_codes import ExitCode
from imgsim.cli.options import choice_of
from imgsim.cli.state import state_of
from imgsim.pipeline.demo import PICTURE, run_demo
from imgsim.pipeline.sheet import write_sheet
from imgsim.reports import ingest_text, search_table

_K = 10


def demo(
    context: typer.Context,
    sheet: Annotated[Path, typer.Option(help="Where to draw the query and its hits (PNG).")] = Path(
        "imgsim-demo.png"
    ),
) -> ExitCode:
    """Ingest the sample video, search it with a picture, show the answer."""
    state = state_of(context)
    with state.session() as session:
        report = run_demo(
            session, choice=choice_of(state.settings, [DEFAULT]), k=_K, progress=state.terminal
        )
        typer.echo(ingest_text.render(report.ingested))
        typer.echo(search_table.render([report.result]))
        write_sheet(session, [report.result], sheet)
    typer.echo(f"The query and its hits as a picture: {sheet.absolute()}")
    state.terminal.note(
        "\nNext:\n"
        "  imgsim ingest YOUR-VIDEO.mp4 YOUR-PHOTOS/\n"
        f"  imgsim search {PICTURE} -k 5\n"
        "  imgsim db psql      # the tables, in SQL\n"
        "  imgsim db stop      # the embedded PostgreSQL keeps running until then"
    )
    return ExitCode.DONE
