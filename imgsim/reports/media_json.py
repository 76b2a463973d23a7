"""What the gallery holds as JSON. Contracts: keys are added, never renamed or taken away."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from imgsim.domain import GalleryMedia, MediaCoverage, MediaDescription, MediaLine, MediaPlace
from imgsim.reports.readable import readable


def render(lines: Sequence[MediaLine]) -> str:
    """A list with one flat object per path: the keys of `entry`."""
    return json.dumps([entry(line) for line in lines], indent=2, ensure_ascii=False)


def render_described(described: Sequence[MediaDescription]) -> str:
    """A list with one object per media: what it is, `paths` and `coverage`.

    What it is has the keys of `entry` but those of the path. A path has `path`, `host`,
    `is_current` and `seen_at`; a coverage `backbone`, `revision`, `sampling`, `status`, `embedded`,
    `detail` and `completed_at`. Times are ISO 8601 with their offset from UTC.
    """
    media = [
        {
            **_media(each.media),
            "paths": [_place(place) for place in each.places],
            "coverage": [_coverage(coverage) for coverage in each.coverage],
        }
        for each in described
    ]
    return json.dumps(media, indent=2, ensure_ascii=False)


def entry(line: MediaLine) -> dict[str, Any]:
    """A path and its media, flat.

    `path`, `host`, `is_current` (no other content was seen there since) and `seen_at`;
    `content_id`, `kind` (image, video, null), `status`, `detail`, `frames` (that decode),
    `declared_frames`, `stored_frames`, `width` and `height` in pixels, `duration_s`, `frame_rate`,
    `codec`, `ingested_at`, `backbones` (names). What is not known is null.
    """
    return {**_place(line.place), **_media(line.media)}


def _place(place: MediaPlace) -> dict[str, Any]:
    return {
        "path": readable(place.path),
        "host": place.host,
        "is_current": place.is_current,
        "seen_at": place.seen_at.isoformat(),
    }


def _media(media: GalleryMedia) -> dict[str, Any]:
    return {
        "content_id": media.content_id,
        "kind": media.kind.value if media.kind else None,
        "status": media.status.value,
        "detail": media.detail,
        "frames": media.frames,
        "declared_frames": media.declared_frames,
        "stored_frames": media.stored_frames,
        "width": media.width,
        "height": media.height,
        "duration_s": media.duration_s,
        "frame_rate": media.frame_rate,
        "codec": media.codec,
        "ingested_at": media.ingested_at.isoformat(),
        "backbones": list(media.backbones),
    }


def _coverage(coverage: MediaCoverage) -> dict[str, Any]:
    return {
        "backbone": coverage.backbone,
        "revision": coverage.revision,
        "sampling": coverage.sampling,
        "status": coverage.status.value,
        "embedded": coverage.embedded,
        "detail": coverage.detail,
        "completed_at": coverage.completed_at.isoformat(),
    }
