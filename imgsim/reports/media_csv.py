"""What the gallery holds as CSV: one line per path."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence

from imgsim.domain import MediaLine
from imgsim.reports.media_json import entry

_HEAD = (
    *("status", "kind", "frames", "declared_frames", "stored_frames", "backbones"),
    *("width", "height", "duration_s", "frame_rate", "codec"),
    *("path", "host", "is_current", "seen_at", "content_id", "ingested_at", "detail"),
)


def render(lines: Sequence[MediaLine]) -> str:
    """A header line, then the paths; an empty cell where nothing is known, backbones by spaces."""
    text = io.StringIO()
    writer = csv.DictWriter(text, _HEAD, lineterminator="\n")
    writer.writeheader()
    for line in lines:
        writer.writerow({**entry(line), "backbones": " ".join(line.media.backbones)})
    return text.getvalue().rstrip("\n")
