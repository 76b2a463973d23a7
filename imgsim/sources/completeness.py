"""Telling the end of a video from the place where its file was cut off.

FFmpeg reports a truncated file as a normal end. Declared frame counts do not help: intact files
with edit lists declare up to twice what a player shows.
"""

from __future__ import annotations

from av.container import InputContainer
from av.packet import Packet
from av.stream import Stream

# Matroska writes its true duration in the header. Elsewhere a cut shows as a short last packet, and
# durations may be estimates (MPEG) or leave out what an edit list hides (MP4).
_TRUSTED_DURATION = "matroska"

_TOLERANCE_S = 0.25  # declared and real ends of intact files were at most 0.04 s apart


class Extent:
    """How far the packets of one file reach. `note` each packet; then ask `is_cut_short`."""

    def __init__(self, container: InputContainer, stream: Stream) -> None:
        """Watch `stream`, the video, in `container`."""
        duration_us = container.duration if _TRUSTED_DURATION in container.format.name else None
        self._declared_end_s = duration_us / 1_000_000 if duration_us else None
        self._stream_index = stream.index
        self._last_is_short = False
        self._end_s = 0.0  # of all streams: a sound track that goes on shows that nothing was cut
        self._previous_s: float | None = None
        self._longest_gap_s = 0.0  # the last frame of a slide show may stand as long as the others

    def note(self, packet: Packet[Stream]) -> None:
        """Take one non-empty packet into account."""
        self._last_is_short = packet.is_corrupt  # set where fewer bytes came than the index says
        start = packet.pts if packet.pts is not None else packet.dts
        if start is None or packet.time_base is None:
            return
        self._end_s = max(self._end_s, float((start + (packet.duration or 0)) * packet.time_base))
        if packet.stream.index == self._stream_index:
            # In the order of the file, where B-frames step back: the gap may come out too long,
            # and then only a smaller cut is overlooked.
            start_s = float(start * packet.time_base)
            if self._previous_s is not None:
                self._longest_gap_s = max(self._longest_gap_s, start_s - self._previous_s)
            self._previous_s = start_s

    def is_cut_short(self, frames: int) -> bool:
        """Tell, after the last packet, whether the file should have gone on.

        Args:
            frames: decoded so far; a single frame may stand for any declared duration.
        """
        if self._last_is_short:
            return True
        if self._declared_end_s is None or frames < 2:
            return False
        return self._declared_end_s - self._end_s > _TOLERANCE_S + self._longest_gap_s
