"""The hits of a search as pictures at full size."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from imgsim import pixels
from imgsim.domain import Hit, QueryResult
from imgsim.errors import MediaError
from imgsim.pipeline.new_folder import new_folder
from imgsim.pipeline.questions import read_query
from imgsim.pipeline.sheet import write_sheet
from imgsim.reports.readable import readable
from imgsim.sources import read_frame
from imgsim.store.engine import Session


def export_hits(session: Session, results: Sequence[QueryResult], folder: Path) -> list[MediaError]:
    """Write each query, its hits at full size and their contact sheet, a folder for each result.

    A hit in a video is the exact frame, decoded anew.

    Returns:
        What could not be read any more; the rest is written.

    Raises:
        InvalidArgument: the folder holds something already.
        OutputError: it cannot be written to.
    """
    lost: list[MediaError] = []
    with new_folder(folder):
        for number, result in enumerate(results, start=1):
            place = folder / f"{number:02d}_{_stem(result.query)}_{result.backbone}"
            place.mkdir()
            (place / "00_query.png").write_bytes(pixels.encode_png(read_query(result.query)))
            for hit in result.hits:
                frame = hit.frame
                try:
                    picture = read_frame(Path(frame.path), frame.frame_index, frame.pts)
                except MediaError as error:
                    lost.append(error)
                else:
                    (place / _name(hit)).write_bytes(pixels.encode_png(picture))
            write_sheet(session, [result], place / "sheet.png")
    return lost


def _name(hit: Hit) -> str:
    """`01_d0.0068_film_000022.png`: rank, distance, file, and the frame or page."""
    is_one_of_many = hit.frame.pts is not None or hit.frame.frame_index
    where = f"_{hit.frame.frame_index:06d}" if is_one_of_many else ""
    return f"{hit.rank:02d}_d{hit.distance:.4f}_{_stem(hit.frame.path)}{where}.png"


def _stem(path: str) -> str:
    return readable(Path(path).stem)
