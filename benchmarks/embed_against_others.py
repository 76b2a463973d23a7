"""A folder of photos to embeddings: imgsim, with its database, against other ways people take.

All on the same files in one run, each in a process of its own. imagededup is measured where it is
installed: its hashes, and its CNN encoder with random weights, since its own must be downloaded
(the speed is the same). Hashes are no embeddings, and find other things.

Run: python -m benchmarks.embed_against_others [--photos FOLDER] [--count N] [--backbone NAME]
"""

from __future__ import annotations

import argparse
import contextlib
import io
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from importlib import import_module
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import pictures
from benchmarks.gallery import temporary_session
from benchmarks.record import Record
from imgsim import backbones, pixels
from imgsim.backbones import runtime
from imgsim.pipeline.embedders import Choice, open_networks
from imgsim.pipeline.ingest import ingest
from imgsim.sources import read_picture

_ABOUT = (
    "A folder of photos, from files to embeddings: images a second after networks are built, and "
    "how many times as long each takes as imgsim, which also writes to PostgreSQL."
)
_BATCH = 32
_FEW = 60  # for what takes a call a picture


def main() -> None:
    """Measure each way, print a table, and keep it as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--photos", type=Path, help="folder of pictures; else the sample's frames")
    parser.add_argument("--count", type=int, default=500)
    parser.add_argument("--backbone", default="efficientnet_lite0")
    given = parser.parse_args()
    record = Record(
        "embed_against_others", _ABOUT, {"count": given.count, "backbone": given.backbone}
    )
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "photos"
        folder.mkdir()
        for at, picture in enumerate(pictures.read(given.photos, given.count)):
            (folder / f"{at:05d}.jpg").write_bytes(pixels.encode_jpeg(picture, quality=90))
        own: float | None = None
        paths = sorted(folder.iterdir())
        for name, measure, arguments in _ways(given.backbone, paths):
            # TensorFlow and PyTorch do not bear each other in one process.
            with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as alone:
                try:
                    speed = alone.submit(measure, *arguments).result()
                except (ImportError, OSError, BrokenProcessPool) as error:
                    record.add(way=name, images_s=None, note=str(error)[:80])
                    continue
            own = speed if own is None else own
            record.add(way=name, images_s=speed, times_imgsim=own / speed)
    record.write()


def _ways(
    backbone: str, paths: list[Path]
) -> Iterator[tuple[str, Callable[..., float], tuple[Any, ...]]]:
    yield f"imgsim ingest, {backbone}", _imgsim, (backbone, paths)
    yield f"Keras, batches of {_BATCH}, {backbone}", _keras, (backbone, paths, _BATCH)
    yield (
        f"the notebook's way: one predict a picture, {backbone}",
        _keras,
        (
            backbone,
            paths[:_FEW],
            1,
        ),
    )
    folder = paths[0].parent
    yield "imagededup CNN, MobileNetV3 small, random weights", _imagededup_cnn, (folder,)
    for method in ("PHash", "DHash"):
        yield f"imagededup {method}", _imagededup, (method, folder)


def _imgsim(backbone: str, paths: list[Path]) -> float:
    with temporary_session() as session, tempfile.TemporaryDirectory() as exports:
        choice = Choice(names=[backbone], exports=Path(exports))
        for network in open_networks(session, choice):
            network.embedder(lambda _note: None)  # exports
        report = ingest(session, map(str, paths), choice=choice)
    return report.frames / report.elapsed_s


def _keras(name: str, paths: list[Path], batch: int) -> float:
    backbone = backbones.get(name)
    runtime.start("cpu")
    model = backbone.build(backbone.weights_at_hand())
    side = backbone.input_size
    model.predict(np.zeros((batch, side, side, 3), np.uint8), verbose=0)
    found: dict[Path, Any] = {}
    began = time.perf_counter()
    for start in range(0, len(paths), batch):
        some = paths[start : start + batch]
        squares = pictures.squares([read_picture(path) for path in some], side)
        found.update(zip(some, model.predict(squares, verbose=0), strict=True))
    return len(paths) / (time.perf_counter() - began)


def _imagededup(method: str, folder: Path) -> float:
    encoder = getattr(import_module("imagededup.methods"), method)(verbose=False)
    return _timed(lambda: encoder.encode_images(image_dir=str(folder)), folder)


def _imagededup_cnn(folder: Path) -> float:
    methods, models = import_module("imagededup.methods"), import_module("imagededup.utils.models")
    torchvision = import_module("torchvision")
    network = torchvision.models.mobilenet_v3_small(weights=None).eval()
    network.classifier = import_module("torch").nn.Identity()
    own = models.CustomModel(
        name="untrained",
        model=network,
        transform=torchvision.models.MobileNet_V3_Small_Weights.IMAGENET1K_V1.transforms(),
    )
    encoder = methods.CNN(verbose=False, model_config=own)
    return _timed(lambda: encoder.encode_images(image_dir=str(folder)), folder)


def _timed(encode: Callable[[], object], folder: Path) -> float:
    count = len(os.listdir(folder))  # noqa: PTH208 - only counted
    began = time.perf_counter()
    with contextlib.redirect_stdout(io.StringIO()):
        encode()
    return count / (time.perf_counter() - began)


if __name__ == "__main__":
    main()
