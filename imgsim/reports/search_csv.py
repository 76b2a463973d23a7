"""Search results as CSV: one line per hit."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence

from imgsim.domain import QueryResult
from imgsim.reports.readable import readable

_HEAD = (
    "query",
    "backbone",
    "rank",
    "path",
    "kind",
    "frame_index",
    "timestamp_s",
    "distance",
    "similarity",
    "frame_id",
)


def render(results: Sequence[QueryResult]) -> str:
    """A header line, then the hits; an empty cell where an image has no time."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(_HEAD)
    for result in results:
        for hit in result.hits:
            frame = hit.frame
            writer.writerow(
                (
                    readable(result.query),
                    result.backbone,
                    hit.rank,
                    readable(frame.path),
                    frame.kind.value,
                    frame.frame_index,
                    frame.timestamp_s,
                    hit.distance,
                    hit.similarity,
                    frame.frame_id,
                )
            )
    return text.getvalue().rstrip("\n")
