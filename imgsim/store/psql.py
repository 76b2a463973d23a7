"""How to call psql on the gallery's database."""

from __future__ import annotations

from collections.abc import Sequence

from psycopg.conninfo import conninfo_to_dict, make_conninfo

from imgsim.store.binaries import find_binaries
from imgsim.store.engine import SEARCH_PATH


def psql_call(url: str, arguments: Sequence[str]) -> tuple[list[str], dict[str, str]]:
    """The command line, and what to add to the environment.

    The password goes into the environment: a command line can be read by every user of the
    machine. The search path is set, so that tables need no schema in front.
    """
    parts = conninfo_to_dict(url)
    password = parts.pop("password", None)
    environment = {"PGOPTIONS": f"-c search_path={','.join(SEARCH_PATH)}"}
    if password is not None:
        environment["PGPASSWORD"] = str(password)
    program = find_binaries().program("psql")
    return [str(program), make_conninfo("", **parts), *arguments], environment
