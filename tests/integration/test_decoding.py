"""The decoder process: crashes, stalls and faults cost one file, and what came before stands."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from imgsim.errors import DecodeError, MediaNotFound, UnsupportedMedia
from imgsim.pipeline.decoder_messages import Kept, Opened, Task
from imgsim.pipeline.decoding import Decoder
from imgsim.sampling import ALL_FRAMES, Sampling


@pytest.fixture
def decoder() -> Iterator[Decoder]:
    """A decoder that is hostile to files of that name, and gives up after eight seconds."""
    with closing(Decoder(8, module="tests.integration.hostile_decoder")) as made:
        yield made


def task(path: Path, sampling: Sampling = ALL_FRAMES, done: frozenset[int] = frozenset()) -> Task:
    """The whole of a file, for a network that takes pictures of 64 pixels."""
    return Task(path=path, sampling=sampling, sides=frozenset({64}), done=done)


def hostile(folder: Path, end: str) -> Path:
    """A file that ends like this."""
    path = folder / f"{end}.hostile"
    path.write_bytes(b"x")
    return path


def outcome(decoder: Decoder, path: Path) -> tuple[int, str]:
    """How many frames came before the error, and what it says."""
    kept = 0
    try:
        for message in decoder.decode(task(path)):
            kept += isinstance(message, Kept)
    except DecodeError as error:
        return kept, error.reason
    raise AssertionError("it came to a good end")


def test_frames_come_as_the_networks_need_them(decoder: Decoder, sample: Path) -> None:
    first, *kept = decoder.decode(task(sample, Sampling(every=50), done=frozenset({50})))
    assert isinstance(first, Opened)
    assert (first.info.width, first.info.height) == (1280, 720)
    assert [message.index for message in kept if isinstance(message, Kept)] == [0, 50, 100]
    prepared = [message.prepared for message in kept if isinstance(message, Kept)]
    assert prepared[1] is None
    assert prepared[2] is not None
    assert prepared[2].inputs[64].shape == (64, 64, 3)
    assert (prepared[2].timestamp_s, prepared[2].thumbnail[:2]) == (4.0, b"\xff\xd8")
    assert decoder.decoded_frames == 132


def test_errors_of_the_sources_arrive_as_they_are(decoder: Decoder, tmp_path: Path) -> None:
    text = tmp_path / "text.jpg"
    text.write_text("no picture")
    with pytest.raises(UnsupportedMedia, match="is neither a picture"):
        list(decoder.decode(task(text)))
    with pytest.raises(MediaNotFound, match="does not exist") as caught:
        list(decoder.decode(task(tmp_path / "none.jpg")))
    assert caught.value.path == tmp_path / "none.jpg"


@pytest.mark.parametrize(
    ("end", "said"),
    [
        pytest.param(
            "crash",
            "crashed after 3 frames (SIGSEGV)",
            marks=pytest.mark.skipif(sys.platform == "win32", reason="no signals"),
        ),
        ("exit", "(exit code 3: terminate called after throwing an instance of 'std::bad_alloc')"),
        ("hang", "standstill: 3 frames, then none for 8 s"),
        pytest.param(
            "eat",
            "needs more memory",
            marks=pytest.mark.skipif(sys.platform != "linux", reason="only Linux keeps the limit"),
        ),
        ("bug", "KeyError('a fault of our own')"),
    ],
)
def test_a_bad_end_costs_the_file_and_not_the_next(
    decoder: Decoder, sample: Path, tmp_path: Path, end: str, said: str
) -> None:
    kept, reason = outcome(decoder, hostile(tmp_path, end))
    assert kept == 3
    assert said in reason
    assert len(list(decoder.decode(task(sample, Sampling(every=66))))) == 3


def test_a_slow_file_is_waited_for(decoder: Decoder, tmp_path: Path) -> None:
    assert len(list(decoder.decode(task(hostile(tmp_path, "slow"))))) == 1 + 9


def test_leaving_ends_a_decoder_at_work(tmp_path: Path) -> None:
    began = time.monotonic()
    with closing(Decoder(60, module="tests.integration.hostile_decoder")) as decoder:
        messages = decoder.decode(task(hostile(tmp_path, "hang")))
        assert isinstance(next(messages), Opened)
    assert time.monotonic() - began < 10


def test_a_file_that_is_given_up_in_the_middle_leaves_nothing_behind(
    decoder: Decoder, sample: Path
) -> None:
    messages = decoder.decode(task(sample))
    next(messages)
    messages.close()
    assert len(list(decoder.decode(task(sample, Sampling(every=66))))) == 3
