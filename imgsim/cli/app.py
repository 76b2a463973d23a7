"""The `imgsim` command: global options, and the one place where errors become messages."""

from __future__ import annotations

import atexit
import gc
import io
import os
import sys
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from imgsim import __version__
from imgsim.cli.exit_codes import ExitCode, exit_code_of
from imgsim.cli.state import State
from imgsim.cli.terminal import Terminal
from imgsim.config import DATA_DIR, DATABASE_URL, Settings
from imgsim.errors import ImgsimError


class _Reporting(TyperGroup):
    """Runs the commands. The only place that catches, and that ends a run with an exit code."""

    def invoke(self, ctx: Any) -> Any:  # noqa: ANN401 - a Context of Typer's own copy of click
        """Run the command that was asked for; always ends by raising typer.Exit."""
        try:
            code = super().invoke(ctx)
        except ImgsimError as error:
            if ctx.params["debug"]:
                raise
            Terminal(quiet=False).error(str(error))
            code = exit_code_of(error)
        except KeyboardInterrupt:
            Terminal(quiet=False).error(
                "interrupted; what was finished before is stored. The same command again goes on."
            )
            code = ExitCode.INTERRUPTED
        except BrokenPipeError:
            # The reader of stdout has seen enough (`imgsim search ... | head`).
            _give_stdout_up()
            code = ExitCode.DONE
        except OSError as error:
            # What cannot be written to stdout or read from a closed folder; no fault of imgsim's.
            if ctx.params["debug"]:
                raise
            Terminal(quiet=False).error(str(error))
            code = ExitCode.FAILED
            try:
                sys.stdout.flush()
            except OSError:
                _give_stdout_up()
        raise typer.Exit(code or ExitCode.DONE)


def _give_stdout_up() -> None:
    """Let what stdout does not take go nowhere; Python would try again when it ends, and fail."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


_COMMANDS = {  # in the order of the help: the module of each, and its function or group of commands
    "demo": ("demo", "demo"),
    "ingest": ("ingest", "ingest_command"),
    "search": ("search", "search_command"),
    "compare": ("compare", "compare_command"),
    "evaluate": ("evaluate", "evaluate_command"),
    "powerbi": ("powerbi", "powerbi_command"),
    "report": ("report", "report_command"),
    "frames": ("frames", "frames_command"),
    "forget": ("media", "forget_command"),
    "prune": ("media", "prune_command"),
    "doctor": ("doctor", "doctor"),
    "backbones": ("backbones", "app"),
    "media": ("media", "app"),
    "index": ("index", "app"),
    "db": ("database", "app"),
}

_FLAGS = ("--debug", "--quiet")
_WITH_VALUE = ("--database-url", "--data-dir")


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"imgsim {__version__}")
        raise typer.Exit


def app_for(arguments: list[str]) -> typer.Typer:
    """The command line as far as these arguments need it: a search loads no other command."""
    app = typer.Typer(
        name="imgsim",
        cls=_Reporting,
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(global_options)
    wanted = _command(arguments)
    for name, (module, attribute) in _COMMANDS.items():
        if wanted in (None, name):
            found = getattr(import_module(f"imgsim.cli.{module}"), attribute)
            if isinstance(found, typer.Typer):
                app.add_typer(found, name=name)
            else:
                app.command(name)(found)
    return app


def _command(arguments: list[str]) -> str | None:
    """The command that hoisted arguments name; None: none, so that all have to be shown."""
    words = iter(arguments)
    for word in words:
        if word in _WITH_VALUE:
            next(words, None)
        elif not word.startswith("-"):
            return word if word in _COMMANDS else None
    return None


def global_options(
    context: typer.Context,
    database_url: Annotated[
        str | None,
        typer.Option(
            help=f"Another PostgreSQL than the embedded one, postgresql://user:password@host/name "
            f"(or {DATABASE_URL}).",
            show_default=False,
        ),
    ] = None,
    data_dir: Annotated[
        Path | None,
        typer.Option(
            help=f"Where the embedded PostgreSQL keeps its files (or {DATA_DIR}).",
            show_default=False,
        ),
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", help="No progress, no notes.")] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks.")] = False,
    version: Annotated[
        bool,
        typer.Option("--version", help="Show the version.", callback=_show_version, is_eager=True),
    ] = False,
) -> None:
    """Find the images and video frames that look like a given one.

    These options may stand before or after the command's name.
    """
    del debug, version  # read in _Reporting and _show_version
    settings = Settings.read(os.environ, database_url=database_url, data_dir=data_dir)
    context.obj = State(settings=settings, terminal=Terminal(quiet=quiet))


def hoist(arguments: list[str]) -> list[str]:
    """Put global options before the command, wherever they stand.

    What comes after `--`, and what is psql's, stays where it is.
    """
    end = arguments.index("--") if "--" in arguments else len(arguments)
    for at in range(end - 1):
        if arguments[at : at + 2] == ["db", "psql"]:
            end = at
            break
    first: list[str] = []
    rest: list[str] = []
    words = iter(arguments[:end])
    for word in words:
        if word in _FLAGS or word.startswith(tuple(f"{name}=" for name in _WITH_VALUE)):
            first.append(word)
        elif word in _WITH_VALUE:
            first.extend([word, *[value for value in [next(words, None)] if value is not None]])
        else:
            rest.append(word)
    return first + rest + arguments[end:]


def main() -> None:
    """Run the command line and exit with one of ExitCode."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        # File names need not be text, nor fit the terminal's encoding: better a `?` than an end.
        sys.stdout.reconfigure(errors="replace")
    # Python looks for garbage once more when it ends, which takes a sixth of a search.
    atexit.register(gc.freeze)
    run(sys.argv[1:])


def run(arguments: list[str]) -> None:
    """Run `imgsim ARGUMENTS` and exit with one of ExitCode."""
    hoisted = hoist(arguments)
    app_for(hoisted)(hoisted, prog_name="imgsim")
