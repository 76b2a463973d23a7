"""A network on any number of pictures, a portion at a time."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import numpy as np

from imgsim.domain import PixelBatch, Vectors

_CALL_S = 0.5  # ctrl-C waits for the call at hand; a heavy network takes seconds for 32 pictures
_FIRST = 4  # pictures, as long as nothing was measured


class Portions:
    """Calls a network on portions that it takes about half a second for."""

    def __init__(
        self, run: Callable[[PixelBatch], Vectors], most: int, *, fixed: bool = False
    ) -> None:
        """Wrap `run`, which takes at most `most` pictures.

        Args:
            run: uint8 RGB (n, s, s, 3) -> float32 (n, dim).
            most: pictures in one call.
            fixed: portions of `most` pictures however long they take, for a network to which
                each new size is dear.
        """
        self._run = run
        self._most = most
        self._fixed = fixed
        self._size = most if fixed else min(most, _FIRST)

    def __call__(self, pictures: PixelBatch) -> Vectors:
        """Pictures (n, s, s, 3) -> (n, dim), for n of 1 or more."""
        return np.concatenate(list(self.each(pictures)))

    def each(self, pictures: PixelBatch) -> Iterator[Vectors]:
        """The same in order, a portion at a time, so that the caller may stop in between."""
        at = 0
        while at < len(pictures):
            vectors = self._call(pictures[at : at + self._size])
            at += len(vectors)
            yield vectors

    def _call(self, pictures: PixelBatch) -> Vectors:
        started = time.monotonic()
        vectors = self._run(pictures)
        if not self._fixed:
            each_s = (time.monotonic() - started) / len(pictures)
            self._size = max(1, min(self._most, int(_CALL_S / max(each_s, 1e-9))))
        return vectors
