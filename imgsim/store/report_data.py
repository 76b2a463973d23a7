"""What a report page shows, through the views that everybody else reads."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import UTC
from typing import Any

from sqlalchemy import ARRAY, BigInteger, Row, TextClause, bindparam, text

from imgsim.domain import MediaKind
from imgsim.evaluation import Evaluation, Measurement, Metric
from imgsim.report_values import (
    AskedPicture,
    BackboneCoverage,
    DamagedMedia,
    EvaluationSummary,
    FoundFrame,
    GalleryContents,
    MediaCount,
    RunSummary,
)
from imgsim.store.engine import Session

_IDS = ARRAY(BigInteger)


def _runs() -> TextClause:
    """All saved runs, the newest first."""
    return text(
        """
        SELECT s.search_id, s.command, s.k, s.started_at, s.duration_s,
               (SELECT count(*) FROM bi.dim_query q WHERE q.search_id = s.search_id) AS queries,
               (SELECT coalesce(array_agg(b.label ORDER BY b.backbone_id), '{}')
                FROM bi.fact_search_backbone f
                JOIN bi.dim_backbone b ON b.backbone_id = f.backbone_id
                WHERE f.search_id = s.search_id) AS backbones
        FROM bi.dim_search s
        ORDER BY s.search_id DESC
        """
    )


def _asked() -> TextClause:
    """Queries and their pictures."""
    return text(
        """
        SELECT query_id, path, image, truth_source, truth_frame_id, truth_path,
               truth_frame_index, truth_timestamp_s
        FROM bi.dim_query WHERE query_id = ANY(:ids)
        """
    ).bindparams(bindparam("ids", type_=_IDS))


def _found() -> TextClause:
    """The hits of queries."""
    return text(
        """
        SELECT m.query_id, b.label AS backbone, m.rank, m.distance, m.frame_id, m.truth_offset,
               m.path, m.frame_index, m.timestamp_s
        FROM bi.fact_match m
        JOIN bi.dim_backbone b ON b.backbone_id = m.backbone_id
        WHERE m.query_id = ANY(:ids)
        ORDER BY m.query_id, m.backbone_id, m.rank
        """
    ).bindparams(bindparam("ids", type_=_IDS))


def _pictures() -> TextClause:
    """Pictures of frames that occur in results."""
    return text(
        """
        SELECT frame_id, image FROM bi.dim_frame_image
        WHERE frame_id = ANY(:ids) AND image IS NOT NULL
        """
    ).bindparams(bindparam("ids", type_=_IDS))


def _evaluations() -> TextClause:
    """All evaluations, the newest first."""
    return text(
        "SELECT evaluation_id, kind, source, started_at FROM bi.dim_evaluation "
        "ORDER BY evaluation_id DESC"
    )


def _measurements() -> TextClause:
    """The numbers of an evaluation; those over all queries come first."""
    return text(
        """
        SELECT f.backbone_id, b.label AS backbone, f.part, f.metric, f.k, f.value, f.low, f.high,
               f.queries, f.gallery_rows
        FROM bi.fact_evaluation f
        JOIN bi.dim_backbone b ON b.backbone_id = f.backbone_id
        WHERE f.evaluation_id = :evaluation_id
        ORDER BY f.backbone_id, f.part <> 'all', f.part,
                 array_position(ARRAY['recall', 'hit_rate', 'map', 'ann_recall'], f.metric), f.k
        """
    )


def _media_counts() -> TextClause:
    """Media and their frames by status and kind."""
    return text(
        """
        SELECT status, kind, count(*) AS media, sum(kept_frames)::bigint AS kept_frames,
               sum(blank_frames)::bigint AS blank_frames,
               coalesce(sum(duration_s) FILTER (WHERE kind = 'video'), 0) AS duration_s
        FROM bi.dim_media
        GROUP BY status, kind
        ORDER BY array_position(ARRAY['complete', 'partial', 'failed', 'pending'], status),
                 kind DESC NULLS LAST
        """
    )


def _coverage() -> TextClause:
    """Media and frames that each backbone has embedded."""
    return text(
        """
        WITH own AS (
            SELECT backbone_id, media_id, bool_or(status = 'complete') AS is_complete,
                   max(embedded) AS embedded
            FROM bi.fact_coverage GROUP BY backbone_id, media_id
        )
        SELECT b.label AS backbone, b.dim, count(*) FILTER (WHERE o.is_complete) AS complete,
               count(*) FILTER (WHERE NOT o.is_complete) AS partial,
               sum(o.embedded)::bigint AS embedded
        FROM own o
        JOIN bi.dim_backbone b ON b.backbone_id = o.backbone_id
        GROUP BY b.backbone_id, b.label, b.dim
        ORDER BY b.backbone_id
        """
    )


def _damaged() -> TextClause:
    """Media that are not complete, with the reason."""
    return text(
        """
        SELECT coalesce(path, '') AS path, status, detail, decoded_frames, declared_frames
        FROM bi.dim_media WHERE status IN ('failed', 'partial')
        ORDER BY status, detail, path LIMIT :limit
        """
    )


def read_runs(session: Session) -> tuple[RunSummary, ...]:
    """All saved runs, the newest first."""
    return tuple(
        RunSummary(**_utc(row) | {"backbones": tuple(row.backbones)})
        for row in _rows(session, _runs())
    )


def read_asked(session: Session, query_ids: Sequence[int]) -> tuple[AskedPicture, ...]:
    """Queries, in the order of these ids."""
    rows = _rows(session, _asked(), ids=list(query_ids))
    asked = {row.query_id: AskedPicture(**row._mapping) for row in rows}
    return tuple(asked[query_id] for query_id in query_ids)


def read_found(session: Session, query_ids: Sequence[int]) -> tuple[FoundFrame, ...]:
    """The hits of these queries, by query, backbone and rank."""
    rows = _rows(session, _found(), ids=list(query_ids))
    return tuple(FoundFrame(**row._mapping) for row in rows)


def read_pictures(session: Session, frame_ids: Collection[int]) -> dict[int, str]:
    """Thumbnails by frame_id, as data URIs; of frames that occur in results and have one."""
    rows = _rows(session, _pictures(), ids=sorted(frame_ids))
    return {row.frame_id: row.image for row in rows}


def read_evaluations(session: Session) -> tuple[EvaluationSummary, ...]:
    """All evaluations, the newest first."""
    return tuple(EvaluationSummary(**_utc(row)) for row in _rows(session, _evaluations()))


def read_evaluation(session: Session, evaluation_id: int) -> Evaluation:
    """One evaluation; its numbers in order of backbone, part, metric and k."""
    (about,) = _rows(
        session,
        text(
            "SELECT evaluation_id, kind, source, seed, started_at, duration_s "
            "FROM bi.dim_evaluation WHERE evaluation_id = :evaluation_id"
        ),
        evaluation_id=evaluation_id,
    )
    rows = _rows(session, _measurements(), evaluation_id=evaluation_id)
    return Evaluation(
        **_utc(about),
        measurements=tuple(
            Measurement(**dict(row._mapping) | {"metric": Metric(row.metric)}) for row in rows
        ),
    )


def read_gallery(session: Session, damaged: int) -> GalleryContents:
    """What the gallery holds; of failed and partial media, so many at most are listed."""
    return GalleryContents(
        counts=tuple(
            MediaCount(**dict(row._mapping) | {"kind": MediaKind(row.kind) if row.kind else None})
            for row in _rows(session, _media_counts())
        ),
        coverage=tuple(BackboneCoverage(**row._mapping) for row in _rows(session, _coverage())),
        damaged=tuple(
            DamagedMedia(**row._mapping) for row in _rows(session, _damaged(), limit=damaged)
        ),
    )


def _rows(session: Session, query: TextClause, **values: object) -> Sequence[Row[Any]]:
    with session.connect() as connection:
        return connection.execute(query, values).all()


def _utc(row: Row[Any]) -> dict[str, Any]:
    """A row's columns; its moment with the time zone that the views leave out."""
    return dict(row._mapping) | {"started_at": row.started_at.replace(tzinfo=UTC)}
