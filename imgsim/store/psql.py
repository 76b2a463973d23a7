"""How to call psql on the gallery's database."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from psycopg.conninfo import make_conninfo
from sqlalchemy import text

from imgsim.store import conninfo
from imgsim.store.binaries import find_binaries
from imgsim.store.engine import Session


def psql_call(
    url: str, arguments: Sequence[str], environment: Mapping[str, str]
) -> tuple[list[str], dict[str, str]]:
    """The command line, and the environment to run it in.

    The password goes into the environment: a command line can be read by every user of the
    machine. The search path is set as imgsim sets it, so that tables need no schema in front.

    Raises:
        InvalidArgument, DatabaseUnreachable, ServerError
    """
    session = Session(url)
    with session.connect() as connection:
        search_path = connection.execute(text("SHOW search_path")).scalar_one().replace(" ", "")
    session.close()
    parts = conninfo.parse(url)
    added = {
        "PGOPTIONS": f"{environment.get('PGOPTIONS', '')} -c search_path={search_path}".strip()
    }
    if (password := parts.pop("password", None)) is not None:
        added["PGPASSWORD"] = str(password)
    program = find_binaries().program("psql")
    return [str(program), make_conninfo("", **parts), *arguments], {**environment, **added}
