"""What equal vectors do to the HNSW index, and what rounding at random does about it.

Run: python benchmarks/equal_vectors.py
"""

from __future__ import annotations

import numpy as np

from benchmarks.gallery import backbone, clustered, publish, temporary_session
from imgsim.domain import Vectors
from imgsim.metrics import ann_recall_at_k
from imgsim.store import indexes, search
from imgsim.store.engine import Session
from imgsim.store.registry import BackboneRow
from imgsim.vectors import round_to_half

_DIM = 256
_EQUAL = (1, 100, 1_000, 5_000)
_OTHERS = 1_000
_K = 10


def main() -> None:
    """Print a table: recall@10 of the other frames, plain and random rounding."""
    print("equal frames  to nearest  at random")  # noqa: T201
    with temporary_session() as session:
        for equal in _EQUAL:
            others = clustered(_OTHERS, _DIM, seed=1)
            vectors = np.concatenate([np.repeat(clustered(1, _DIM, seed=2), equal, axis=0), others])
            vectors = vectors[np.random.default_rng(3).permutation(len(vectors))]
            plain = backbone(session, f"plain{equal}", _DIM)
            publish(session, plain, vectors.astype(np.float16), f"plain{equal}")
            random = backbone(session, f"random{equal}", _DIM)
            publish(session, random, round_to_half(vectors, range(len(vectors))), f"random{equal}")
            recalls = [_recall(session, row, others[::20]) for row in (plain, random)]
            print(f"{equal:12d}  {recalls[0]:10.3f}  {recalls[1]:9.3f}")  # noqa: T201


def _recall(session: Session, row: BackboneRow, queries: Vectors) -> float:
    indexes.build(session, row, lambda _notice: None)
    exact: list[list[int]] = []
    found: list[list[int]] = []
    for query in queries:
        for answers, is_exact in ((exact, True), (found, False)):
            hits = search.nearest(session, row, query, _K, exact=is_exact).hits
            answers.append([hit.frame.frame_id for hit in hits])
    return ann_recall_at_k(exact, found, _K)


if __name__ == "__main__":
    main()
