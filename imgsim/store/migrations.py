"""Bring a database's schema to this imgsim's version, and tell where it stands.

Alembic is loaded only where there is something to bring: it takes longer than a search.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Connection, text

from imgsim.errors import DatabaseAhead, DatabaseBehind
from imgsim.store import encoding, engine, extension, roles, schema
from imgsim.store.driver_errors import translated

if TYPE_CHECKING:
    from alembic.config import Config

_PUBLIC = ("public",)
"""Migrations name their schema; were it in the search path, Alembic would take it as default."""

_UPGRADE_LOCK = 0x696D6773  # "imgs": two processes that upgrade at once take turns


def folder() -> Path:
    """Where the migration scripts are: inside the installed package, or beside it in a checkout."""
    package = Path(__file__).resolve().parents[1]
    installed = package / "migrations"
    return installed if installed.is_dir() else package.parent / "migrations"


def config(connection: Connection | None = None) -> Config:
    """Alembic's configuration; no ini file is needed."""
    from alembic.config import Config

    made = Config()
    made.set_main_option("script_location", str(folder()).replace("%", "%%"))
    made.attributes["connection"] = connection
    return made


def head() -> str:
    """The newest revision this imgsim knows."""
    return _revisions()[-1]


def _revisions() -> list[str]:
    """All revisions in order; a script's name begins with its own."""
    found = sorted(path.name[:4] for path in (folder() / "versions").glob("[0-9]*_*.py"))
    if not found:
        raise FileNotFoundError(f"no migrations in {folder()}")
    return found


def current(connection: Connection) -> str | None:
    """The revision the database is at; None for a database that imgsim never used."""
    table = f"{schema.SCHEMA}.alembic_version"
    there = connection.execute(text("SELECT to_regclass(:table)"), {"table": table}).scalar_one()
    if there is None:
        return None
    return connection.execute(
        text(f"SELECT version_num FROM {table}")  # noqa: S608 - a constant
    ).scalar_one_or_none()


def upgrade(url: str) -> bool:
    """Bring the database of `url` to `head()`. True when something was done.

    Whoever may read the gallery may read what is new in it too.

    Raises:
        PgvectorUnusable, DatabaseAhead, DatabaseUnreachable
    """
    own = engine.create(url, search_path=_PUBLIC)
    try:
        with translated(), own.connect() as connection:
            with engine.transaction(connection):
                connection.execute(text(f"SELECT pg_advisory_xact_lock({_UPGRADE_LOCK})"))
                encoding.require_utf8(connection)
                extension.take_into_use(connection)
                before = current(connection)
                _refuse_unknown(before)
                if before == head():
                    return False
                from alembic import command

                command.upgrade(config(connection), "head")
                roles.renew(connection)
            return True
    finally:
        own.dispose()


def downgrade(url: str, revision: str) -> None:
    """Take the database of `url` back to `revision` (`base`: before the first migration)."""
    from alembic import command

    own = engine.create(url, search_path=_PUBLIC)
    try:
        with translated(), own.connect() as connection, engine.transaction(connection):
            command.downgrade(config(connection), revision)
    finally:
        own.dispose()


def require_current(connection: Connection) -> None:
    """Check that the schema is the one this imgsim was written for.

    Raises:
        DatabaseBehind: it is older or absent.
        DatabaseAhead: a newer imgsim upgraded it.
    """
    found = current(connection)
    _refuse_unknown(found)
    if found != head():
        state = "has no imgsim tables yet" if found is None else f"is at revision {found}"
        raise DatabaseBehind(
            f"The database {state}, this imgsim needs {head()}. Run `imgsim db upgrade` first."
        )


def _refuse_unknown(revision: str | None) -> None:
    if revision is not None and revision not in _revisions():
        raise DatabaseAhead(
            f"The database is at revision {revision}, which this imgsim does not know: a newer one "
            "upgraded it. Update imgsim (pip install -U imgsim), or use another database."
        )
