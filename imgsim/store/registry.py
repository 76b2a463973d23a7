"""Which backbone revisions the gallery has, and the embedding table of each."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Select, Table, func, insert, select, text, update

from imgsim.errors import BackboneNotIngested, EmptyGallery
from imgsim.store import schema
from imgsim.store.embedding_tables import create_embedding_table, embedding_table
from imgsim.store.engine import Session
from imgsim.store.result_tables import create_match_view, create_result_table

MEASURE = "cosine"

_REGISTER_LOCK = 0x696D6762  # "imgb": two processes that register at once take turns


@dataclass(frozen=True, kw_only=True, slots=True)
class BackboneRow:
    """A row of imgsim.backbone."""

    backbone_id: int
    name: str
    revision: str
    slug: str
    dim: int
    weights_sha256: str
    weights_path: Path | None  # None: the standard weights

    @property
    def table(self) -> Table:
        """Its embedding table."""
        return embedding_table(self.slug, self.dim)


def _backbones() -> Select[Any]:
    """All revisions, newest first."""
    columns = schema.backbone.c
    return select(
        columns.backbone_id,
        columns.name,
        columns.revision,
        columns.slug,
        columns.dim,
        columns.weights_sha256,
        columns.weights_path,
    ).order_by(columns.backbone_id.desc())


def _in_use() -> Select[Any]:
    """The revisions that have embedded something, newest first."""
    embedded = select(schema.coverage.c.backbone_id).where(schema.coverage.c.embedded > 0)
    return _backbones().where(schema.backbone.c.backbone_id.in_(embedded))


def _fetch(connection: Connection, query: Select[Any]) -> list[BackboneRow]:
    rows = connection.execute(query).mappings()
    return [
        BackboneRow(**{**row, "weights_path": Path(p) if (p := row["weights_path"]) else None})
        for row in rows
    ]


def backbones(session: Session) -> list[BackboneRow]:
    """All backbone revisions of the gallery, newest first."""
    with session.connect() as connection:
        return _fetch(connection, _backbones())


def names_in_use(session: Session) -> list[str]:
    """Names of the backbones that have embedded anything, in the order they were first used."""
    with session.connect() as connection:
        used = _fetch(connection, _in_use())
    return list(dict.fromkeys(row.name for row in reversed(used)))


def newest(session: Session, name: str) -> BackboneRow | None:
    """The newest revision of a backbone that has embedded anything; None when none has."""
    with session.connect() as connection:
        used = [row for row in _fetch(connection, _in_use()) if row.name == name]
    return used[0] if used else None


def register(
    session: Session,
    *,
    name: str,
    revision: str,
    dim: int,
    weights_sha256: str,
    weights_path: Path | None,
) -> BackboneRow:
    """Find or make the row of a backbone revision and its embedding table.

    The first revision of a name gets the name as slug, later ones name_2, name_3, ...: people type
    the table's name in psql. A known revision takes over the path its weights were found at now.
    """
    columns = schema.backbone.c
    wanted = _backbones().where(columns.name == name, columns.revision == revision)
    path = str(weights_path) if weights_path else None
    with session.transaction() as connection:
        connection.execute(text(f"SELECT pg_advisory_xact_lock({_REGISTER_LOCK})"))
        is_new = not _fetch(connection, wanted)
        if is_new:
            same_name = (
                select(func.count()).select_from(schema.backbone).where(columns.name == name)
            )
            earlier = connection.execute(same_name).scalar_one()
            connection.execute(
                insert(schema.backbone).values(
                    name=name,
                    revision=revision,
                    slug=f"{name}_{earlier + 1}" if earlier else name,
                    dim=dim,
                    measure=MEASURE,
                    weights_sha256=weights_sha256,
                    weights_path=path,
                )
            )
        elif path:
            connection.execute(
                update(schema.backbone)
                .where(columns.name == name, columns.revision == revision)
                .values(weights_path=path)
            )
        (row,) = _fetch(connection, wanted)
        if is_new:  # on a table in use, even repeating its settings waits for every reader
            create_embedding_table(connection, row.slug, row.dim)
            create_result_table(connection, row.name)
            create_match_view(connection, row.name)
    return row


def find(session: Session, name: str, revision: str) -> BackboneRow | None:
    """The row of a backbone revision; None when it was never registered."""
    columns = schema.backbone.c
    with session.connect() as connection:
        rows = _fetch(
            connection, _backbones().where(columns.name == name, columns.revision == revision)
        )
    return rows[0] if rows else None


def remember_weights(session: Session, row: BackboneRow, path: Path) -> None:
    """Note where the weights of a known revision lie now."""
    if row.weights_path == path:
        return
    with session.connect() as connection:
        connection.execute(
            update(schema.backbone)
            .where(schema.backbone.c.backbone_id == row.backbone_id)
            .values(weights_path=str(path))
        )


def require(session: Session, name: str, revision: str | None = None) -> BackboneRow:
    """The row of a backbone that has been ingested, of the newest revision if none is named.

    Raises:
        EmptyGallery: nothing has been ingested by any backbone.
        BackboneNotIngested: by others only; the message says which.
    """
    with session.connect() as connection:
        used = _fetch(connection, _in_use())
    for row in used:
        if row.name == name and revision in (None, row.revision):
            return row
    if not used:
        raise EmptyGallery(
            "The gallery is empty (blank frames do not count). Fill it first: imgsim ingest PATH..."
        )
    if any(row.name == name for row in used):
        raise BackboneNotIngested(
            f"The gallery was ingested with another revision of '{name}' (other weights, or an "
            f"older imgsim). Run `imgsim ingest PATH... -b {name}` with these weights, or search "
            "with those (--weights FILE). Two revisions are never compared with each other."
        )
    others = ", ".join(sorted({row.name for row in used}))
    raise BackboneNotIngested(
        f"The gallery has no embeddings of '{name}'; it has: {others}. Search with one of these "
        f"(-b), or add this one: imgsim ingest PATH... -b {name}"
    )
