"""The state of the HNSW indexes, and building them on request; `tune` measures them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from imgsim import backbones
from imgsim.domain import TableStatus
from imgsim.errors import BackboneNotIngested, EmptyGallery
from imgsim.index_tuning import IndexWidth
from imgsim.store import indexes, registry, tuning
from imgsim.store.engine import Session
from imgsim.store.registry import BackboneRow


def index_status(session: Session) -> list[TableStatus]:
    """All embedding tables and their indexes, by slug."""
    rows = sorted(registry.backbones(session), key=lambda row: row.slug)
    return indexes.status(session, rows)


def index_widths(session: Session) -> dict[str, IndexWidth]:
    """How searches follow the indexes that there are, by slug."""
    return tuning.widths(session, registry.backbones(session))


def rebuild_indexes(
    session: Session, names: Sequence[str] | None, note: Callable[[str], None]
) -> None:
    """Build the indexes of these backbones anew, all revisions; of every backbone if None.

    Raises:
        As chosen_rows.
    """
    for row in chosen_rows(session, names):
        build_s = indexes.build(session, row, note)
        note(f"HNSW index of {row.slug} built in {build_s:.1f} s")


def chosen_rows(session: Session, names: Sequence[str] | None) -> list[BackboneRow]:
    """All revisions of these backbones, newest first; of every backbone if there are no names.

    Raises:
        UnknownBackbone: no such backbone exists.
        EmptyGallery, BackboneNotIngested: it has no embeddings here.
    """
    for name in names or ():
        backbones.get(name)
    rows = registry.backbones(session)
    if not rows:
        raise EmptyGallery(
            "There is nothing to index. Fill the gallery first: imgsim ingest PATH..."
        )
    present = {row.name for row in rows}
    for name in names or ():
        if name not in present:
            raise BackboneNotIngested(
                f"The gallery has no embeddings of '{name}'; it has: {', '.join(sorted(present))}."
            )
    return [row for row in rows if not names or row.name in names]
