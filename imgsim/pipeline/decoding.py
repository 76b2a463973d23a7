"""Decoding at arm's length: a file that crashes or stalls a decoder costs that file, not the run.

The decoders run in `decoder_process`, one file after another, while the networks work here. It is
no sandbox: it has the user's rights, and protects from accidents, not from malice.
"""

from __future__ import annotations

import contextlib
import os
import pickle
import queue
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Generator
from pathlib import Path
from typing import IO, BinaryIO

from imgsim import errors
from imgsim.errors import DecodeError, MediaError
from imgsim.pipeline.decoder_messages import PULSE_S, Ended, Kept, Message, Opened, Pulse, Task

MEMORY_LIMIT = 3 << 30
"""Bytes that decoding may take; the largest picture that is read needs half of it."""

_AHEAD = 64  # frames that wait to be taken; reduced to what the networks need, some 10 MB
_LAST_WORDS = 200  # characters


class Decoder:
    """Decodes files one after another. Its process starts with the work, and anew when it died."""

    def __init__(
        self,
        stall_limit_s: float,
        module: str = "imgsim.pipeline.decoder_process",
    ) -> None:
        """Start nothing yet.

        Args:
            stall_limit_s: how long it may take from one frame to the next, seconds.
            module: what the process runs.
        """
        self.decoded_frames = 0  # of the task at hand, kept or not
        self.similar_frames = 0  # of the task that ended last, left out as too similar
        self._module = module
        self._stall_limit_s = max(stall_limit_s, 3 * PULSE_S)
        self._process: subprocess.Popen[bytes] | None = None
        self._messages: queue.Queue[Message | None] = queue.Queue()
        self._stderr: IO[bytes] | None = None

    def _start(self) -> None:
        """Start the process unless it runs; it can work after about a second."""
        if self._process is not None:
            if self._process.poll() is None:
                return
            self.close()  # it died between two files
        self._stderr = tempfile.TemporaryFile()  # noqa: SIM115 - closed in close
        self._messages = queue.Queue(_AHEAD)
        self._process = subprocess.Popen(
            # -P: the folder that we happen to be in must not provide modules.
            [sys.executable, "-P", "-m", self._module, str(MEMORY_LIMIT)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._stderr,
            env=os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        )
        reading = (self._process.stdout, self._messages)
        threading.Thread(target=_read, args=reading, daemon=True).start()

    def decode(self, task: Task) -> Generator[Opened | Kept, None, None]:
        """Decode one file: first what it says of itself, then the frames that are kept.

        Raises:
            MediaError: as `sources.open_media` and `Media.frames`; or a DecodeError because the
                decoder crashed, stalled, or took too much memory. What came before stands.
        """
        self._start()
        self.decoded_frames = self.similar_frames = 0
        is_done = False
        try:
            self._give(task)
            while not is_done:
                message = self._next(task.path)
                self.decoded_frames = message.decoded
                if isinstance(message, Ended):
                    is_done = True
                    self.similar_frames = message.similar
                    if message.error is not None:
                        raise _media_error(task.path, message)
                else:
                    yield message
        finally:
            if not is_done:
                self.close()

    def _give(self, task: Task) -> None:
        if self._process is None or self._process.stdin is None:
            raise RuntimeError("the process was not started")
        try:
            pickle.dump(task, self._process.stdin, protocol=pickle.HIGHEST_PROTOCOL)
            self._process.stdin.flush()
        except OSError as error:
            raise self._death(task.path) from error

    def _next(self, path: Path) -> Opened | Kept | Ended:
        """The next message that is more than a sign of life."""
        last, decoded = time.monotonic(), self.decoded_frames
        while time.monotonic() - last < self._stall_limit_s:
            try:
                message = self._messages.get(timeout=PULSE_S)
            except queue.Empty:
                continue
            if message is None:
                raise self._death(path)
            if not isinstance(message, Pulse):
                return message
            if message.decoded > decoded:
                last, decoded = time.monotonic(), message.decoded
        self.decoded_frames = decoded
        raise DecodeError(
            path,
            f"decoding came to a standstill: {decoded} frames, then none for "
            f"{self._stall_limit_s:.0f} s; given up",
        )

    def _death(self, path: Path) -> DecodeError:
        """What to say of a process that ended by itself."""
        code = self._process.wait() if self._process else 0
        how = f"exit code {code}" if code >= 0 else signal.Signals(-code).name
        words = self._last_words()
        detail = f"{how}: {words}" if words else how
        return DecodeError(
            path, f"the decoder crashed after {self.decoded_frames} frames ({detail})"
        )

    def _last_words(self) -> str:
        if self._stderr is None:
            return ""
        self._stderr.seek(0)
        lines = self._stderr.read().decode(errors="replace").strip().splitlines()
        return lines[-1][-_LAST_WORDS:] if lines else ""

    def close(self) -> None:
        """End the process, whatever it is doing; more work starts another."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            for pipe in (self._process.stdin, self._process.stdout):
                if pipe is not None:
                    with contextlib.suppress(OSError):  # what was not written yet
                        pipe.close()
            self._process = None
        if self._stderr is not None:
            self._stderr.close()
            self._stderr = None


def _read(output: BinaryIO, messages: queue.Queue[Message | None]) -> None:
    """Take messages as they come, until the process ends, perhaps in mid-message; then None."""
    with contextlib.suppress(Exception):
        while True:
            messages.put(pickle.load(output))
    messages.put(None)


def _media_error(path: Path, message: Ended) -> MediaError:
    kind = getattr(errors, message.error or "", DecodeError)
    error: MediaError = kind(path, message.reason)
    return error
