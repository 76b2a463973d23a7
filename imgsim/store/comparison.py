"""Reading a saved run back, through the views that everybody else reads."""

from __future__ import annotations

from typing import Any

from sqlalchemy import TextClause, text

from imgsim.comparison import Agreement, BackboneMetrics, Comparison, QueryMetrics
from imgsim.store.engine import Session


def _queries() -> TextClause:
    """How each backbone answered each query."""
    return text(
        """
        SELECT m.query_id, q.path AS query, b.label AS backbone, m.hits, m.match_found,
               m.first_match, m.adjacent_hits, m.best_distance, m.margin,
               q.truth_path AS truth, q.truth_frame_index
        FROM bi.fact_query_metrics m
        JOIN bi.dim_query q ON q.query_id = m.query_id
        JOIN bi.dim_backbone b ON b.backbone_id = m.backbone_id
        WHERE m.search_id = :search_id
        ORDER BY q.position, m.backbone_id
        """
    )


def _backbones() -> TextClause:
    """Sums and means of each backbone."""
    return text(
        """
        SELECT b.label AS backbone, b.dim, b.vector_bytes, count(m.query_id) AS queries,
               count(m.match_found) AS with_truth,
               count(*) FILTER (WHERE m.match_found) AS matches,
               count(*) FILTER (WHERE m.first_match) AS first_matches,
               coalesce(sum(m.adjacent_hits), 0) AS adjacent_hits,
               avg(m.best_distance) AS mean_best_distance, avg(m.margin) AS mean_margin,
               s.embed_ms, s.search_ms, s.exact, s.gallery_rows
        FROM bi.fact_search_backbone s
        JOIN bi.dim_backbone b ON b.backbone_id = s.backbone_id
        LEFT JOIN bi.fact_query_metrics m
            ON m.search_id = s.search_id AND m.backbone_id = s.backbone_id
        WHERE s.search_id = :search_id
        GROUP BY b.backbone_id, b.label, b.dim, b.vector_bytes,
                 s.embed_ms, s.search_ms, s.exact, s.gallery_rows
        ORDER BY b.backbone_id
        """
    )


def _agreements() -> TextClause:
    """Means of each pair of backbones."""
    return text(
        """
        SELECT a.label AS backbone, b.label AS other, avg(f.overlap) AS overlap,
               avg(f.rank_correlation) AS rank_correlation
        FROM bi.fact_agreement f
        JOIN bi.dim_backbone a ON a.backbone_id = f.backbone_id
        JOIN bi.dim_backbone b ON b.backbone_id = f.other_backbone_id
        WHERE f.search_id = :search_id
        GROUP BY f.backbone_id, f.other_backbone_id, a.label, b.label
        ORDER BY f.backbone_id, f.other_backbone_id
        """
    )


def read_comparison(session: Session, search_id: int) -> Comparison:
    """What the tables say of a saved run."""
    which = {"search_id": search_id}
    with session.transaction() as connection:

        def rows(query: TextClause) -> list[dict[str, Any]]:
            return [dict(row) for row in connection.execute(query, which).mappings()]

        k = connection.execute(
            text("SELECT k FROM bi.dim_search WHERE search_id = :search_id"), which
        ).scalar_one()
        return Comparison(
            search_id=search_id,
            k=k,
            queries=tuple(QueryMetrics(**row) for row in rows(_queries())),
            backbones=tuple(BackboneMetrics(**row) for row in rows(_backbones())),
            agreements=tuple(Agreement(**row) for row in rows(_agreements())),
        )
