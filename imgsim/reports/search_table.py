"""Search results as a table for people."""

from __future__ import annotations

from collections.abc import Sequence

from imgsim.domain import Hit, QueryResult
from imgsim.reports.clock import h_mm_ss
from imgsim.reports.columns import align, printable

_HEAD = ("rank", "distance", "similarity", "time", "frame", "file")
_RIGHT = frozenset({"rank", "distance", "similarity", "time", "frame"})


def render(results: Sequence[QueryResult]) -> str:
    """A heading and a table for each result, nearest hit first."""
    return "\n".join(_render_one(result) for result in results)


def _render_one(result: QueryResult) -> str:
    how = "exact" if result.exact else "HNSW index"
    title = f"{printable(result.query)}  ({result.backbone}, {how})"
    return "\n".join([title, *align(_HEAD, [_row(hit) for hit in result.hits], _RIGHT), ""])


def _row(hit: Hit) -> tuple[str, ...]:
    frame = hit.frame
    return (
        str(hit.rank),
        f"{hit.distance:.4f}",
        f"{hit.similarity:.4f}",
        h_mm_ss(frame.timestamp_s),
        str(frame.frame_index),
        frame.path,
    )
