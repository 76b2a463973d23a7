"""`imgsim media`, `imgsim forget`, `imgsim prune`."""

from __future__ import annotations

import sys
from enum import StrEnum
from typing import Annotated

import typer

from imgsim.cli.exit_codes import ExitCode, of_inputs
from imgsim.cli.options import Format, TextFormat
from imgsim.cli.state import State, state_of
from imgsim.domain import MediaStatus
from imgsim.errors import InvalidArgument
from imgsim.pipeline.media import (
    ForgetReport,
    describe_media,
    forget,
    forget_gone,
    gone_paths,
    list_media,
)
from imgsim.reports import media_csv, media_json, media_table

app = typer.Typer(no_args_is_help=True, help="What the gallery holds.")


class Status(StrEnum):
    """How a stored media can have ended."""

    COMPLETE = MediaStatus.COMPLETE.value
    PARTIAL = MediaStatus.PARTIAL.value
    FAILED = MediaStatus.FAILED.value


_RENDER_LIST = {
    Format.TABLE: media_table.render,
    Format.JSON: media_json.render,
    Format.CSV: media_csv.render,
}
_RENDER_SHOWN = {
    TextFormat.TEXT: media_table.render_described,
    TextFormat.JSON: media_json.render_described,
}


@app.command("list")
def list_command(
    context: typer.Context,
    paths: Annotated[
        list[str] | None,
        typer.Argument(
            help="Files, folders or glob patterns, as stored; everything if none is given.",
            metavar="PATH",
            show_default=False,
        ),
    ] = None,
    status: Annotated[
        Status | None, typer.Option(help="Only media that ended so.", show_default=False)
    ] = None,
    format_: Annotated[Format, typer.Option("--format", help="How to print.")] = Format.TABLE,
) -> ExitCode:
    """List the paths in the gallery, each with what lies there."""
    state = state_of(context)
    with state.session() as session:
        found = list_media(session, paths or [], MediaStatus(status.value) if status else None)
    for error in found.failed:
        state.terminal.error(str(error))
    typer.echo(_RENDER_LIST[format_](found.lines))
    return of_inputs(len(paths or []) - len(found.failed), len(found.failed))


@app.command("show")
def show_command(
    context: typer.Context,
    path: Annotated[str, typer.Argument(help="A file, as stored; it need not be there any more.")],
    format_: Annotated[
        TextFormat, typer.Option("--format", help="How to print.")
    ] = TextFormat.TEXT,
) -> ExitCode:
    """Show everything about one media: its paths, what it is, what was embedded and when."""
    with state_of(context).session() as session:
        typer.echo(_RENDER_SHOWN[format_](describe_media(session, path)))
    return ExitCode.DONE


def forget_command(
    context: typer.Context,
    paths: Annotated[
        list[str],
        typer.Argument(help="Files, folders (all below) or glob patterns, as stored."),
    ],
) -> ExitCode:
    """Take paths out of the gallery; the files themselves are left alone.

    A media goes, with its frames and embeddings, when its last path does. The files need not exist
    any more. Paths that other machines have stored stay.
    """
    state = state_of(context)
    with state.session() as session:
        report = forget(session, paths)
    return _tell(state, report)


def prune_command(
    context: typer.Context,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only list them.")] = False,
) -> ExitCode:
    """Forget the paths of this machine whose file is gone; lists them and asks first.

    A disk that is not plugged in looks the same as files that were deleted.
    """
    state = state_of(context)
    if not (yes or dry_run or sys.stdin.isatty()):
        raise InvalidArgument(
            "`imgsim prune` asks before it forgets anything, and there is no terminal to ask at. "
            "Add --yes, or see with --dry-run what would go."
        )
    with state.session() as session:
        gone = gone_paths(session)
    typer.echo(media_table.render_gone(gone), nl=bool(gone))
    if dry_run or not gone:
        state.terminal.note(f"Files that are gone: {len(gone)}; nothing was forgotten.")
        return ExitCode.DONE
    if not yes and not typer.confirm(f"Forget the paths above ({len(gone)})?", err=True):
        state.terminal.note("Nothing was forgotten.")
        return ExitCode.FAILED
    with state.session() as session:
        return _tell(state, forget_gone(session, gone))


def _tell(state: State, report: ForgetReport) -> ExitCode:
    for error in report.failed:
        state.terminal.error(str(error))
    if report.removed.paths:
        typer.echo(media_table.render_removal(report.removed))
    return of_inputs(report.removed.paths, len(report.failed))
