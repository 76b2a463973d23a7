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
from collections import deque
from collections.abc import Generator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, BinaryIO

from imgsim import errors
from imgsim.errors import DecodeError, MediaError
from imgsim.pipeline.decoder_messages import PULSE_S, Ended, Kept, Message, Opened, Pulse, Task

MEMORY_LIMIT = 3 << 30
"""Bytes that decoding may take; the largest picture that is read needs half of it."""

_AHEAD = 64  # frames that wait to be taken; reduced to what the networks need, some 10 MB
_LAST_WORDS = 200  # characters

_ENVIRONMENT = {
    # One frame after another: threads of BLAS would only get in the way of the networks.
    **dict.fromkeys(("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OMP_NUM_THREADS"), "1"),
    # glibc would give a frame's memory back to the system and ask for it anew, page by page.
    "MALLOC_MMAP_THRESHOLD_": str(32 << 20),
    "MALLOC_TRIM_THRESHOLD_": str(128 << 20),
}


class DecoderGaveOut(DecodeError):
    """The process died or ran out of memory: with more memory, the file may be readable."""


@dataclass(eq=False, kw_only=True, slots=True)
class Decoding:
    """One file at a decoder, or in the queue before it."""

    task: Task
    decoder: Decoder
    decoded_frames: int = field(default=0, init=False)  # so far, kept or not
    similar_frames: int = field(default=0, init=False)  # left out as too similar; at the end

    def messages(self) -> Generator[Opened | Kept, None, None]:
        """First what the file says of itself, then the frames that are kept.

        To be called once, in the order in which files were given to the decoder.

        Raises:
            MediaError: as `sources.open_media` and `Media.frames`; or a DecodeError because the
                decoder crashed, stalled, or took too much memory. What came before stands.
        """
        return self.decoder.messages_of(self)


class Decoder:
    """Decodes files one after another. Its process starts with the work, and anew when it died."""

    def __init__(
        self,
        stall_limit_s: float,
        module: str = "imgsim.pipeline.decoder_process",
        memory_limit: int = MEMORY_LIMIT,
    ) -> None:
        """Start nothing yet.

        Args:
            stall_limit_s: how long it may take from one frame to the next, seconds.
            module: what the process runs.
            memory_limit: bytes that its process may take.
        """
        self.waiting: deque[Decoding] = deque()  # the first may be at work
        self._given = 0  # how many of them the process has been given
        self._module = module
        self._memory_limit = memory_limit
        self._stall_limit_s = max(stall_limit_s, 3 * PULSE_S)
        self._process: subprocess.Popen[bytes] | None = None
        self._messages: queue.Queue[Message | None] = queue.Queue()
        self._tasks: queue.SimpleQueue[Task | None] = queue.SimpleQueue()
        self._stderr: IO[bytes] | None = None

    @property
    def is_running(self) -> bool:
        """Whether its process has been started."""
        return self._process is not None

    def submit(self, task: Task) -> Decoding:
        """Put a file at the end of the queue; it may be decoded before it is asked for."""
        decoding = Decoding(task=task, decoder=self)
        self.waiting.append(decoding)
        self._give()
        return decoding

    def _give(self) -> None:
        self._start()
        for decoding in list(self.waiting)[self._given :]:
            self._tasks.put(decoding.task)
        self._given = len(self.waiting)

    def _start(self) -> None:
        """Start the process unless it runs; it can work after about a second."""
        if self._process is not None:
            if self._given or self._process.poll() is None:
                return
            self.close()  # it died between two files
        self._stderr = tempfile.TemporaryFile()  # noqa: SIM115 - closed in close
        self._messages = queue.Queue(_AHEAD)
        self._tasks = queue.SimpleQueue()
        self._process = subprocess.Popen(
            # -P: the folder that we happen to be in must not provide modules.
            [sys.executable, "-P", "-m", self._module, str(self._memory_limit)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._stderr,
            env=os.environ | _ENVIRONMENT | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        )
        for work in (
            (_read, self._process.stdout, self._messages),
            (_write, self._process.stdin, self._tasks),
        ):
            threading.Thread(target=work[0], args=work[1:], daemon=True).start()

    def messages_of(self, decoding: Decoding) -> Generator[Opened | Kept, None, None]:
        """See Decoding.messages."""
        if self.waiting[0] is not decoding:
            raise ValueError("files come out in the order in which they went in")
        is_done = False
        try:
            self._give()  # anew, if the file before was the end of a process
            while not is_done:
                message = self._next(decoding)
                decoding.decoded_frames = message.decoded
                if isinstance(message, Ended):
                    is_done = True
                    decoding.similar_frames = message.similar
                    if message.error is not None:
                        raise _media_error(decoding.task.path, message)
                else:
                    yield message
        finally:
            self.waiting.popleft()
            self._given -= 1
            if not is_done:
                self.close()

    def _next(self, decoding: Decoding) -> Opened | Kept | Ended:
        """The next message that is more than a sign of life."""
        last = time.monotonic()
        while time.monotonic() - last < self._stall_limit_s:
            try:
                message = self._messages.get(timeout=PULSE_S)
            except queue.Empty:
                continue
            if message is None:
                raise self._death(decoding)
            if not isinstance(message, Pulse):
                return message
            if message.decoded > decoding.decoded_frames:
                last, decoding.decoded_frames = time.monotonic(), message.decoded
        raise DecodeError(
            decoding.task.path,
            f"decoding came to a standstill: {decoding.decoded_frames} frames, then none for "
            f"{self._stall_limit_s:.0f} s; given up",
        )

    def _death(self, decoding: Decoding) -> DecoderGaveOut:
        """What to say of a process that ended by itself."""
        code = self._process.wait() if self._process else 0
        how = f"exit code {code}" if code >= 0 else signal.Signals(-code).name
        words = self._last_words()
        detail = f"{how}: {words}" if words else how
        return DecoderGaveOut(
            decoding.task.path,
            f"the decoder crashed after {decoding.decoded_frames} frames ({detail})",
        )

    def _last_words(self) -> str:
        if self._stderr is None:
            return ""
        self._stderr.seek(0)
        lines = self._stderr.read().decode(errors="replace").strip().splitlines()
        return lines[-1][-_LAST_WORDS:] if lines else ""

    def close(self) -> None:
        """End the process, whatever it is doing; more work starts another."""
        self._given = 0
        self._tasks.put(None)
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            if self._process.stdout is not None:
                self._process.stdout.close()
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


def _write(tasks_to: BinaryIO, tasks: queue.SimpleQueue[Task | None]) -> None:
    """Hand tasks over as the process takes them, until there are no more or it has ended.

    On a thread of its own: while the process waits for its frames to be taken, it takes no task.
    """
    with contextlib.suppress(OSError), tasks_to:
        while (task := tasks.get()) is not None:
            pickle.dump(task, tasks_to, protocol=pickle.HIGHEST_PROTOCOL)
            tasks_to.flush()


def _media_error(path: Path, message: Ended) -> MediaError:
    if message.starved:
        return DecoderGaveOut(path, message.reason)
    kind = getattr(errors, message.error or "", DecodeError)
    error: MediaError = kind(path, message.reason)
    return error
