"""One frame of a media, found again at full size."""

from __future__ import annotations

from contextlib import closing
from fractions import Fraction
from pathlib import Path

from imgsim.domain import Pixels
from imgsim.errors import DecodeError
from imgsim.sources.display import Display
from imgsim.sources.video import FAILURES, best_stream, open_container

# Frames right after a keyframe in decoding order may lie before it in time and lean on the group
# before. Entering two seconds early decodes that group too.
_MARGIN = Fraction(2)


def read_video_frame(path: Path, pts: int) -> Pixels:
    """Decode the frame of a video with this presentation time, uint8 (height, width, 3) RGB.

    Never seeks by frame number: goes to a keyframe well before and decodes until the time matches.

    Raises:
        MediaNotFound, UnsupportedMedia: as open_video.
        DecodeError: there is no such frame (any more).
    """
    try:
        found = _decode(path, pts, seek=True)
        if found is None:  # some containers (MPEG-TS, MPEG-PS) seek past their first frames
            found = _decode(path, pts, seek=False)
    except FAILURES as error:
        raise DecodeError(path, f"the frame at pts {pts} cannot be decoded: {error}") from error
    if found is None:
        raise DecodeError(path, f"has no frame at pts {pts}; has the file changed?")
    return found


def _decode(path: Path, pts: int, *, seek: bool) -> Pixels | None:
    """The frame at `pts`, decoding from a keyframe before it, or from the beginning."""
    with closing(open_container(path)) as container:
        stream = best_stream(path, container)
        stream.thread_type = "SLICE"
        entry = pts - int(_MARGIN / (stream.time_base or 1))
        if seek and entry > (stream.start_time or 0):
            container.seek(entry, stream=stream, backward=True)
        display = Display(stream.sample_aspect_ratio)
        for frame in container.decode(stream):
            time = frame.pts if frame.pts is not None else frame.dts
            if time == pts:
                return display.pixels(frame)
            if time is not None and time > pts:
                return None
    return None
