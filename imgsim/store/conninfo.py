"""How a database is named: a libpq URI or conninfo string, as psql takes it."""

from __future__ import annotations

import re
from typing import Any

import psycopg
from psycopg.conninfo import conninfo_to_dict

from imgsim.errors import InvalidArgument

_CONNECT_TIMEOUT_S = 10


def parse(url: str) -> dict[str, Any]:
    """The parameters in `url`, with imgsim's own for what it leaves open.

    Raises:
        InvalidArgument: libpq cannot read it. Nothing of the text is repeated, as it may hold a
            password.
    """
    given = url.strip()
    if re.match(r"postgres(ql)?\+\w+://", given):
        raise InvalidArgument(
            "The database URL must be one that psql accepts: take the '+driver' out of "
            f"'{given.split('://')[0]}://'."
        )
    try:
        parts = conninfo_to_dict(given)
    except psycopg.ProgrammingError as error:
        raise InvalidArgument(
            "The database URL cannot be read. It should look like "
            "postgresql://user:password@host:5432/name, with special characters in the password "
            "written as %XX."
        ) from error
    parts.setdefault("connect_timeout", _CONNECT_TIMEOUT_S)
    parts.setdefault("application_name", "imgsim")
    # Whatever PGCLIENTENCODING says: paths and messages are any text.
    parts["client_encoding"] = "UTF8"
    return parts
