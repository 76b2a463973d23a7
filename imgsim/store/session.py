"""Opening the gallery's database: the embedded server, or another one by URL."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from imgsim.store import encoding, extension, migrations
from imgsim.store.engine import Session
from imgsim.store.server import EmbeddedServer


@contextmanager
def open_session(
    *, database_url: str | None, data_dir: Path, notice: Callable[[str], None]
) -> Iterator[Session]:
    """Open the database, ready for use.

    The embedded server in `data_dir` is started, and its database brought up to date, as needed;
    a database given by URL is somebody's own and is only checked.

    Args:
        database_url: libpq URI or conninfo string; None for the embedded server.
        data_dir: where the embedded server keeps its files.
        notice: is told, in a line of text, when the database was upgraded.

    Raises:
        DatabaseError: one of its kinds, see imgsim.errors.
    """
    url = database_url or EmbeddedServer(data_dir).ensure()
    session = Session(url)
    try:
        if database_url is None and migrations.upgrade(url):
            notice(f"database brought to revision {migrations.head()}")
        with session.connect() as connection:
            encoding.require_utf8(connection)
            extension.require(connection)
            migrations.require_current(connection)
        yield session
    finally:
        session.close()
