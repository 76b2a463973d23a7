"""What an ingest did, for programs."""

from __future__ import annotations

import json

from imgsim.domain import IngestReport
from imgsim.reports.readable import readable


def render(report: IngestReport) -> str:
    """One object; a contract.

    `media` lists every path that was met: `path`, `status` (complete, partial, failed, skipped),
    `frames` that decode, `embedded` of this sampling, `declared` by the container (null where it
    does not say), `similar` that --skip-similar left out in this run, `detail` (null if complete),
    `action` (ingested, unchanged, skipped). `frames_per_s` is about this run.
    """
    media = [
        {
            "path": readable(item.path),
            "status": item.status.value,
            "frames": item.frames,
            "embedded": item.embedded,
            "declared": item.declared,
            "similar": item.similar,
            "detail": item.detail,
            "action": item.action.value,
        }
        for item in report.media
    ]
    summary = {"media": media, "frames_per_s": round(report.frames_per_s, 2)}
    return json.dumps(summary, indent=2, ensure_ascii=False)
