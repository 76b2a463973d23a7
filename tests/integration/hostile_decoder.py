"""The decoder process with a decoder that does what broken native code does, by the file's name."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from imgsim.domain import Frame, MediaInfo, MediaKind
from imgsim.pipeline import decoder_process
from imgsim.sampling import Sampling
from imgsim.sources import Media, open_media


class Hostile:
    """A media of noise that comes to no good end after three frames."""

    def __init__(self, path: Path) -> None:
        """Read the end from the name."""
        self.info = MediaInfo(kind=MediaKind.VIDEO, width=32, height=32)
        self.decoded_frames = 0
        self._end = path.stem

    def frames(self, _sampling: Sampling) -> Iterator[Frame]:
        """Three frames, then the end."""
        for index in range(3):
            self.decoded_frames += 1
            pixels = np.random.default_rng(index).integers(0, 256, (32, 32, 3), np.uint8)
            yield Frame(index=index, time=None, pixels=pixels)
        if self._end == "crash":
            os.kill(os.getpid(), signal.SIGSEGV)
        if self._end == "exit":  # as C++ does
            os.write(2, b"terminate called after throwing an instance of 'std::bad_alloc'\n")
            os._exit(3)
        if self._end == "hang":
            time.sleep(3600)
        if self._end == "eat":
            np.ones(20_000_000_000, np.uint8)
        if self._end == "bug":
            raise KeyError("a fault of our own")
        if self._end == "slow":
            for index in range(3, 9):
                time.sleep(1)
                self.decoded_frames += 1
                yield Frame(index=index, time=None, pixels=pixels)


@contextmanager
def open_hostile(path: Path) -> Iterator[Media]:
    """Open a hostile media, or a real one."""
    if path.suffix == ".hostile":
        yield Hostile(path)
    else:
        with open_media(path) as media:
            yield media


if __name__ == "__main__":
    decoder_process.open_media = open_hostile  # type: ignore[attr-defined]
    decoder_process.main()
