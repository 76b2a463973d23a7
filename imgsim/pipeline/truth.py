"""Which frame of the gallery a query is known to show: because somebody says so, or by its content.

By content means by its pixels. The frames that any backbone finds near the query are compared with
it, first by their thumbnails, then, where several look the same, at full size. So it makes no
difference which backbone found the frame; and a picture of which only an edited copy is in the
gallery has no true frame.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path

from imgsim import pixels
from imgsim.comparison import Question, TrueFrame
from imgsim.domain import FrameRef
from imgsim.errors import InvalidArgument, MediaError
from imgsim.pipeline.discover import absolute
from imgsim.pipeline.questions import read_query
from imgsim.sources import read_frame
from imgsim.store import gallery, paths, truth
from imgsim.store.engine import Session

CANDIDATES = 50
"""How many hits of each backbone are compared with the query."""

# Mean differences in levels of 255. Measured on 63 frames of five clips against all their frames,
# at 32 pixels: a frame differs by at most 1.7 from itself at half size and as JPEG of quality 50
# (3.9 in a clip of 193 x 144), by 7 and more from itself cropped, mirrored or darkened.
_SMALL_SIDE = 32
_SAME = 2.0
_CLOSE_CALL = 0.7
# On thumbnails, an exact copy differs by 0 from its frame and by 1 to 8 from the frame after it.
_EXACT = 0.3
_FINALISTS = 12

Truths = Mapping[Path, tuple[Path, int]]
"""Absolute path of a query -> absolute path of a media, and the index of its frame."""


def parse_truths(given: Sequence[str] | None) -> Truths:
    """Read `QUERY=MEDIA@INDEX` (an image needs no index), or names of CSV files with two columns.

    Raises:
        InvalidArgument: something is neither; says which, and where.
    """
    truths: dict[Path, tuple[Path, int]] = {}
    for each in given or ():
        if "=" in each and not Path(each).is_file():
            query, _, frame = each.partition("=")
            pairs = [(absolute(query), _frame(frame, Path.cwd(), f"--truth {each}"))]
        else:
            pairs = _read_csv(absolute(each))
        truths.update(pairs)
    return truths


def _read_csv(path: Path) -> list[tuple[Path, tuple[Path, int]]]:
    try:
        rows = list(csv.reader(io.StringIO(path.read_text("utf-8-sig"))))
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidArgument(
            f"--truth {path}: is neither QUERY=MEDIA@INDEX nor a CSV file that can be read: {error}"
        ) from error
    pairs = []
    for number, row in enumerate(rows, start=1):
        if not any(row) or (number == 1 and row[0].strip().lower() == "query"):
            continue
        if len(row) != 2:
            raise InvalidArgument(
                f"--truth {path}, line {number}: has {len(row)} columns, and two were expected: "
                "the query, and its true frame as MEDIA@INDEX. Paths may be relative to the file."
            )
        where = f"--truth {path}, line {number}"
        pairs.append((_beside(row[0], path.parent), _frame(row[1], path.parent, where)))
    return pairs


def _frame(text: str, folder: Path, where: str) -> tuple[Path, int]:
    name, at, index = text.strip().rpartition("@")
    if at and index.isdecimal():
        return _beside(name, folder), int(index)
    if at and not _beside(text, folder).exists():
        raise InvalidArgument(
            f"{where}: after the @ comes the index of a frame, a whole number from 0 on, "
            f"not '{index}'."
        )
    return _beside(text, folder), 0


def _beside(text: str, folder: Path) -> Path:
    return absolute(str(folder / text.strip()))


def require_frames(
    session: Session, truths: Truths, queries: Sequence[str]
) -> dict[Path, TrueFrame]:
    """Find the frames that truths name, by absolute path of the query.

    Raises:
        InvalidArgument: a truth is of no query that is asked, or its frame is not in the gallery.
    """
    asked = {absolute(query) for query in queries}
    found: dict[Path, TrueFrame] = {}
    for query, (path, index) in truths.items():
        if query not in asked:
            raise InvalidArgument(
                f"--truth: {query} is none of the queries. Name it as among the queries."
            )
        found[query] = _require_frame(session, path, index)
    return found


def _require_frame(session: Session, path: Path, index: int) -> TrueFrame:
    media_id = paths.media_at_paths(session, [path]).get(path)
    if media_id is None:
        raise InvalidArgument(
            f"--truth: {path} is not in the gallery. `imgsim media list` shows what is; ingest it "
            "first, or name it by the path at which it was ingested."
        )
    frame = truth.frame_of_media(session, media_id, index)
    if frame is None:
        kept = truth.kept_indices(session, media_id)
        near = ", ".join(map(str, sorted(sorted(kept, key=lambda i: abs(i - index))[:2])))
        raise InvalidArgument(
            f"--truth: the gallery keeps {len(kept)} frames of {path}, and {index} is none of "
            f"them; the nearest are: {near or 'none'}."
        )
    return frame


def recognise(
    session: Session, question: Question, candidates: Sequence[FrameRef]
) -> TrueFrame | None:
    """The frame that shows the same picture as a question; None where none does.

    Args:
        session: the database.
        question: what was asked.
        candidates: frames that may be it.
    """
    same_file = truth.frame_of_content(session, question.sha256)
    if same_file or not candidates:
        return same_file
    frames = {frame.frame_id: frame for frame in candidates}
    shown = pixels.decode_jpeg(question.thumbnail)
    thumbnails = {
        frame_id: pixels.decode_jpeg(jpeg)
        for frame_id, jpeg in gallery.thumbnails(session, list(frames)).items()
    }
    small = pixels.thumbnail(shown, _SMALL_SIDE)
    far = {
        frame_id: pixels.difference(small, pixels.thumbnail(thumbnail, _SMALL_SIDE))
        for frame_id, thumbnail in thumbnails.items()
    }
    best = min(far.values(), default=_SAME + 1)
    if best > _SAME:
        return None
    close = [frame_id for frame_id in far if far[frame_id] <= best + _CLOSE_CALL]
    fine = {frame_id: pixels.difference(shown, thumbnails[frame_id]) for frame_id in close}
    close.sort(key=lambda frame_id: (fine[frame_id], frames[frame_id].frame_index))
    is_plain = len(close) == 1 or fine[close[0]] <= _EXACT <= fine[close[1]] - fine[close[0]]
    chosen = close[0] if is_plain else _look_closely(question, frames, close[:_FINALISTS])
    return truth.frame_by_id(session, chosen)


def _look_closely(
    question: Question, frames: Mapping[int, FrameRef], finalists: Sequence[int]
) -> int:
    """The one of several frames that is nearest to a question at full size, of equals the first.

    Those whose file cannot be read any more are passed over; if that is all, the first stays.
    """
    picture = read_query(question.path)
    far: dict[int, float] = {}
    for frame_id in finalists:
        frame = frames[frame_id]
        try:
            shown = read_frame(Path(frame.path), frame.frame_index, frame.pts)
        except MediaError:
            continue
        far[frame_id] = pixels.difference(picture, shown)
    return min(far, key=lambda f: (far[f], frames[f].frame_index), default=finalists[0])
