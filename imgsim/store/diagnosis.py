"""How the database is. Nothing is started or changed."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

from sqlalchemy import text

from imgsim.domain import Finding, TableStatus, Verdict
from imgsim.errors import ImgsimError
from imgsim.store import conninfo, encoding, extension, indexes, migrations, registry
from imgsim.store.engine import Session
from imgsim.store.server import EmbeddedServer

_LOW_DISK = 2 << 30


def diagnose(*, database_url: str | None, data_dir: Path) -> Iterator[Finding]:
    """Findings on the server, the database and the indexes, as far as one can get."""
    try:
        url = database_url
        if url is None:
            server = EmbeddedServer(data_dir)
            found = server.status()
            yield Finding(
                topic="server", text=f"embedded, binaries {found.binaries}, data {data_dir}"
            )
            yield _disk(data_dir)
            if not found.running:
                yield Finding(topic="database", text="not running; it starts when it is needed")
                return
            url = server.url()
        yield from _database(url)
    except ImgsimError as error:
        yield Finding(topic="database", verdict=Verdict.BROKEN, text=str(error))


def _disk(data_dir: Path) -> Finding:
    place = next(folder for folder in (data_dir, *data_dir.parents) if folder.is_dir())
    free = shutil.disk_usage(place).free
    return Finding(
        topic="disk",
        verdict=Verdict.OK if free > _LOW_DISK else Verdict.NOTE,
        text=f"{free / 2**30:.1f} GB free at {place}",
    )


def _database(url: str) -> Iterator[Finding]:
    parts = conninfo.parse(url)
    session = Session(url)
    with session.connect() as connection:
        version = connection.execute(text("SHOW server_version")).scalar_one()
        place = f"{parts.get('host', 'local socket')}:{parts.get('port', 5432)}"
        yield Finding(
            topic="database", text=f"PostgreSQL {version}, {parts.get('dbname', '')} at {place}"
        )
        encoding.require_utf8(connection)
        found = extension.require(connection)
        yield Finding(topic="pgvector", text=found.installed or f"{found.available}, not in use")
        migrations.require_current(connection)
        yield Finding(topic="tables", text=f"revision {migrations.head()}")
    for table in indexes.status(session, registry.backbones(session)):
        yield _index(table)
    session.close()


def _index(table: TableStatus) -> Finding:
    size = f"{table.slug}: {table.rows:,} frames"
    if table.index_bytes is not None:
        state = f"HNSW index of {table.index_bytes / 2**20:.0f} MB"
        return Finding(topic="index", text=f"{size}, {state}")
    if table.rows < indexes.build_from_rows(table.dim):
        return Finding(topic="index", text=f"{size}, searched exactly")
    return Finding(
        topic="index",
        verdict=Verdict.NOTE,
        text=f"{size} and no index; `imgsim index rebuild` makes searches faster",
    )
