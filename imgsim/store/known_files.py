"""Files that are in the gallery and have not changed since: known without being read."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Connection,
    LargeBinary,
    Row,
    Select,
    any_,
    literal,
    select,
)

from imgsim.domain import MediaStatus
from imgsim.sampling import Sampling
from imgsim.store import schema
from imgsim.store.gallery import MEDIA_COLUMNS, StoredMedia, stored_media
from imgsim.store.paths import HOST
from imgsim.store.registry import BackboneRow


@dataclass(frozen=True, kw_only=True, slots=True)
class CoveredFile:
    """An unchanged file of which nothing is left to do."""

    media: StoredMedia
    embedded: int  # frames of the sampling with an embedding by every backbone asked for


def covered_files(
    connection: Connection,
    paths: Sequence[Path],
    backbones: Sequence[BackboneRow],
    sampling: Sampling,
) -> dict[Path, CoveredFile]:
    """The files among these that have not changed, and that every backbone has embedded.

    Three queries, however many paths. A path is left out when its file is gone, cannot be asked,
    has changed, or was too young when it was read. Media that failed are never among them, as
    nothing covers them.
    """
    known = {path: row.media_id for path, row in _unchanged(connection, paths)}
    wanted = {row.backbone_id for row in backbones}
    if not known or not wanted:
        return {}
    media_ids = sorted(set(known.values()))
    media = {row.media_id: stored_media(row) for row in connection.execute(_decoded(media_ids))}
    embedded: dict[int, dict[int, int]] = {}
    for row in connection.execute(_coverage(media_ids, sorted(wanted))):
        stored = media.get(row.media_id)
        if stored is not None and row.sampling == stored.sampling_key(sampling):
            embedded.setdefault(row.media_id, {})[row.backbone_id] = row.embedded
    return {
        path: CoveredFile(media=media[media_id], embedded=min(embedded[media_id].values()))
        for path, media_id in known.items()
        if embedded.get(media_id, {}).keys() == wanted
    }


def _unchanged(connection: Connection, paths: Sequence[Path]) -> Iterator[tuple[Path, Row[Any]]]:
    """Paths whose file is as it was when it was read, and what it held."""
    if not paths:
        return
    given = {os.fsencode(path): path for path in paths}
    newest = {bytes(row.path_raw): row for row in connection.execute(_seen_at(list(given)))}
    for raw, row in newest.items():
        path = given[raw]
        try:
            now = path.stat()
        except OSError:
            continue
        if (now.st_size, now.st_mtime_ns) == (row.size_bytes, row.mtime_ns):
            yield path, row


def _seen_at(raw: list[bytes]) -> Select[Any]:
    """What was seen at each of these paths of this machine, the newest last."""
    place = schema.media_path.c
    return (
        select(
            place.path_raw,
            place.size_bytes,
            place.mtime_ns,
            place.media_id,
        )
        .where(place.host == HOST, place.path_raw == any_(literal(raw, ARRAY(LargeBinary))))
        .order_by(place.seen_at, place.media_path_id)
    )


def _decoded(media_ids: list[int]) -> Select[Any]:
    """The media among these of which there are frames."""
    media = schema.media.c
    return select(*MEDIA_COLUMNS).where(
        media.media_id == any_(literal(media_ids, ARRAY(BigInteger))),
        media.status.in_([MediaStatus.COMPLETE.value, MediaStatus.PARTIAL.value]),
    )


def _coverage(media_ids: list[int], backbone_ids: list[int]) -> Select[Any]:
    """What these backbones have done with these media, by any sampling."""
    coverage = schema.coverage.c
    return select(
        coverage.media_id, coverage.backbone_id, coverage.sampling, coverage.embedded
    ).where(
        coverage.media_id == any_(literal(media_ids, ARRAY(BigInteger))),
        coverage.backbone_id == any_(literal(backbone_ids, ARRAY(BigInteger))),
    )
