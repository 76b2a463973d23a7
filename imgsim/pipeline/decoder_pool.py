"""Several decoders at once: a folder of pictures keeps all cores busy, a video one of them.

Files are handed out in the order in which they came, whoever decoded them.
"""

from __future__ import annotations

import os
from collections.abc import Generator
from contextlib import closing
from typing import Protocol

from imgsim.pipeline.decoder_messages import Kept, Opened, Task
from imgsim.pipeline.decoding import MEMORY_LIMIT, Decoder, DecoderGaveOut
from imgsim.sources import IMAGE_SUFFIXES

_SMALL = 24 << 20  # bytes of a file: a camera's picture
_SMALL_MEMORY = 3 << 29  # bytes for a decoder of small pictures; 60 megapixels need a third of it
_ENOUGH = 3  # files that wait for a decoder before another one starts, which takes a second
_MOST = 16


class Decoding(Protocol):
    """A file that is being decoded, or waits for it; see decoding.Decoding."""

    @property
    def decoded_frames(self) -> int:
        """So far, kept or not."""

    @property
    def similar_frames(self) -> int:
        """Left out as too similar; known at the end."""

    def messages(self) -> Generator[Opened | Kept, None, None]:
        """First what the file says of itself, then the frames that are kept."""


class DecoderPool:
    """One decoder for files of any kind, and others for small pictures beside it."""

    def __init__(self, stall_limit_s: float, processes: int | None = None) -> None:
        """Start nothing yet.

        Args:
            stall_limit_s: how long a decoder may take from one frame to the next, seconds.
            processes: at most so many; one for each core if None.
        """
        self._stall_limit_s = stall_limit_s
        self._for_all = Decoder(stall_limit_s)
        others = min(_MOST, processes or os.cpu_count() or 1) - 1
        self._for_small = [
            Decoder(stall_limit_s, memory_limit=_SMALL_MEMORY) for _ in range(others)
        ]

    def submit(self, task: Task, size: int) -> Decoding:
        """Have a file of `size` bytes decoded; files must be collected in order of submission."""
        if size > _SMALL or task.path.suffix.lower() not in IMAGE_SUFFIXES:
            return self._for_all.submit(task)
        decoders = (self._for_all, *self._for_small)
        free = [each for each in decoders if len(each.waiting) < _ENOUGH]
        # One that runs already, as long as it has not enough to do; then whoever has least.
        decoder = min(free or decoders, key=lambda each: (not each.is_running, len(each.waiting)))
        if decoder is self._for_all:
            return decoder.submit(task)
        return _SmallFirst(task, decoder, self._stall_limit_s)

    def forget(self) -> None:
        """Give up what was submitted and not collected."""
        for decoder in (self._for_all, *self._for_small):
            if decoder.waiting:
                decoder.waiting.clear()
                decoder.close()

    def close(self) -> None:
        """End all processes."""
        for decoder in (self._for_all, *self._for_small):
            decoder.close()


class _SmallFirst:
    """A file at a decoder of little memory; what that cannot decode is tried with more."""

    def __init__(self, task: Task, decoder: Decoder, stall_limit_s: float) -> None:
        self._task = task
        self._stall_limit_s = stall_limit_s
        self._decoding = decoder.submit(task)

    @property
    def decoded_frames(self) -> int:
        return self._decoding.decoded_frames

    @property
    def similar_frames(self) -> int:
        return self._decoding.similar_frames

    def messages(self) -> Generator[Opened | Kept, None, None]:
        is_untouched = True
        try:
            for message in self._decoding.messages():
                is_untouched = False
                yield message
        except DecoderGaveOut:
            if not is_untouched:
                raise
            with closing(Decoder(self._stall_limit_s, memory_limit=MEMORY_LIMIT)) as alone:
                self._decoding = alone.submit(self._task)
                yield from self._decoding.messages()
