"""A picture of a query and its hits."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from imgsim import pixels
from imgsim.domain import QueryResult
from imgsim.errors import OutputError
from imgsim.pipeline.questions import read_query
from imgsim.reports.sheet import draw_sheet
from imgsim.store import gallery
from imgsim.store.engine import Session

_QUERY_SIDE = 400  # pixels; a little more than a sheet shows


def write_sheet(session: Session, results: Sequence[QueryResult], path: Path) -> None:
    """Draw each query with its hits, one result below the other, into a PNG file.

    Raises:
        OutputError: the file cannot be written.
    """
    frames = [hit.frame.frame_id for result in results for hit in result.hits]
    thumbnails = gallery.thumbnails(session, frames)
    # Small copies: many queries of a camera's full size would not fit into memory.
    queries = {
        result.query: pixels.thumbnail(read_query(result.query), _QUERY_SIDE) for result in results
    }
    try:
        path.write_bytes(draw_sheet(results, queries, thumbnails))
    except OSError as error:
        raise OutputError(
            f"The contact sheet cannot be written to {path}: {error.strerror}."
        ) from error
