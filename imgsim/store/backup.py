"""Backups: the whole gallery as one file in pg_dump's custom format."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

from psycopg.conninfo import make_conninfo
from sqlalchemy import func, select, text

from imgsim.errors import DatabaseError, InvalidArgument, OutputError
from imgsim.store import conninfo, extension, migrations, result_tables, roles, schema
from imgsim.store.binaries import find_binaries
from imgsim.store.engine import Session

_SCHEMAS = (schema.SCHEMA, result_tables.READERS_SCHEMA)


def write_backup(url: str, file: Path) -> None:
    """Write the gallery into a new file; searches and ingests go on meanwhile.

    Raises:
        OutputError: the file exists, or cannot be written.
        DatabaseError: pg_dump failed; the message has what it said.
    """
    if os.path.lexists(file):
        raise OutputError(f"{file} exists already; a backup overwrites nothing.")
    try:
        which = [f"--schema={name}" for name in _SCHEMAS]
        _run("pg_dump", url, ["--format=custom", *which, f"--file={file}"])
    except DatabaseError:
        file.unlink(missing_ok=True)
        raise


def read_backup(url: str, file: Path) -> None:
    """Fill an empty gallery from a backup, and bring it up to date.

    Raises:
        InvalidArgument: there is no such file, or the gallery is not empty.
        DatabaseError: pg_restore failed; the gallery is empty as before.
    """
    if not os.access(file, os.R_OK):
        raise InvalidArgument(f"{file}: no such file, or it cannot be read.")
    migrations.upgrade(url)
    session = Session(url)
    with session.connect() as connection:
        media = connection.execute(select(func.count()).select_from(schema.media)).scalar_one()
        if media:
            raise InvalidArgument(
                f"The gallery holds {media} media already, and a restore mixes nothing: restore "
                "into another --data-dir, or into a new database (--database-url)."
            )
        extension.require(connection)
        connection.execute(text(f"DROP SCHEMA {', '.join(_SCHEMAS)} CASCADE"))
    try:
        # Owners and rights are those of the server the backup came from; readers of this one are
        # let in again below.
        options = ["--no-owner", "--no-privileges", "--exit-on-error", "--single-transaction"]
        _run("pg_restore", url, [*options, os.fspath(file)])
    finally:
        migrations.upgrade(url)
    with session.connect() as connection:
        roles.renew(connection)
    session.close()


def _run(program: str, url: str, options: Sequence[str]) -> None:
    parts = conninfo.parse(url)
    password = parts.pop("password", None)
    environment = os.environ | ({"PGPASSWORD": str(password)} if password is not None else {})
    call = [
        str(find_binaries().program(program)),
        f"--dbname={make_conninfo('', **parts)}",
        *options,
    ]
    ended = subprocess.run(call, env=environment, capture_output=True, check=False)
    if ended.returncode:
        said = ended.stderr.decode(errors="replace").strip()
        raise DatabaseError(f"{program} failed: {said}")
