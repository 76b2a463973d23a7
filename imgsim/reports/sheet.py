"""Search results as a contact sheet: the query, then its hits with rank, time and distance."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import PurePath

import numpy as np

from imgsim import pixels
from imgsim.domain import Hit, Pixels, QueryResult
from imgsim.reports.clock import h_mm_ss
from imgsim.reports.readable import readable


def draw_sheet(
    results: Sequence[QueryResult],
    queries: Mapping[str, Pixels],
    thumbnails: Mapping[int, bytes],
) -> bytes:
    """Draw the results below each other.

    Args:
        results: what to show.
        queries: RGB pictures by query path.
        thumbnails: JPEG by frame_id.

    Returns:
        PNG.
    """
    sheets = [
        pixels.contact_sheet(
            queries[result.query],
            f"{_name(result.query)}\n{result.backbone}",
            [
                (pixels.decode_jpeg(thumbnails[hit.frame.frame_id]), _label(hit))
                for hit in result.hits
            ],
        )
        for result in results
    ]
    width = max(sheet.shape[1] for sheet in sheets)
    padded = [_pad(sheet, width) for sheet in sheets]
    return pixels.encode_png(np.concatenate(padded))


def _pad(sheet: Pixels, width: int) -> Pixels:
    """Widen a sheet with its own background."""
    missing = width - sheet.shape[1]
    return np.pad(sheet, ((0, 0), (0, missing), (0, 0)), constant_values=int(sheet[-1, -1, 0]))


def _label(hit: Hit) -> str:
    frame = hit.frame
    lines = [f"{hit.rank}   distance {hit.distance:.4f}", _name(frame.path)]
    if frame.timestamp_s is not None:
        lines.append(f"{h_mm_ss(frame.timestamp_s)}   frame {frame.frame_index}")
    elif frame.frame_index:
        lines.append(f"page {frame.frame_index + 1}")
    return "\n".join(lines)


def _name(path: str) -> str:
    return readable(PurePath(path).name)
