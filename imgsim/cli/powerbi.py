"""`imgsim powerbi`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from imgsim.cli.exit_codes import ExitCode
from imgsim.cli.state import state_of
from imgsim.pipeline.powerbi import write_power_bi


def powerbi_command(
    context: typer.Context,
    out: Annotated[Path, typer.Option(help="A new or empty folder for the project.")],
) -> ExitCode:
    """Write a Power BI project of the saved runs, the evaluations and the gallery.

    It is text: a semantic model (TMDL) and a report (PBIR) that read the views of schema bi.
    """
    state = state_of(context)
    with state.session() as session:
        project = write_power_bi(session, out)
    typer.echo(project.opener)
    state.terminal.note(
        f"\nIt reads {project.database} at {project.server}. No user, password or data is in it.\n"
        "  1. `imgsim db bi-user NAME` makes a user who may read the views and nothing else.\n"
        f"  2. Open {project.opener.name} in Power BI Desktop (June 2025 or later) and press "
        "Refresh.\n"
        "  3. Choose Database, not Windows, and give that user's name and password, once. Agree\n"
        "     to a connection without encryption if the server offers none.\n"
        "If it does not open: File > Options > Preview features, tick Power BI Project and PBIR.\n"
        "On another machine: copy the folder there, and change the parameter Server under\n"
        "Transform data > Edit parameters."
    )
    return ExitCode.DONE
