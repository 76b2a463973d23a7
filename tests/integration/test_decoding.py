"""The decoder process: crashes, stalls and faults cost one file, and what came before stands."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import cv2
import numpy as np
import pytest

from imgsim.errors import DecodeError, MediaNotFound, UnsupportedMedia
from imgsim.pipeline.decoder_messages import Kept, Opened, Task
from imgsim.pipeline.decoder_pool import DecoderPool, Decoding
from imgsim.pipeline.decoding import Decoder, DecoderGaveOut
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
        for message in decoder.submit(task(path)).messages():
            kept += isinstance(message, Kept)
    except DecodeError as error:
        return kept, error.reason
    raise AssertionError("it came to a good end")


def test_frames_come_as_the_networks_need_them(decoder: Decoder, sample: Path) -> None:
    decoding = decoder.submit(task(sample, Sampling(every=50), done=frozenset({50})))
    first, *kept = decoding.messages()
    assert isinstance(first, Opened)
    assert (first.info.width, first.info.height) == (1280, 720)
    assert [message.index for message in kept if isinstance(message, Kept)] == [0, 50, 100]
    prepared = [message.prepared for message in kept if isinstance(message, Kept)]
    assert prepared[1] is None
    assert prepared[2] is not None
    assert prepared[2].inputs[64].shape == (64, 64, 3)
    assert (prepared[2].timestamp_s, prepared[2].thumbnail[:2]) == (4.0, b"\xff\xd8")
    assert decoding.decoded_frames == 132


def test_errors_of_the_sources_arrive_as_they_are(decoder: Decoder, tmp_path: Path) -> None:
    text = tmp_path / "text.jpg"
    text.write_text("no picture")
    with pytest.raises(UnsupportedMedia, match="is neither a picture"):
        list(decoder.submit(task(text)).messages())
    with pytest.raises(MediaNotFound, match="does not exist") as caught:
        list(decoder.submit(task(tmp_path / "none.jpg")).messages())
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
    assert len(list(decoder.submit(task(sample, Sampling(every=66))).messages())) == 3


def test_a_slow_file_is_waited_for(decoder: Decoder, tmp_path: Path) -> None:
    assert len(list(decoder.submit(task(hostile(tmp_path, "slow"))).messages())) == 1 + 9


def test_leaving_ends_a_decoder_at_work(tmp_path: Path) -> None:
    began = time.monotonic()
    with closing(Decoder(60, module="tests.integration.hostile_decoder")) as decoder:
        messages = decoder.submit(task(hostile(tmp_path, "hang"))).messages()
        assert isinstance(next(messages), Opened)
    assert time.monotonic() - began < 10


def test_a_file_that_is_given_up_in_the_middle_leaves_nothing_behind(
    decoder: Decoder, sample: Path
) -> None:
    messages = decoder.submit(task(sample)).messages()
    next(messages)
    messages.close()
    assert len(list(decoder.submit(task(sample, Sampling(every=66))).messages())) == 3


def kept(decoding: Decoding) -> int:
    """How many frames a file gave."""
    return sum(isinstance(message, Kept) for message in decoding.messages())


def test_files_may_be_given_ahead_and_a_crash_costs_one_of_them(
    decoder: Decoder, sample: Path, picture: Path, tmp_path: Path
) -> None:
    files = [sample, hostile(tmp_path, "exit"), picture, hostile(tmp_path, "bug"), sample]
    decodings = [decoder.submit(task(path, Sampling(every=66))) for path in files]
    assert kept(decodings[0]) == 2
    with pytest.raises(DecoderGaveOut, match="crashed after 3 frames"):
        kept(decodings[1])
    assert kept(decodings[2]) == 1
    with pytest.raises(DecodeError, match="fault of our own"):
        kept(decodings[3])
    assert kept(decodings[4]) == 2


def test_files_come_out_as_they_went_in(decoder: Decoder, picture: Path) -> None:
    first, second = (decoder.submit(task(picture)) for _ in range(2))
    with pytest.raises(ValueError, match="order"):
        list(second.messages())
    assert (kept(first), kept(second)) == (1, 1)


def test_more_frames_than_the_queue_holds_do_not_block_the_files_behind(
    decoder: Decoder, sample: Path
) -> None:
    many = frozenset(range(200_000))  # more than a pipe takes
    decodings = [decoder.submit(task(sample, done=many)) for _ in range(3)]
    time.sleep(1)  # the queue is full by now
    assert [kept(decoding) for decoding in decodings] == [132, 132, 132]


def test_a_pool_decodes_pictures_in_several_processes_and_keeps_their_order(
    sample: Path, photos: list[Path], tmp_path: Path
) -> None:
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(photos[0].read_bytes()[:500])
    files = [*photos, sample, broken] * 4
    with closing(DecoderPool(60, processes=3)) as pool:
        decodings = [pool.submit(task(path, Sampling(every=66)), 1000) for path in files]
        for path, decoding in zip(files, decodings, strict=True):
            if path == broken:
                with pytest.raises(DecodeError, match=r"broken\.jpg"):
                    kept(decoding)
            else:
                assert kept(decoding) == (2 if path == sample else 1)
        pool.submit(task(sample), 1000)
        pool.forget()
        assert kept(pool.submit(task(photos[0]), 1000)) == 1


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux keeps the limit")
def test_a_picture_too_large_for_a_small_decoder_gets_a_larger_one(tmp_path: Path) -> None:
    large = tmp_path / "large.png"
    cv2.imwrite(str(large), np.zeros((12_000, 13_000, 3), np.uint8))
    with (
        closing(Decoder(60, memory_limit=3 << 29)) as small,
        pytest.raises(DecoderGaveOut, match="memory"),
    ):
        kept(small.submit(task(large)))
    with closing(DecoderPool(60, processes=2)) as pool:
        decodings = [pool.submit(task(large), 1000) for _ in range(4)]
        assert [kept(decoding) for decoding in decodings] == [1, 1, 1, 1]
