"""How long each view of schema bi takes over a million result rows, every column fetched.

    python -m benchmarks.bi_views [ROWS]

Two backbones, ten hits a query; hits lie around the true frame, as those of a video do. The rows
are made in the database; what is timed is COPY (SELECT * FROM view) TO STDOUT, which is at least
what an import by Power BI reads.
"""

from __future__ import annotations

import sys
import time

import numpy as np
from psycopg import sql

from benchmarks.gallery import backbone, clustered, publish, temporary_session
from imgsim.store.engine import Session, raw

_K = 10
_FRAMES = 100_000
_DIM = 8
_THUMBNAIL_BYTES = 5_000

_FILL = """
INSERT INTO imgsim.search (command, k, duration_s)
    SELECT 'compare', %(k)s, 1 FROM generate_series(1, 100);
INSERT INTO imgsim.search_backbone
        (search_id, backbone_id, exact, gallery_rows, embed_s, search_s)
    SELECT search_id, backbone_id, true, %(frames)s, 1, 1 FROM imgsim.search, imgsim.backbone;
INSERT INTO imgsim.query_image (search_id, position, path, sha256, thumbnail, truth_source,
        truth_frame_id, truth_path, truth_frame_index)
    SELECT 1 + q / %(per_run)s, 1 + q %% %(per_run)s, '/queries/' || q || '.jpg', '', %(jpeg)s,
        'content', 100 + q %% (%(frames)s - 200), '/films/film.mp4', q
    FROM generate_series(0, %(queries)s - 1) q;
INSERT INTO imgsim.result (backbone, query_id, rank, search_id, backbone_id, frame_id, distance,
        truth_offset, path, frame_index, timestamp_s)
    SELECT b.name, q.query_id, r, q.search_id, b.backbone_id,
        q.truth_frame_id + o.ahead, 0.01 * r, o.ahead, '/films/film.mp4', q.truth_frame_id, 1.0
    FROM imgsim.query_image q CROSS JOIN imgsim.backbone b CROSS JOIN generate_series(1, %(k)s) r
    CROSS JOIN LATERAL (
        SELECT (-1) ^ r * (r / 2) * (1 + (q.query_id + b.backbone_id + r) %% 2) AS ahead
    ) o;
ANALYZE;
"""


def _fill(session: Session, rows: int) -> None:
    """Make the result rows."""
    vectors = clustered(_FRAMES, _DIM, seed=0)
    for name in ("net_a", "net_b"):
        publish(session, backbone(session, name, _DIM), vectors)
    queries = rows // (2 * _K)
    numbers = {"k": _K, "frames": _FRAMES, "queries": queries, "per_run": -(-queries // 100)}
    jpeg = np.random.default_rng(0).bytes(_THUMBNAIL_BYTES)
    with session.connect() as connection:
        for statement in filter(None, map(str.strip, _FILL.split(";"))):
            raw(connection).execute(
                sql.SQL(statement),
                {**numbers, "jpeg": jpeg} if "%(" in statement else None,
            )


def main() -> None:
    """Fill a gallery of its own and time the views."""
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    with temporary_session() as session:
        _fill(session, rows)
        with session.connect() as connection, raw(connection).cursor() as cursor:
            cursor.execute("SELECT viewname FROM pg_views WHERE schemaname = 'bi' ORDER BY 1")
            views = [row[0] for row in cursor.fetchall()]
            for view in views:
                began, size, lines = time.monotonic(), 0, 0
                query = sql.SQL("COPY (SELECT * FROM {}) TO STDOUT").format(
                    sql.Identifier("bi", view)
                )
                with cursor.copy(query) as copy:
                    for line in copy:
                        size, lines = size + len(line), lines + 1
                seconds = time.monotonic() - began
                sys.stdout.write(
                    f"{view:24} {lines:>9,} rows {size / 1e6:8.1f} MB {seconds:6.2f} s\n"
                )


if __name__ == "__main__":
    main()
