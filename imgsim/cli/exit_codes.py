"""What the exit code says, and which error leads to which."""

from __future__ import annotations

from enum import IntEnum

from imgsim.errors import DatabaseUnreachable, ServerError, UsageError


class ExitCode(IntEnum):
    """The exit codes of every command."""

    DONE = 0
    FAILED = 1
    USAGE = 2
    DATABASE_UNREACHABLE = 3
    SOME_INPUTS_FAILED = 4  # the others are done
    INTERRUPTED = 130


def exit_code_of(error: Exception) -> ExitCode:
    """The exit code of a command that ended with this error."""
    if isinstance(error, UsageError):
        return ExitCode.USAGE
    if isinstance(error, (DatabaseUnreachable, ServerError)):
        return ExitCode.DATABASE_UNREACHABLE
    return ExitCode.FAILED


def of_inputs(done: int, failed: int) -> ExitCode:
    """The exit code of a command over several inputs."""
    if not failed:
        return ExitCode.DONE
    return ExitCode.SOME_INPUTS_FAILED if done else ExitCode.FAILED
