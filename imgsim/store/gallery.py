"""What the gallery already holds, so that nothing is done twice."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ARRAY, BigInteger, ColumnElement, Connection, Row, any_, literal, select

from imgsim.domain import MediaInfo, MediaKind, MediaStatus
from imgsim.sampling import Sampling
from imgsim.store import schema
from imgsim.store.engine import Session
from imgsim.store.registry import BackboneRow


@dataclass(frozen=True, kw_only=True, slots=True)
class StoredMedia:
    """A media as the gallery has it."""

    media_id: int
    kind: MediaKind | None  # None: it could not be opened
    status: MediaStatus
    decoded_frames: int
    declared_frames: int | None  # by the container; may be wrong
    duration_s: float | None  # declared
    frame_rate: float | None  # frames per second, average, declared
    detail: str | None

    def sampling_key(self, sampling: Sampling) -> str:
        """The key of the rule that a sampling comes to for this media."""
        info = MediaInfo(
            kind=self.kind or MediaKind.VIDEO,
            width=0,
            height=0,
            duration_s=self.duration_s,
            frame_rate=self.frame_rate,
            declared_frames=self.declared_frames,
        )
        return sampling.resolved(info).key_for(self.kind)


@dataclass(frozen=True, kw_only=True, slots=True)
class Survey:
    """What the gallery has of a content, for some backbones and one sampling."""

    media: StoredMedia | None  # None: the content was never seen
    covered: dict[int, int]  # backbone_id of what is done -> frames with an embedding
    present: dict[int, set[int]]  # backbone_id of what is not -> frame indices that are embedded


MEDIA_COLUMNS: tuple[ColumnElement[Any], ...] = (
    schema.media.c.media_id,
    schema.media.c.kind,
    schema.media.c.status,
    schema.media.c.decoded_frames,
    schema.media.c.declared_frames,
    schema.media.c.duration_s,
    schema.media.c.frame_rate,
    schema.media.c.detail,
)


def find_media(connection: Connection, content_id: str) -> StoredMedia | None:
    """The media with this content; None when it was never seen."""
    row = connection.execute(
        select(*MEDIA_COLUMNS).where(schema.media.c.content_id == content_id)
    ).one_or_none()
    return stored_media(row) if row else None


def stored_media(row: Row[Any]) -> StoredMedia:
    """The media of a row that has MEDIA_COLUMNS."""
    return StoredMedia(
        media_id=row.media_id,
        kind=MediaKind(row.kind) if row.kind else None,
        status=MediaStatus(row.status),
        decoded_frames=row.decoded_frames,
        declared_frames=row.declared_frames,
        duration_s=row.duration_s,
        frame_rate=row.frame_rate,
        detail=row.detail,
    )


def survey(
    connection: Connection, content_id: str, backbones: Sequence[BackboneRow], sampling: Sampling
) -> Survey:
    """Find out what is left to do for a content."""
    media = find_media(connection, content_id)
    covered: dict[int, int] = {}
    present: dict[int, set[int]] = {}
    for row in backbones:
        done = _covered(connection, media, row, sampling) if media else None
        if done is not None:
            covered[row.backbone_id] = done
        else:
            present[row.backbone_id] = (
                _embedded_indices(connection, media.media_id, row) if media else set()
            )
    return Survey(media=media, covered=covered, present=present)


def _covered(
    connection: Connection, media: StoredMedia, backbone: BackboneRow, sampling: Sampling
) -> int | None:
    columns = schema.coverage.c
    return connection.execute(
        select(columns.embedded).where(
            columns.media_id == media.media_id,
            columns.backbone_id == backbone.backbone_id,
            columns.sampling == media.sampling_key(sampling),
        )
    ).scalar_one_or_none()


def _embedded_indices(connection: Connection, media_id: int, backbone: BackboneRow) -> set[int]:
    """The frame indices of a media that this backbone has embedded, by any sampling."""
    frame, table = schema.frame, backbone.table
    query = (
        select(frame.c.frame_index)
        .join(table, table.c.frame_id == frame.c.frame_id)
        .where(frame.c.media_id == media_id)
    )
    return set(connection.execute(query).scalars())


def thumbnails(session: Session, frame_ids: Sequence[int]) -> dict[int, bytes]:
    """The JPEG thumbnails of frames, by frame_id."""
    columns = schema.frame.c
    query = select(columns.frame_id, columns.thumbnail).where(
        columns.frame_id == any_(literal(list(frame_ids), ARRAY(BigInteger)))
    )
    with session.connect() as connection:
        return {row.frame_id: bytes(row.thumbnail) for row in connection.execute(query)}
