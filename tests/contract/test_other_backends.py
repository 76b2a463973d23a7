"""Keras on JAX or PyTorch gives the embeddings that it gives on TensorFlow.

Where one of them is installed; each needs a process of its own, since Keras chooses when it loads.
"""

from __future__ import annotations

import os
import subprocess
import sys
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from imgsim import backbones
from imgsim.backbones import runtime
from imgsim.domain import PixelBatch

# Keras' own way to save weights; none of imgsim's doing.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

# Each way of preprocessing, and the layers that differ between networks.
NAMES = ("mobilenet_025", "vgg16", "densenet121", "efficientnet_b0", "convnext_tiny")

EMBED = """
import sys
from pathlib import Path
import numpy as np
from imgsim import backbones
name, weights, pictures, vectors = sys.argv[1:]
embedder = backbones.load(name, weights=Path(weights) if weights else None, device="cpu")
np.save(vectors, embedder.embed(np.load(pictures)))
"""


def pictures(side: int) -> PixelBatch:
    """Three pictures, coarse to fine, the same at each call."""
    random = np.random.default_rng(5)
    drawn = []
    for grain in (8, 32, side):
        coarse = random.integers(0, 256, (grain, grain, 3), np.uint8)
        times = -(-side // grain)
        drawn.append(coarse.repeat(times, axis=0).repeat(times, axis=1)[:side, :side])
    return np.stack(drawn)


def saved_weights(name: str, folder: Path) -> Path | None:
    """Random weights for a network; None for the default, which has real ones."""
    if name == backbones.DEFAULT:
        return None
    runtime.start("cpu")
    keras = import_module("keras")
    keras.utils.set_random_seed(1)
    model = backbones.get(name).build(None)
    path = folder / f"{name}.weights.h5"
    next(layer for layer in model.layers if isinstance(layer, keras.Model)).save_weights(path)
    return path


@pytest.mark.parametrize("name", [backbones.DEFAULT, *NAMES])
@pytest.mark.parametrize("backend", ["jax", "torch"])
def test_embeddings_are_those_of_tensorflow(backend: str, name: str, tmp_path: Path) -> None:
    if find_spec(backend) is None:
        pytest.skip(f"{backend} is not installed")
    weights = saved_weights(name, tmp_path)
    embedder = backbones.load(name, weights=weights, device="cpu")
    batch = pictures(embedder.input_size)
    np.save(tmp_path / "pictures.npy", batch)
    done = subprocess.run(
        [sys.executable, "-c", EMBED, name, str(weights or ""), "pictures.npy", "vectors.npy"],
        env=os.environ | {"KERAS_BACKEND": backend, "PYTHONPATH": os.pathsep.join(sys.path)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
    theirs = np.load(tmp_path / "vectors.npy").astype(np.float64)
    cosines = (embedder.embed(batch).astype(np.float64) * theirs).sum(axis=1)
    assert cosines.min() > 0.9999
