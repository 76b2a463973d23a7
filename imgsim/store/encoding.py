"""The database's encoding: paths and messages are any text."""

from __future__ import annotations

from sqlalchemy import Connection, text

from imgsim.errors import DatabaseError


def require_utf8(connection: Connection) -> None:
    """Check that the database stores text as UTF-8.

    Raises:
        DatabaseError: it does not; the message says how to make one that does.
    """
    found = connection.execute(text("SHOW server_encoding")).scalar_one()
    if found != "UTF8":
        raise DatabaseError(
            f"The database stores text as {found}, and imgsim needs UTF8. Make a database for it: "
            "CREATE DATABASE imgsim ENCODING 'UTF8' TEMPLATE template0"
        )
