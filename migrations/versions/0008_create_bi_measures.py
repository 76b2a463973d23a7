"""Create the views of measures: fact_query_metrics, fact_agreement, model_comparison.

Revision ID: 0008
Revises: 0007
"""

from __future__ import annotations

from alembic import op

from imgsim.store.engine import raw

revision = "0008"
down_revision: str | None = "0007"
branch_labels: str | None = None
depends_on: str | None = None

# Hits whose offsets from the true frame form an unbroken run with 0: in a run, the offset less
# the row's number is the same all along, and equal to that of the true frame.
_QUERY_METRICS = """
CREATE VIEW bi.fact_query_metrics AS
WITH place AS (
    SELECT query_id, backbone_id, truth_offset FROM imgsim.result WHERE truth_offset IS NOT NULL
    UNION
    SELECT DISTINCT query_id, backbone_id, 0 FROM imgsim.result WHERE truth_offset IS NOT NULL
), run AS (
    SELECT query_id, backbone_id, truth_offset, truth_offset - row_number() OVER (
        PARTITION BY query_id, backbone_id ORDER BY truth_offset
    ) AS run FROM place
), adjacent AS (
    SELECT r.query_id, r.backbone_id, count(*) - 1 AS hits
    FROM run r JOIN run t ON t.query_id = r.query_id AND t.backbone_id = r.backbone_id
        AND t.truth_offset = 0 AND t.run = r.run
    GROUP BY r.query_id, r.backbone_id
), answer AS (
    SELECT query_id, backbone_id, count(*)::integer AS hits,
        coalesce(bool_or(truth_offset = 0), false) AS match_found,
        coalesce(bool_or(truth_offset = 0 AND rank = 1), false) AS first_match,
        min(distance) AS best_distance, min(distance) FILTER (WHERE rank = 2) AS second_distance
    FROM imgsim.result GROUP BY query_id, backbone_id
)
SELECT q.search_id, q.query_id, s.backbone_id,
    coalesce(a.hits, 0) AS hits,
    CASE WHEN q.truth_source IS NOT NULL THEN coalesce(a.match_found, false) END AS match_found,
    CASE WHEN q.truth_source IS NOT NULL THEN coalesce(a.first_match, false) END AS first_match,
    CASE WHEN q.truth_source IS NOT NULL THEN coalesce(n.hits, 0)::integer END AS adjacent_hits,
    a.best_distance, a.second_distance - a.best_distance AS margin
FROM imgsim.query_image q
JOIN imgsim.search_backbone s ON s.search_id = q.search_id
LEFT JOIN answer a ON a.query_id = q.query_id AND a.backbone_id = s.backbone_id
LEFT JOIN adjacent n ON n.query_id = q.query_id AND n.backbone_id = s.backbone_id
"""

# Frames are told apart by path and index, which a result keeps when the media is forgotten.
_AGREEMENT = """
CREATE VIEW bi.fact_agreement AS
WITH common AS (
    SELECT a.search_id, a.query_id, a.backbone_id, b.backbone_id AS other_backbone_id,
        row_number() OVER (
            PARTITION BY a.query_id, a.backbone_id, b.backbone_id ORDER BY a.rank
        )::double precision AS place,
        row_number() OVER (
            PARTITION BY a.query_id, a.backbone_id, b.backbone_id ORDER BY b.rank
        )::double precision AS other_place
    FROM imgsim.result a
    JOIN imgsim.result b ON b.query_id = a.query_id AND b.backbone_id > a.backbone_id
        AND b.path = a.path AND b.frame_index = a.frame_index
), shared AS (
    SELECT query_id, backbone_id, other_backbone_id, count(*) AS hits,
        corr(place, other_place) AS correlation
    FROM common GROUP BY query_id, backbone_id, other_backbone_id
), answer AS (
    SELECT query_id, backbone_id, count(*) AS hits FROM imgsim.result GROUP BY 1, 2
)
SELECT q.search_id, q.query_id, a.backbone_id, b.backbone_id AS other_backbone_id,
    coalesce(s.hits, 0)::double precision / greatest(a.hits, b.hits) AS overlap,
    s.correlation AS rank_correlation
FROM imgsim.query_image q
JOIN answer a ON a.query_id = q.query_id
JOIN answer b ON b.query_id = q.query_id AND b.backbone_id > a.backbone_id
LEFT JOIN shared s ON s.query_id = q.query_id AND s.backbone_id = a.backbone_id
    AND s.other_backbone_id = b.backbone_id
"""

_COMPARISON = """
CREATE VIEW bi.model_comparison AS
SELECT m.search_id, q.file_name AS image, b.label AS model, m.match_found,
    m.first_match AS "1st_match", m.adjacent_hits
FROM bi.fact_query_metrics m
JOIN bi.dim_query q ON q.query_id = m.query_id
JOIN bi.dim_backbone b ON b.backbone_id = m.backbone_id
"""

_SEARCH = ("search_id", "The run: dim_search")
_QUERY = ("query_id", "The query: dim_query")
_FOUND = "The true frame is among the hits; null: no true frame is known"
_FIRST = "The true frame is the first hit; null: no true frame is known"
_ADJACENT = (
    "Hits of the true frame's media, other than that frame, whose places among the media's frames "
    "embedded by this backbone form an unbroken run with the true frame; null: no true frame is "
    "known"
)
_VIEWS: dict[str, tuple[str, str, tuple[tuple[str, str], ...]]] = {
    "fact_query_metrics": (
        _QUERY_METRICS,
        "How each backbone of a run answered each query",
        (
            *(_SEARCH, _QUERY),
            ("backbone_id", "Who answered: dim_backbone"),
            ("hits", "How many hits there are"),
            ("match_found", _FOUND),
            ("first_match", _FIRST),
            ("adjacent_hits", _ADJACENT),
            ("best_distance", "Distance of the first hit"),
            ("margin", "Distance of the second hit less that of the first"),
        ),
    ),
    "fact_agreement": (
        _AGREEMENT,
        "How far two backbones agree about a query",
        (
            *(_SEARCH, _QUERY),
            ("backbone_id", "One of the two: dim_backbone"),
            ("other_backbone_id", "The other, which has the higher key"),
            ("overlap", "Share of their hits that both have"),
            (
                "rank_correlation",
                "Spearman's, over the hits that both have; null for fewer than two",
            ),
        ),
    ),
    "model_comparison": (
        _COMPARISON,
        "One row per query and backbone: was the very frame found, was it first, how many hits "
        "are its neighbours in time",
        (
            _SEARCH,
            ("image", "File name of the query"),
            ("model", "Label of the backbone"),
            ("match_found", _FOUND),
            ('"1st_match"', _FIRST),
            ("adjacent_hits", _ADJACENT),
        ),
    ),
}


def upgrade() -> None:
    postgres = raw(op.get_bind())  # statements as they are: : is no placeholder
    for view, (statement, meaning, columns) in _VIEWS.items():
        postgres.execute(statement)
        for kind, name, comment in (
            ("VIEW", view, meaning),
            *(("COLUMN", f"{view}.{name}", comment) for name, comment in columns),
        ):
            quoted = comment.replace("'", "''")
            postgres.execute(f"COMMENT ON {kind} bi.{name} IS '{quoted}'")


def downgrade() -> None:
    for view in reversed(_VIEWS):
        op.execute(f"DROP VIEW bi.{view}")
