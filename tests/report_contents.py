"""Contents of a page, made up."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from datetime import UTC, datetime

import cv2
import numpy as np

from imgsim.comparison import Agreement, BackboneMetrics, Comparison, QueryMetrics
from imgsim.domain import MediaKind
from imgsim.evaluation import ALL, WHOLE_RANKING, Evaluation, Measurement, Metric
from imgsim.report_values import (
    AskedPicture,
    BackboneCoverage,
    DamagedMedia,
    EvaluationSummary,
    FoundFrame,
    GalleryContents,
    MediaCount,
    ReportContents,
    RunContents,
    RunSummary,
)

WHEN = datetime(2026, 1, 31, 17, 5, tzinfo=UTC)
BACKBONES = ("lite0", "vgg16")


def _jpeg(grey: int) -> str:
    picture = np.full((9, 16, 3), grey, np.uint8)
    return "data:image/jpeg;base64," + base64.b64encode(
        cv2.imencode(".jpg", picture)[1].tobytes()
    ).decode("ascii")


def answer(query_id: int, backbone: str, name: str, adjacent: int | None = 2) -> QueryMetrics:
    """Found, and by the first backbone first; without adjacent hits, no true frame is known."""
    known = adjacent is not None
    return QueryMetrics(
        query_id=query_id,
        query=f"/q/{name}",
        backbone=backbone,
        hits=3,
        match_found=True if known else None,
        first_match=backbone == BACKBONES[0] if known else None,
        adjacent_hits=adjacent,
        best_distance=-1e-9,
        margin=0.25,
        truth=f"/v/{name}.mp4" if known else None,
        truth_frame_index=5 if known else None,
    )


def _metrics(backbone: str) -> BackboneMetrics:
    return BackboneMetrics(
        backbone=backbone,
        dim=512,
        vector_bytes=1032,
        queries=1,
        with_truth=1,
        matches=1,
        first_matches=1,
        adjacent_hits=2,
        mean_best_distance=0.0,
        mean_margin=0.25,
        embed_ms=12.34,
        search_ms=0.56,
        exact=True,
        gallery_rows=1234,
    )


def _hits(query_id: int, backbone: str, name: str, first: int) -> list[FoundFrame]:
    return [
        FoundFrame(
            query_id=query_id,
            backbone=backbone,
            rank=rank,
            distance=rank / 10,
            frame_id=None if rank == 4 else 100 + rank,
            truth_offset=offset,
            path=f"/v/{name}.mp4",
            frame_index=5 + (offset or 0),
            timestamp_s=1.5,
        )
        for rank, offset in enumerate((first, 1, 3, None), start=1)
    ]


def run(backbones: Sequence[str], queries: Sequence[str], adjacent: int | None = 2) -> RunContents:
    """Queries that are answered alike: the last backbone of several lacks the true frame."""
    numbered = list(enumerate(queries, start=1))
    return RunContents(
        summary=RunSummary(
            search_id=7,
            command="compare",
            k=4,
            started_at=WHEN,
            duration_s=1.0,
            queries=len(queries),
            backbones=tuple(backbones),
        ),
        comparison=Comparison(
            search_id=7,
            k=4,
            queries=tuple(answer(n, b, q, adjacent) for n, q in numbered for b in backbones),
            backbones=tuple(map(_metrics, backbones)),
            agreements=(
                Agreement(
                    backbone=backbones[0], other=backbones[-1], overlap=0.5, rank_correlation=None
                ),
            ),
        ),
        shown=tuple(
            AskedPicture(
                query_id=number,
                path=f"/q/{name}",
                image=_jpeg(number),
                truth_source="given" if adjacent is not None else None,
                truth_frame_id=101,
                truth_path=f"/v/{name}.mp4" if adjacent is not None else None,
                truth_frame_index=5 if adjacent is not None else None,
                truth_timestamp_s=1.5,
            )
            for number, name in numbered
        ),
        found=tuple(
            hit
            for number, name in numbered
            for at, backbone in enumerate(backbones)
            for hit in _hits(number, backbone, name, first=0 if at == 0 else -1)
        ),
    )


def _measured(backbone: str, part: str, metric: Metric, k: int, value: float) -> Measurement:
    return Measurement(
        backbone_id=1,
        backbone=backbone,
        part=part,
        metric=metric,
        k=k,
        value=value,
        low=value - 0.01,
        high=value + 0.01,
        queries=40,
        gallery_rows=99,
    )


def evaluation(source: str) -> Evaluation:
    """Of all queries, and of a part that is called like the source."""
    return Evaluation(
        evaluation_id=3,
        kind="copies",
        source=source,
        seed=0,
        started_at=WHEN,
        duration_s=1.0,
        measurements=tuple(
            _measured(backbone, part, metric, k, value)
            for backbone in BACKBONES
            for part in (ALL, source)
            for metric, k, value in (
                (Metric.HIT_RATE, 1, 0.5),
                (Metric.HIT_RATE, 5, 0.75),
                (Metric.MAP, WHOLE_RANKING, 0.625),
            )
        ),
    )


def gallery(path: str = "/p/a.jpg") -> GalleryContents:
    """Three videos, and two files that failed, of which one is listed."""
    return GalleryContents(
        counts=(
            MediaCount(
                status="complete",
                kind=MediaKind.VIDEO,
                media=3,
                kept_frames=1200,
                blank_frames=200,
                duration_s=61.5,
            ),
            MediaCount(
                status="failed", kind=None, media=2, kept_frames=0, blank_frames=0, duration_s=0.0
            ),
        ),
        coverage=(
            BackboneCoverage(backbone="lite0", dim=512, complete=3, partial=0, embedded=900),
        ),
        damaged=(
            DamagedMedia(
                path=path, status="failed", detail=path, decoded_frames=None, declared_frames=7
            ),
        ),
    )


def contents(
    run: RunContents | None = None,
    *,
    evaluations: tuple[Evaluation, ...] = (),
    other_evaluations: tuple[EvaluationSummary, ...] = (),
    held: GalleryContents | None = None,
) -> ReportContents:
    """A page's contents; the pictures of frames 101 and 103 are the same."""
    return ReportContents(
        version="1.2.3",
        written_at=WHEN,
        runs=() if run is None else (run,),
        other_runs=(),
        evaluations=evaluations,
        other_evaluations=other_evaluations,
        gallery=held or gallery(),
        pictures={101: _jpeg(50), 102: _jpeg(60), 103: _jpeg(50)},
    )
