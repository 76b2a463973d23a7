"""What an ingest makes of its network's speed: end to end against the network alone.

A video of 720p (the sample that comes with imgsim, repeated) and a folder of photos are ingested
into an empty gallery without an index, and their frames go through the network alone. The share of
the network's speed that is left says what decoding, pixel work and PostgreSQL cost.

Run: python -m benchmarks.ingest [--photos FOLDER] [--frames N] [--backbone NAME] [--video FILE]
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np

from benchmarks.gallery import temporary_session
from benchmarks.record import Record
from imgsim import pixels
from imgsim.backbones import Embedder
from imgsim.domain import PixelBatch
from imgsim.pipeline.demo import VIDEO
from imgsim.pipeline.embedders import Choice, open_networks
from imgsim.pipeline.frames import prepare
from imgsim.pipeline.ingest import ingest
from imgsim.sampling import ALL_FRAMES, Sampling
from imgsim.sources import IMAGE_SUFFIXES, open_media
from imgsim.store.write import Writer

_ABOUT = (
    "Ingest of a 720p video and of photos, end to end, against the network alone on the same "
    "frames (run before and after; the mean counts), and one core that only decodes and prepares "
    "them. database_share: of the time, spent waiting for PostgreSQL, most of it while the network "
    "runs."
)
_NETWORK_FRAMES = 400


def main() -> None:
    """Measure both, print a table, and keep it as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--frames", type=int, default=1000, help="photos; frames of the video")
    parser.add_argument("--photos", type=Path, help="folder of JPEG files; else made of the sample")
    parser.add_argument("--video", type=Path, help="720p H.264; else the sample, repeated")
    parser.add_argument("--backbone", default="efficientnet_lite0")
    given = parser.parse_args()
    record = Record("ingest", _ABOUT, {"frames": given.frames, "backbone": given.backbone})
    with tempfile.TemporaryDirectory() as scratch:
        Path(scratch).chmod(0o755)
        choice = Choice(names=[given.backbone], exports=Path(scratch) / "exports")
        video = given.video or _repeated(VIDEO, Path(scratch) / "long.mp4", given.frames)
        photos = _photos(given.photos, Path(scratch) / "photos", given.frames)
        record.add(**_measure("video, 720p H.264", [video], choice))
        record.add(**_measure(_describe(photos), photos, choice))
    record.write()


def _measure(name: str, paths: Sequence[Path], choice: Choice) -> dict[str, Any]:
    with temporary_session() as session:
        (network,) = open_networks(session, choice)
        embedder = network.embedder(lambda _note: None)
        pictures = _squares(paths, embedder.input_size)
        before = _network_alone(embedder, pictures)
        with _clocked() as waited:
            report = ingest(session, map(str, paths), choice=choice, sampling=Sampling(every=1))
        after = _network_alone(embedder, pictures)
        decoding = _decoding_alone(paths, embedder.input_size)
    alone = (before + after) / 2
    speed = report.frames / report.elapsed_s
    return {
        "input": name,
        "frames": report.frames,
        "ingest_frames_s": speed,
        "network_alone_images_s": alone,
        "ratio": speed / alone,
        "decoding_alone_frames_s": decoding,
        "database_share": waited[0] / report.elapsed_s,
    }


def _network_alone(embedder: Embedder, pictures: PixelBatch) -> float:
    embedder.embed(pictures[:32])
    began = time.perf_counter()
    embedder.embed(pictures)
    return len(pictures) / (time.perf_counter() - began)


def _decoding_alone(paths: Sequence[Path], side: int) -> float:
    cv2.setNumThreads(1)
    began, count = time.process_time(), 0
    for path in paths:
        with open_media(path) as media:
            for frame in media.frames(ALL_FRAMES):
                prepare(frame, [side])
                count += 1
                if count == _NETWORK_FRAMES:
                    return count / (time.process_time() - began)
    return count / (time.process_time() - began)


def _squares(paths: Sequence[Path], side: int) -> PixelBatch:
    found = []
    for path in paths:
        with open_media(path) as media:
            for frame in media.frames(ALL_FRAMES):
                found.append(pixels.resize_square(frame.pixels, side))
                if len(found) == _NETWORK_FRAMES:
                    return np.stack(found)
    return np.stack(found)


@contextmanager
def _clocked() -> Iterator[list[float]]:
    """The seconds spent in what an ingest asks of its writer, nested calls counted once."""
    waited, depth = [0.0], [0]
    names = ("claim", "release", "stage_frames", "stage_embeddings", "publish")
    plain = {name: getattr(Writer, name) for name in names}

    def timed(call: Callable[..., Any]) -> Callable[..., Any]:
        def run(*arguments: object, **named: object) -> object:
            depth[0] += 1
            began = time.perf_counter()
            try:
                return call(*arguments, **named)
            finally:
                depth[0] -= 1
                if not depth[0]:
                    waited[0] += time.perf_counter() - began

        return run

    try:
        for name, call in plain.items():
            setattr(Writer, name, timed(call))
        yield waited
    finally:
        for name, call in plain.items():
            setattr(Writer, name, call)


def _repeated(video: Path, target: Path, frames: int) -> Path:
    """The packets of a video again and again, until there are so many frames."""
    with av.open(str(target), "w") as output:
        stream, offset, count = None, 0, 0
        while count < frames:
            with av.open(str(video)) as source:
                if stream is None:
                    stream = output.add_stream_from_template(source.streams.video[0])
                end = offset
                for packet in source.demux(source.streams.video[0]):
                    if packet.pts is None or packet.dts is None:
                        continue
                    end = max(end, offset + packet.pts + (packet.duration or 1))
                    packet.pts, packet.dts = packet.pts + offset, packet.dts + offset
                    packet.stream = stream
                    output.mux(packet)
                    count += 1
                offset = end
    return target


def _photos(folder: Path | None, scratch: Path, count: int) -> list[Path]:
    """JPEG files of a folder, or parts of the sample's frames, 640 x 480."""
    if folder is not None:
        found = sorted(p for p in folder.rglob("*") if p.suffix.lower() in IMAGE_SUFFIXES)
        return found[:count]
    scratch.mkdir()
    random = np.random.default_rng(1)
    made: list[Path] = []
    while len(made) < count:
        with open_media(VIDEO) as media:
            for frame in media.frames(ALL_FRAMES):
                left, top = random.integers(0, 640), random.integers(0, 240)
                part = frame.pixels[top : top + 480, left : left + 640]
                made.append(scratch / f"{len(made):05d}.jpg")
                made[-1].write_bytes(pixels.encode_jpeg(part, quality=90))
                if len(made) == count:
                    break
    return made


def _describe(photos: Sequence[Path]) -> str:
    sizes = []
    for path in photos[:: max(1, len(photos) // 50)]:
        picture = cv2.imread(str(path))
        if picture is not None:
            sizes.append(picture.shape[0] * picture.shape[1] / 1e6)
    return f"photos, {float(np.median(sizes)):.2f} megapixels"


if __name__ == "__main__":
    main()
