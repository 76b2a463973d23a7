"""What the gallery already holds, so that nothing is done twice."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    ARRAY,
    BigInteger,
    ColumnElement,
    Connection,
    Row,
    Text,
    any_,
    literal,
    select,
)

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
    connection: Connection,
    content_ids: Sequence[str],
    backbones: Sequence[BackboneRow],
    sampling: Sampling,
) -> dict[str, Survey]:
    """Find out what is left to do for contents: two queries, and more for those half done."""
    columns = schema.media.c
    rows = connection.execute(
        select(columns.content_id, *MEDIA_COLUMNS).where(
            columns.content_id == any_(literal(list(content_ids), ARRAY(Text)))
        )
    )
    known = {row.content_id: stored_media(row) for row in rows}
    covered = _covered(connection, list(known.values()), sampling)
    return {each: _survey(connection, known.get(each), covered, backbones) for each in content_ids}


def _survey(
    connection: Connection,
    media: StoredMedia | None,
    covered: dict[tuple[int, int], int],
    backbones: Sequence[BackboneRow],
) -> Survey:
    if media is None:
        return Survey(media=None, covered={}, present={row.backbone_id: set() for row in backbones})
    done = {
        row.backbone_id: covered[media.media_id, row.backbone_id]
        for row in backbones
        if (media.media_id, row.backbone_id) in covered
    }
    present = {
        row.backbone_id: _embedded_indices(connection, media.media_id, row)
        for row in backbones
        if row.backbone_id not in done
    }
    return Survey(media=media, covered=done, present=present)


def _covered(
    connection: Connection, media: Sequence[StoredMedia], sampling: Sampling
) -> dict[tuple[int, int], int]:
    """By media and backbone: the frames with an embedding, where the sampling is done with."""
    if not media:
        return {}
    columns = schema.coverage.c
    wanted = {each.media_id: each.sampling_key(sampling) for each in media}
    rows = connection.execute(
        select(columns.media_id, columns.backbone_id, columns.sampling, columns.embedded).where(
            columns.media_id == any_(literal(list(wanted), ARRAY(BigInteger)))
        )
    )
    return {
        (row.media_id, row.backbone_id): row.embedded
        for row in rows
        if row.sampling == wanted[row.media_id]
    }


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
