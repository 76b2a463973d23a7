"""Whether OpenVINO may compute in bfloat16: how much faster, what it does to answers.

A gallery of pictures in float32, and edited copies of them (imgsim.copies) as queries: how many
find their original first, by which precision of queries and of the gallery.

Run: python -m benchmarks.precision [--photos FOLDER] [--backbone NAME] [--weights FILE]
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from benchmarks import pictures
from benchmarks.record import Record
from imgsim import backbones
from imgsim.backbones import runtime
from imgsim.backbones.export_cache import ExportCache, network_file
from imgsim.backbones.openvino_runtime import compile_network
from imgsim.copies import COPIES, make_copy
from imgsim.domain import PixelBatch, Vectors
from imgsim.vectors import cosine_distances, unit_rows

_ABOUT = (
    "OpenVINO in float32 and bfloat16: images a second, cosine to float32 of the same picture, and "
    "the share of edited copies whose original is the nearest of the gallery."
)
_Run = Callable[[PixelBatch], Vectors]


def main() -> None:
    """Measure both precisions of one network, print a table, and keep it as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--photos", type=Path, help="folder of pictures; else the sample's frames")
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--backbone", default="efficientnet_lite0")
    parser.add_argument("--weights", type=Path)
    given = parser.parse_args()
    backbone = backbones.get(given.backbone)
    found = pictures.read(given.photos, given.count)
    copies = [make_copy(name, each, seed=1) for each in found for name in COPIES]
    gallery = pictures.squares(found, backbone.input_size)
    queries = pictures.squares(copies, backbone.input_size)
    settings = {"pictures": len(found), "queries": len(copies), "backbone": given.backbone}
    record = Record("precision", _ABOUT, settings)
    with tempfile.TemporaryDirectory() as scratch:
        runtime.start("cpu")
        model = backbone.build(given.weights or backbone.weights_at_hand())
        place = Path(scratch) / "export"
        ExportCache(folder=Path(scratch)).make(place, model)
        runs = {
            name: compile_network(
                network_file(place), dim=backbone.dim, side=backbone.input_size, precision=name
            )
            for name in ("f32", "bf16")
        }
        of_gallery = {name: run(gallery) for name, run in runs.items()}
        speed = {name: _speed(run, gallery) for name, run in runs.items()}
        of_queries = {name: run(queries) for name, run in runs.items()}
    for in_gallery, in_queries in (("f32", "f32"), ("bf16", "bf16"), ("f32", "bf16")):
        cosines = _cosines(of_queries["f32"], of_queries[in_queries])
        record.add(
            gallery=in_gallery,
            queries=in_queries,
            images_s=speed[in_queries],
            least_cosine=float(cosines.min()),
            mean_cosine=float(cosines.mean()),
            rank_1=_rank_1(of_gallery[in_gallery], of_queries[in_queries], len(COPIES)),
        )
    record.write()


def _speed(run: _Run, batch: PixelBatch) -> float:
    began = time.perf_counter()
    run(batch)
    return len(batch) / (time.perf_counter() - began)


def _unit(vectors: Vectors) -> Vectors:
    """Unit length; what has no direction becomes zero, which is near nothing."""
    unit, usable = unit_rows(vectors)
    whole = np.zeros_like(vectors)
    whole[usable] = unit
    return whole


def _cosines(one: Vectors, other: Vectors) -> Vectors:
    return np.asarray((_unit(one) * _unit(other)).sum(axis=1), np.float32)


def _rank_1(gallery: Vectors, queries: Vectors, copies: int) -> float:
    nearest = cosine_distances(_unit(queries), _unit(gallery)).argmin(axis=1)
    return float((nearest == np.arange(len(queries)) // copies).mean())


if __name__ == "__main__":
    main()
