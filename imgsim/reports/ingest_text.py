"""What an ingest did, for people."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from imgsim.domain import IngestAction, IngestReport, MediaReport, MediaStatus
from imgsim.reports.readable import readable

_PATHS_SHOWN = 20  # of one reason


def render(report: IngestReport) -> str:
    """What is not plainly stored, grouped by reason, then a line of totals."""
    groups: dict[tuple[MediaStatus, str], list[MediaReport]] = {}
    for media in report.media:
        if media.status is not MediaStatus.COMPLETE:
            groups.setdefault((media.status, media.detail or ""), []).append(media)
    lines = [line for (_, reason), alike in groups.items() for line in _group(reason, alike)]
    return "\n".join([*lines, _totals(report)])


def _group(reason: str, alike: Sequence[MediaReport]) -> list[str]:
    """One line for one path; else a line for the reason, and one for each path below it."""
    status = alike[0].status.value
    if len(alike) == 1:
        return [f"{status}: {readable(alike[0].path)}: {readable(reason)}"]
    shown = [f"  {readable(media.path)}" for media in alike[:_PATHS_SHOWN]]
    if more := len(alike) - len(shown):
        shown.append(f"  and {more} more, which --format json lists")
    return [f"{status}, {len(alike)} files: {readable(reason)}", *shown]


def _totals(report: IngestReport) -> str:
    actions = Counter(media.action for media in report.media)
    statuses = Counter(media.status for media in report.media)
    parts = [
        f"{actions[action]} {action.value}"
        for action in (IngestAction.INGESTED, IngestAction.UNCHANGED)
        if actions[action]
    ]
    if partial := statuses[MediaStatus.PARTIAL]:
        parts.append(f"{partial} of them in part")
    parts += [
        f"{statuses[status]} {status.value}"
        for status in (MediaStatus.FAILED, MediaStatus.SKIPPED)
        if statuses[status]
    ]
    total = ", ".join(parts) or "nothing to do"
    if report.frames:
        total += f"; {report.frames} frames at {report.frames_per_s:.1f} frames/s"
    if similar := sum(media.similar for media in report.media):
        total += f"; {similar} similar frames left out"
    return total
