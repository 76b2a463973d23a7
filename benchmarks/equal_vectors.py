"""What equal vectors do to the HNSW index, and what rounding at random does about it.

Run: python -m benchmarks.equal_vectors
"""

from __future__ import annotations

import numpy as np

from benchmarks.gallery import backbone, clustered, index_recall, publish, temporary_session
from imgsim.store import indexes

_DIM = 256
_EQUAL = (1, 100, 1_000, 5_000)
_OTHERS = 1_000


def main() -> None:
    """Print a table: recall@10 of the other frames, plain and random rounding."""
    print("equal frames  to nearest  at random")  # noqa: T201
    with temporary_session() as session:
        for equal in _EQUAL:
            others = clustered(_OTHERS, _DIM, seed=1)
            vectors = np.concatenate([np.repeat(clustered(1, _DIM, seed=2), equal, axis=0), others])
            vectors = vectors[np.random.default_rng(3).permutation(len(vectors))]
            plain = backbone(session, f"plain{equal}", _DIM)
            publish(session, plain, vectors, f"plain{equal}", dither=False)
            random = backbone(session, f"random{equal}", _DIM)
            publish(session, random, vectors, f"random{equal}")
            recalls = []
            for row in (plain, random):
                indexes.build(session, row, lambda _notice: None)
                recalls.append(index_recall(session, row, others[::20]))
            print(f"{equal:12d}  {recalls[0]:10.3f}  {recalls[1]:9.3f}")  # noqa: T201


if __name__ == "__main__":
    main()
