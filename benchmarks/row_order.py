"""What the order of rows and ef_construction do to an HNSW index: recall, time to build and search.

Embeddings of pictures moved a little, film after film, as vectors_at_scale makes them (clustered
random vectors where there are no pictures), and the same rows shuffled.

Run: python -m benchmarks.row_order [--rows N] [--dim N] [--kind real|clustered]
"""

from __future__ import annotations

import argparse
import statistics
import time
from contextlib import ExitStack
from pathlib import Path
from unittest.mock import patch

import numpy as np

from benchmarks import vectors_at_scale
from benchmarks.gallery import backbone, publish_with, temporary_session
from benchmarks.record import Record
from imgsim.metrics import ann_recall_at_k
from imgsim.store import indexes, matrix, row_order, search
from imgsim.store.engine import Session
from imgsim.store.registry import BackboneRow
from imgsim.store.write import open_writer

_ABOUT = (
    "HNSW of frames, film after film and shuffled, by ef_construction: ann_recall@10 and the "
    "median milliseconds of a search at several ef_search."
)
_WIDTHS = (40, 100, 400)
_QUERIES = 200


def main() -> None:
    """Build four indexes of the same rows, print a table, and keep it as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=50_000)
    parser.add_argument("--dim", type=int, default=512)
    parser.add_argument("--kind", choices=("real", "clustered"), default="real")
    parser.add_argument("--cache", type=Path, help="folder to keep embeddings of pictures in")
    given = parser.parse_args()
    kind = _kind(given.kind, given.dim, given.cache)
    settings = {"rows": given.rows, "dim": given.dim, "kind": given.kind, "m": indexes.M}
    record = Record(f"row_order_{given.kind}", _ABOUT, settings)
    with temporary_session() as session:
        row = backbone(session, "net", given.dim)
        queries = []
        with open_writer(session, [row]) as writer:
            for number in range(vectors_at_scale.FILMS):
                film, held_out = vectors_at_scale.film(kind, number, given.rows, _QUERIES)
                publish_with(writer, row, film, f"film{number}")
                queries.append(held_out)
        asked = np.concatenate(queries)[:_QUERIES]
        exact = matrix.nearest_of_many(session, row, asked, 10)[0].tolist()
        for order in ("by film", "shuffled"):
            for ef_construction in (64, 200):
                build_s = _build(session, row, ef_construction, shuffled=order == "shuffled")
                found = _search(session, row, asked, exact)
                record.add(rows=order, ef_construction=ef_construction, build_s=build_s, **found)
    record.write()


def _kind(name: str, dim: int, cache: Path | None) -> vectors_at_scale.Kind:
    if name == "clustered":
        return vectors_at_scale.Clustered(dim=dim, seed=1)
    shared = vectors_at_scale.SHARED
    embedded = vectors_at_scale.embed_pictures(shared / "photos", shared / "videos", cache)
    return vectors_at_scale.Real(embedded, dim, seed=1)


def _build(session: Session, row: BackboneRow, ef_construction: int, *, shuffled: bool) -> float:
    with ExitStack() as changed:
        changed.enter_context(patch.object(indexes, "EF_CONSTRUCTION", ef_construction))
        if not shuffled:
            changed.enter_context(patch.object(row_order, "shuffle"))
        return indexes.build(session, row, lambda _notice: None)


def _search(
    session: Session, row: BackboneRow, queries: np.ndarray, exact: list[list[int]]
) -> dict[str, float]:
    told: dict[str, float] = {}
    for width in _WIDTHS:
        took, found = [], []
        for query in queries:
            began = time.perf_counter()
            hits = search.nearest(session, row, query, 10, ef_search=width).hits
            took.append(1000 * (time.perf_counter() - began))
            found.append([hit.frame.frame_id for hit in hits])
        told[f"recall at {width}"] = ann_recall_at_k(exact, found, 10)
        told[f"ms at {width}"] = statistics.median(took)
    return told


if __name__ == "__main__":
    main()
