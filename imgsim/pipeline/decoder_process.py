"""The process that decodes: reads tasks from stdin, writes messages to stdout, all pickled.

Files come from anywhere, and decoders of half a hundred formats are native code: whatever they do,
they do it here. Run as `python -m imgsim.pipeline.decoder_process BYTES`; ends with its stdin.
"""

from __future__ import annotations

import os
import pickle
import signal
import sys
import threading
import time
from collections.abc import Iterator
from typing import BinaryIO

from imgsim.errors import DecodeError, MediaError
from imgsim.pipeline.decoder_messages import PULSE_S, Ended, Kept, Message, Opened, Pulse, Task
from imgsim.pipeline.frames import prepare
from imgsim.pipeline.progress import share_of
from imgsim.pipeline.selection import Selection
from imgsim.sources import Media, open_media


class _Worker:
    """Decodes one task after another; a second thread gives signs of life meanwhile."""

    def __init__(self, output: BinaryIO) -> None:
        self._output = output
        self._lock = threading.Lock()
        self._media: Media | None = None
        self._selection: Selection | None = None
        self._at_work = threading.Event()

    def serve(self, tasks: BinaryIO) -> None:
        """Work until there are no more tasks."""
        threading.Thread(target=self._pulse, daemon=True).start()
        while True:
            try:
                task: Task = pickle.load(tasks)
            except EOFError:
                return
            self._at_work.set()
            for message in self._decode(task):
                self._send(message)
            self._at_work.clear()

    def _decode(self, task: Task) -> Iterator[Message]:
        error: MediaError | None = None
        try:
            yield from self._kept(task)
        except MediaError as failure:
            error = failure
        except MemoryError as failure:
            error = DecodeError(task.path, "needs more memory than decoding is allowed to take")
            error.__cause__ = failure
        except Exception as failure:  # a fault of imgsim's own must not cost the other files
            error = DecodeError(task.path, f"could not be decoded: {failure!r}")
        decoded = self._media.decoded_frames if self._media else 0
        similar = self._selection.skipped_similar if self._selection else 0
        self._media = self._selection = None
        name, reason = (type(error).__name__, error.reason) if error else (None, "")
        starved = error is not None and isinstance(error.__cause__, MemoryError)
        yield Ended(decoded=decoded, similar=similar, error=name, reason=reason, starved=starved)

    def _kept(self, task: Task) -> Iterator[Message]:
        with open_media(task.path) as media:
            self._media = media
            yield Opened(info=media.info, decoded=media.decoded_frames)
            rule = task.sampling.resolved(media.info)
            self._selection = Selection(scenes=rule.scenes, skip_similar=rule.skip_similar)
            for frame in self._selection.chosen(media.frames(rule)):
                is_done = frame.index in task.done
                yield Kept(
                    index=frame.index,
                    prepared=None if is_done else prepare(frame, task.sides),
                    decoded=media.decoded_frames,
                    share=share_of(media),
                )

    def _pulse(self) -> None:
        while self._at_work.wait():
            media = self._media
            self._send(Pulse(decoded=media.decoded_frames if media else 0))
            time.sleep(PULSE_S)

    def _send(self, message: Message) -> None:
        try:
            with self._lock:
                pickle.dump(message, self._output, protocol=pickle.HIGHEST_PROTOCOL)
                self._output.flush()
        except OSError:  # whoever wanted it is gone
            os._exit(0)


def _limit_memory(size: int) -> None:
    """Let allocations of more than so many bytes in all fail; only Linux keeps such a promise."""
    if sys.platform == "linux":
        import resource  # there is none on Windows

        resource.setrlimit(resource.RLIMIT_DATA, (size, size))


def main() -> None:
    """Serve on the process's own stdin and stdout; what libraries print goes to stderr."""
    output = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # ctrl-C is for the process that gives the tasks
    _limit_memory(int(sys.argv[1]))
    _Worker(output).serve(sys.stdin.buffer)


if __name__ == "__main__":
    main()
