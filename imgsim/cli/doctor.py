"""`imgsim doctor`."""

from __future__ import annotations

import typer

from imgsim.cli.exit_codes import ExitCode
from imgsim.cli.state import state_of
from imgsim.domain import Verdict
from imgsim.pipeline.doctor import examine
from imgsim.reports import finding_line


def doctor(context: typer.Context) -> ExitCode:
    """Check the installation and the database; prints what a bug report needs, no password.

    Exit code 1 if something is broken (lines that begin with a `!`).
    """
    settings = state_of(context).settings
    broken = False
    for finding in examine(database_url=settings.database_url, data_dir=settings.data_dir):
        typer.echo(finding_line.render(finding))
        broken = broken or finding.verdict is Verdict.BROKEN
    return ExitCode.FAILED if broken else ExitCode.DONE
