"""What an ingest did, for people and for programs."""

from __future__ import annotations

import json
from collections import Counter

from imgsim.domain import IngestAction, IngestReport, MediaStatus
from imgsim.reports.readable import readable


def render_text(report: IngestReport) -> str:
    """A line for each path that is not plainly stored, then a line of totals."""
    lines = [
        f"{media.status.value}: {readable(media.path)}: {media.detail}"
        for media in report.media
        if media.status is not MediaStatus.COMPLETE
    ]
    failed = len(report.failed)
    actions = Counter(media.action for media in report.media)
    actions[IngestAction.SKIPPED] -= failed
    parts = [f"{actions[action]} {action.value}" for action in IngestAction if actions[action] > 0]
    if partial := sum(media.status is MediaStatus.PARTIAL for media in report.media):
        parts.append(f"{partial} of them in part")
    if failed:
        parts.append(f"{failed} failed")
    total = ", ".join(parts) or "nothing to do"
    if report.frames:
        total += f"; {report.frames} frames at {report.frames_per_s:.1f} frames/s"
    return "\n".join([*lines, total])


def render_json(report: IngestReport) -> str:
    """One object; a contract. `frames` and `embedded` describe the stored media."""
    media = [
        {
            "path": readable(item.path),
            "status": item.status.value,
            "frames": item.frames,
            "embedded": item.embedded,
            "detail": item.detail,
            "action": item.action.value,
        }
        for item in report.media
    ]
    summary = {"media": media, "frames_per_s": round(report.frames_per_s, 2)}
    return json.dumps(summary, indent=2, ensure_ascii=False)
