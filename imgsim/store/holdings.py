"""What the gallery holds, for whoever asks: a row per path, or all about one media."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from sqlalchemy import Row, Select, func, select

from imgsim.domain import (
    GalleryMedia,
    MediaCoverage,
    MediaDescription,
    MediaKind,
    MediaLine,
    MediaPlace,
    MediaStatus,
)
from imgsim.store import schema
from imgsim.store.engine import Session
from imgsim.store.paths import HOST, lies_at, taken_over


def list_lines(session: Session, at: Path | None = None) -> list[MediaLine]:
    """Every path of every machine, in order; only this path and what lies below it if given."""
    query = _media(*_place_columns()).join(
        schema.media_path, schema.media_path.c.media_id == schema.media.c.media_id
    )
    place = schema.media_path.c
    query = query.order_by(place.host != HOST, place.host, place.path_raw, place.seen_at.desc())
    if at is not None:
        query = query.where(lies_at(at))
    with session.connect() as connection:
        return [
            MediaLine(place=_to_place(row), media=_to_media(row))
            for row in connection.execute(query)
        ]


def describe(session: Session, media_id: int) -> MediaDescription | None:
    """All about one media; None when there is none."""
    place = schema.media_path.c
    places = select(*_place_columns()).where(place.media_id == media_id)
    with session.transaction() as connection:
        row = connection.execute(_media().where(schema.media.c.media_id == media_id)).one_or_none()
        if row is None:
            return None
        return MediaDescription(
            media=_to_media(row),
            places=tuple(
                _to_place(each) for each in connection.execute(places.order_by(place.media_path_id))
            ),
            coverage=tuple(
                MediaCoverage(**{**each, "status": MediaStatus(each["status"])})
                for each in connection.execute(_coverage(media_id)).mappings()
            ),
        )


def _media(*more: Any) -> Select[Any]:  # noqa: ANN401 - any column
    """Media with what is counted of them."""
    media, frame, coverage, backbone = (
        schema.media,
        schema.frame,
        schema.coverage,
        schema.backbone,
    )
    stored = select(func.count()).select_from(frame).where(frame.c.media_id == media.c.media_id)
    names = (
        select(func.array_agg(backbone.c.name.distinct()))
        .select_from(coverage)
        .join(backbone, backbone.c.backbone_id == coverage.c.backbone_id)
        .where(coverage.c.media_id == media.c.media_id)
    )
    return select(
        media,
        stored.correlate(media).scalar_subquery().label("stored_frames"),
        names.correlate(media).scalar_subquery().label("backbones"),
        *more,
    ).where(media.c.status.in_([status.value for status in MediaStatus]))


def _place_columns() -> tuple[Any, ...]:
    place = schema.media_path
    return (
        place.c.path_raw,
        place.c.host,
        place.c.seen_at,
        taken_over(place).label("is_taken_over"),
    )


def _coverage(media_id: int) -> Select[Any]:
    coverage, backbone = schema.coverage.c, schema.backbone.c
    return (
        select(
            backbone.name.label("backbone"),
            backbone.revision,
            coverage.sampling,
            coverage.status,
            coverage.embedded,
            coverage.detail,
            coverage.completed_at,
        )
        .join(schema.backbone, backbone.backbone_id == coverage.backbone_id)
        .where(coverage.media_id == media_id)
        .order_by(backbone.name, backbone.backbone_id, coverage.sampling)
    )


def _to_place(row: Row[Any]) -> MediaPlace:
    return MediaPlace(
        path=os.fsdecode(row.path_raw),
        host=row.host,
        is_here=row.host == HOST,
        is_current=not row.is_taken_over,
        seen_at=row.seen_at,
    )


def _to_media(row: Row[Any]) -> GalleryMedia:
    return GalleryMedia(
        media_id=row.media_id,
        content_id=row.content_id,
        kind=MediaKind(row.kind) if row.kind else None,
        status=MediaStatus(row.status),
        detail=row.detail,
        frames=row.decoded_frames,
        declared_frames=row.declared_frames,
        stored_frames=row.stored_frames,
        width=row.width,
        height=row.height,
        duration_s=row.duration_s,
        frame_rate=row.frame_rate,
        codec=row.codec,
        ingested_at=row.ingested_at,
        backbones=tuple(sorted(row.backbones or ())),
    )
