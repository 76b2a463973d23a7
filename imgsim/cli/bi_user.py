"""`imgsim db bi-user`."""

from __future__ import annotations

import json
import shlex
from typing import Annotated

import typer

from imgsim.cli.exit_codes import ExitCode
from imgsim.cli.options import TextFormat
from imgsim.cli.state import State, state_of
from imgsim.errors import InvalidArgument
from imgsim.store.roles import BiUser, drop_bi_user, make_bi_user


def bi_user_command(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="The user's name.", show_default=False)],
    analyst: Annotated[
        bool,
        typer.Option("--analyst", help="Also read the tables, and call similar() and the like."),
    ] = False,
    new_password: Annotated[
        bool, typer.Option("--new-password", help="For a user that is there already.")
    ] = False,
    drop: Annotated[bool, typer.Option("--drop", help="Remove the user.")] = False,
    form: Annotated[
        TextFormat, typer.Option("--format", help="How it is written.")
    ] = TextFormat.TEXT,
) -> ExitCode:
    """Make a database user who reads the views in schema bi, for Power BI and the like.

    Prints what to type there, with a password that is shown this once. For a user that is there
    already, renews the rights.
    """
    state = state_of(context)
    if drop:
        return _drop(state, name, alone=not (analyst or new_password))
    with state.session() as session:
        user = make_bi_user(session, name, analyst=analyst, new_password=new_password)
    typer.echo(_as_json(user) if form is TextFormat.JSON else _as_text(user))
    for note in _notes(user):
        state.terminal.note(note)
    return ExitCode.DONE


def _drop(state: State, name: str, *, alone: bool) -> ExitCode:
    if not alone:
        raise InvalidArgument("--drop goes with neither --analyst nor --new-password.")
    with state.session() as session:
        drop_bi_user(session, name)
    typer.echo(f"removed {name}")
    return ExitCode.DONE


def _test(user: BiUser) -> str:
    """A command line that shows whether the user can log in and read."""
    return f"psql {shlex.quote(user.conninfo)} -c 'TABLE dim_backbone'"


def _as_text(user: BiUser) -> str:
    password = user.password or "as before; --new-password sets another"
    return (
        f"Server    {user.server}\nDatabase  {user.database}\nUser      {user.name}\n"
        f"Password  {password}\nTest      {_test(user)}"
    )


def _as_json(user: BiUser) -> str:
    said = {
        "server": user.server,
        "database": user.database,
        "user": user.name,
        "password": user.password,
        "analyst": user.is_analyst,
        "test": _test(user),
    }
    return json.dumps(said, indent=2, ensure_ascii=False)


def _notes(user: BiUser) -> list[str]:
    what = "the tables and views, and call the functions" if user.is_analyst else "the views in bi"
    notes = [f"\n{user.name} may read {what}, and change nothing."]
    if user.password:
        notes.append("The password is stored nowhere and not shown again.")
    if user.revoked:
        notes.append(
            f"Taken from PUBLIC, that is from everybody on this server: {'; '.join(user.revoked)}. "
            "Who else needs it there must be granted it by name."
        )
    if user.server.startswith(("127.", "localhost:", "[::1]:")):
        notes.append(
            "That address is this machine's own; docs/database.md says how to serve others."
        )
    return notes
