"""What the gallery holds, and what left it, for people."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from imgsim.domain import (
    GalleryMedia,
    MediaCoverage,
    MediaDescription,
    MediaLine,
    MediaPlace,
    MediaStatus,
    Removal,
)
from imgsim.reports.clock import h_mm_ss
from imgsim.reports.columns import align, printable

_HEAD = ("status", "kind", "frames", "stored", "size", "duration", "backbones", "path")
_COVERAGE = ("backbone", "sampling", "status", "embedded", "when", "revision")
_RIGHT = frozenset({"frames", "stored", "size", "duration", "embedded"})


def render(lines: Sequence[MediaLine]) -> str:
    """A line for each path; frames are those that decode, `/` those that the file declares."""
    if not lines:
        return "No media."
    return "\n".join(align(_HEAD, [_row(line) for line in lines], _RIGHT))


def render_described(described: Sequence[MediaDescription]) -> str:
    """A block for each media: what it is, its paths, what each backbone did with it."""
    return "\n\n".join(_describe(each) for each in described)


def render_gone(paths: Sequence[str]) -> str:
    """A line for each path whose file is gone."""
    return "\n".join(f"gone: {printable(path)}" for path in paths)


def render_removal(removed: Removal) -> str:
    """What went, in one line."""
    return (
        f"{_count(removed.paths, 'path')} forgotten; {removed.media} media deleted, with "
        f"{_count(removed.frames, 'frame')}"
    )


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def _row(line: MediaLine) -> tuple[str, ...]:
    media = line.media
    tail = f": {media.detail}" if media.status is not MediaStatus.COMPLETE and media.detail else ""
    return (
        media.status.value,
        media.kind.value if media.kind else "-",
        _frames(media),
        str(media.stored_frames),
        _size(media),
        h_mm_ss(media.duration_s),
        ", ".join(media.backbones) or "-",
        _place(line.place) + tail,
    )


def _frames(media: GalleryMedia) -> str:
    declared = media.declared_frames
    return str(media.frames) if declared is None else f"{media.frames}/{declared}"


def _size(media: GalleryMedia) -> str:
    return f"{media.width}x{media.height}" if media.width and media.height else "-"


def _place(place: MediaPlace) -> str:
    where = place.path if place.is_here else f"{place.path} on {place.host}"
    return where if place.is_current else f"{where} (before it was saved anew)"


def _describe(described: MediaDescription) -> str:
    media = described.media
    rate = "" if media.frame_rate is None else f", {media.frame_rate:.4g} frames/s"
    facts = [
        ("content", media.content_id),
        ("status", media.status.value + (f": {media.detail}" if media.detail else "")),
        ("kind", f"{media.kind.value if media.kind else '-'}, {media.codec or 'unknown codec'}"),
        ("size", _size(media)),
        ("duration", h_mm_ss(media.duration_s) + rate),
        ("frames", f"{_frames(media)}, {media.stored_frames} of them stored"),
        ("ingested", _moment(media.ingested_at)),
        *(("path", f"{_place(each)}, seen {_moment(each.seen_at)}") for each in described.places),
    ]
    lines = [f"{name:<8}  {printable(value)}" for name, value in facts]
    if described.coverage:
        lines += ["", *align(_COVERAGE, [_covered(each) for each in described.coverage], _RIGHT)]
    return "\n".join(lines)


def _covered(coverage: MediaCoverage) -> tuple[str, ...]:
    return (
        coverage.backbone,
        coverage.sampling,
        coverage.status.value,
        str(coverage.embedded),
        _moment(coverage.completed_at),
        coverage.revision,
    )


def _moment(moment: datetime) -> str:
    return moment.astimezone().strftime("%Y-%m-%d %H:%M:%S")
