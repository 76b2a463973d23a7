"""`imgsim db`."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Annotated

import typer

from imgsim.cli.bi_user import bi_user_command
from imgsim.cli.exit_codes import ExitCode
from imgsim.cli.state import State, state_of
from imgsim.config import DATABASE_URL
from imgsim.errors import InvalidArgument
from imgsim.store import migrations, roles, search_path
from imgsim.store.backup import read_backup, write_backup
from imgsim.store.psql import psql_call
from imgsim.store.server import EmbeddedServer

app = typer.Typer(
    no_args_is_help=True,
    help="The database: the embedded PostgreSQL, or the one that --database-url names.",
)
app.command("bi-user")(bi_user_command)


@app.command()
def start(context: typer.Context) -> ExitCode:
    """Start the embedded PostgreSQL and bring its database up to date."""
    state = state_of(context)
    server = _embedded(state, "start")
    migrations.upgrade(server.ensure())
    return _show_status(server)


@app.command()
def stop(context: typer.Context) -> ExitCode:
    """Stop the embedded PostgreSQL; the data stays."""
    was_running = _embedded(state_of(context), "stop").stop()
    typer.echo("stopped" if was_running else "was not running")
    return ExitCode.DONE


@app.command()
def status(context: typer.Context) -> ExitCode:
    """Say whether the embedded PostgreSQL runs, and where; exit code 3 if it does not."""
    return _show_status(_embedded(state_of(context), "status"))


@app.command()
def url(context: typer.Context) -> ExitCode:
    """Print the database's URL, password included; starts the embedded PostgreSQL if need be."""
    typer.echo(_url(state_of(context)))
    return ExitCode.DONE


@app.command()
def upgrade(context: typer.Context) -> ExitCode:
    """Bring the database's tables to this imgsim's version."""
    state = state_of(context)
    changed = migrations.upgrade(
        state.settings.database_url or EmbeddedServer(state.settings.data_dir).ensure()
    )
    what = "brought to" if changed else "is at"
    typer.echo(f"The database {what} revision {migrations.head()}.")
    with state.session() as session:
        if roles.renew_rights(session):
            state.terminal.note("The rights of its BI users were renewed.")
        if hint := search_path.hint(session):
            state.terminal.note(
                f"To call similar() and nearest() without `imgsim.` before them, run once:\n{hint}"
            )
    return ExitCode.DONE


@app.command()
def backup(
    context: typer.Context, file: Annotated[Path, typer.Argument(help="A file to be made.")]
) -> ExitCode:
    """Write the whole gallery into a file (pg_dump's custom format)."""
    write_backup(_url(state_of(context)), file)
    typer.echo(f"{file}: {file.stat().st_size:,} bytes")
    return ExitCode.DONE


@app.command()
def restore(
    context: typer.Context, file: Annotated[Path, typer.Argument(help="Made by `db backup`.")]
) -> ExitCode:
    """Fill an empty gallery from a backup."""
    read_backup(_url(state_of(context)), file)
    typer.echo(f"restored from {file}")
    return ExitCode.DONE


@app.command(
    context_settings={"allow_extra_args": True, "ignore_unknown_options": True},
    add_help_option=False,
)
def psql(context: typer.Context) -> ExitCode:
    """Open psql on the database; all further arguments are psql's (-c "SELECT 1")."""
    arguments, environment = psql_call(_url(state_of(context)), context.args, os.environ)
    if os.name == "posix":
        sys.stdout.flush()
        os.execvpe(arguments[0], arguments, environment)
    ran = subprocess.run(arguments, env=environment, check=False)
    return ExitCode.DONE if ran.returncode == 0 else ExitCode.FAILED


def _embedded(state: State, verb: str) -> EmbeddedServer:
    if state.settings.database_url:
        raise InvalidArgument(
            f"`imgsim db {verb}` is about the embedded server, but --database-url or "
            f"{DATABASE_URL} names another database. Unset it, or name the embedded server's "
            "--data-dir."
        )
    return EmbeddedServer(state.settings.data_dir)


def _url(state: State) -> str:
    """The URL of the database; the embedded one is started and brought up to date."""
    if state.settings.database_url:
        return state.settings.database_url
    url = EmbeddedServer(state.settings.data_dir).ensure()
    migrations.upgrade(url)
    return url


def _show_status(server: EmbeddedServer) -> ExitCode:
    found = server.status()
    if not found.running:
        typer.echo(f"not running; data in {found.data_dir}")
        return ExitCode.DATABASE_UNREACHABLE
    typer.echo(
        f"PostgreSQL {found.postgres_version} runs on 127.0.0.1:{found.port}, pid {found.pid}; "
        f"data in {found.data_dir}"
    )
    return ExitCode.DONE
