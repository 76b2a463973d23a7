"""Backbones at work: with real weights, and with weights that are saved and loaded as a user's.

What a backbone embeds must be what one computes with keras.applications by hand; here for some
networks, from the file to the vector, and in test_keras_networks for the graph of every one.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from imgsim import backbones
from imgsim.backbones import Embedder, runtime
from imgsim.backbones.keras_networks import NETWORKS
from imgsim.backbones.torch_state_dict import read_state_dict
from imgsim.domain import PixelBatch, Vectors
from imgsim.vectors import cosine_distances, l2_normalize

GOLDEN = Path(__file__).resolve().parents[1] / "golden"
MOBILENET = "weights/mobilenet_2_5_224_tf_no_top.h5"

# Keras' own way to save weights; none of imgsim's doing.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

# name: constructor and module of keras.applications, options
APPLICATIONS: dict[str, tuple[str, str, dict[str, float]]] = {
    "vgg16": ("VGG16", "vgg16", {}),
    "inception_v3": ("InceptionV3", "inception_v3", {}),
    "resnet50": ("ResNet50", "resnet50", {}),
    "mobilenet_v2": ("MobileNetV2", "mobilenet_v2", {}),
    "mobilenet_025": ("MobileNet", "mobilenet", {"alpha": 0.25}),
}
LITE = ("efficientnet_lite0", "efficientnet_lite1", "efficientnet_lite2")
REAL = (*LITE, "mobilenet_025")


def pictures(count: int, side: int) -> PixelBatch:
    """Colourful pictures with edges and gradients, the same at each call."""
    y, x = np.mgrid[0:side, 0:side] / side
    drawn = []
    for n in range(count):
        stripes = np.sin(x * (5 + 7 * n) + y * (3 + 2 * n)) > 0
        channels = [200 * x + 30 * stripes, 120 * y * stripes + 20 * n, 90 + 80 * (x - y) ** 2]
        drawn.append(np.clip(np.stack(channels, axis=-1), 0, 255))
    return np.asarray(drawn, np.uint8)


def distance(one: Vectors, other: Vectors) -> float:
    """The largest cosine distance between the rows of two sets of unit vectors."""
    wide = np.einsum("nd,nd->n", one.astype(np.float64), other.astype(np.float64))
    return float((1 - wide).max())


@pytest.fixture(scope="module", params=REAL)
def real(request: pytest.FixtureRequest) -> Embedder:
    """A backbone with its real ImageNet weights."""
    if request.param == "mobilenet_025":
        return backbones.load(
            "mobilenet_025", weights=request.getfixturevalue("shared") / MOBILENET
        )
    return backbones.load(str(request.param))


@dataclass(frozen=True)
class ByHand:
    """The network that keras.applications itself builds, and its documented use."""

    network: Any
    preprocess: Callable[..., Any]
    file: Path

    def embed(self, numbers: Any) -> Vectors:  # noqa: ANN401 - scaled or not, a numpy array
        """Network, average over the last feature map, unit length."""
        features = np.asarray(self.network(numbers, training=False), np.float32)
        return l2_normalize(features.mean(axis=(1, 2)))


def by_hand(name: str, file: Path) -> ByHand:
    """Build a network with keras.applications and save its weights where there are none."""
    runtime.start("auto")
    keras = import_module("keras")
    constructor, module, options = APPLICATIONS[name]
    side = backbones.get(name).input_size
    keras.utils.set_random_seed(1)
    network = getattr(keras.applications, constructor)(
        weights=file if file.exists() else None,
        include_top=False,
        input_shape=(side, side, 3),
        **options,
    )
    if not file.exists():
        network.save_weights(file)
    return ByHand(network, getattr(keras.applications, module).preprocess_input, file)


@pytest.fixture(scope="module", params=APPLICATIONS)
def pair(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Embedder, ByHand]]:
    """A backbone and the same network by hand, with the same random weights."""
    file = tmp_path_factory.mktemp("weights") / f"{request.param}.weights.h5"
    reference = by_hand(request.param, file)
    yield backbones.load(request.param, weights=file), reference
    file.unlink()


def test_every_backbone_is_examined_somewhere() -> None:
    assert set(backbones.names()) == {*REAL, *(network.name for network in NETWORKS)}


def test_embeddings_are_unit_vectors_of_the_declared_length(real: Embedder) -> None:
    vectors = real.embed(pictures(3, real.input_size))
    assert vectors.shape == (3, real.dim) == (3, backbones.get(real.name).dim)
    assert vectors.dtype == np.float32
    assert np.isfinite(vectors).all()
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-6)


def test_no_pictures_give_no_vectors(real: Embedder) -> None:
    vectors = real.embed(pictures(0, real.input_size).reshape(0, *[real.input_size] * 2, 3))
    assert vectors.shape == (0, real.dim)
    assert vectors.dtype == np.float32


def test_a_vector_does_not_depend_on_its_batch(real: Embedder) -> None:
    full = runtime.batch_size(real.input_size)
    batch = pictures(full + 3, real.input_size)
    together = real.embed(batch)
    alone = np.concatenate([real.embed(batch[[n]]) for n in (0, 5, full + 2)])
    assert distance(together[[0, 5, full + 2]], alone) < 1e-4
    assert cosine_distances(together[:1], together[1:]).min() > 1e-3


def test_channel_order_matters(real: Embedder) -> None:
    batch = pictures(2, real.input_size)
    assert distance(real.embed(batch), real.embed(batch[..., ::-1])) > 1e-2


def test_pixels_are_taken_as_0_to_255(real: Embedder) -> None:
    batch = pictures(2, real.input_size)
    assert distance(real.embed(batch), real.embed(batch // 255)) > 1e-2


def test_the_input_is_not_written_to(real: Embedder) -> None:
    batch = pictures(2, real.input_size)
    before = batch.copy()
    batch.flags.writeable = False
    real.embed(batch)
    assert np.array_equal(batch, before)


@pytest.mark.parametrize("wrong", ["float", "grey", "small", "one"])
def test_pictures_of_another_kind_are_refused(real: Embedder, wrong: str) -> None:
    batch: Any = pictures(2, real.input_size)
    batch = {
        "float": batch.astype(np.float32),
        "grey": batch[..., :1],
        "small": batch[:, ::2, ::2],
        "one": batch[0],
    }[wrong]
    with pytest.raises(ValueError, match=rf"shape \(n, {real.input_size}, {real.input_size}, 3\)"):
        real.embed(batch)


def test_vectors_are_those_of_before(real: Embedder, update_golden: bool) -> None:
    path = GOLDEN / f"{real.name}.json"
    first = real.embed(pictures(2, real.input_size))[:, :8]
    now = {"revision": real.revision, "first_values": first.astype(float).round(5).tolist()}
    if update_golden:
        path.write_text(json.dumps(now, indent=1) + "\n")
    golden = json.loads(path.read_text())
    assert now["revision"] == golden["revision"]
    assert np.allclose(first, golden["first_values"], atol=2e-4)


def test_many_calls_keep_memory_bounded() -> None:
    resource = pytest.importorskip("resource", reason="Unix only")
    embedder = backbones.load("efficientnet_lite0")
    batch = pictures(4, embedder.input_size)
    grown = []
    for calls in (20, 200):
        for n in range(calls):
            embedder.embed(batch[: 1 + n % 3])
        grown.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
    assert grown[1] - grown[0] < 50 * 1024  # KiB


@pytest.mark.parametrize("name", LITE)
def test_the_lite_networks_tell_a_cat(name: str, shared: Path) -> None:
    backbone = backbones.get(name)
    weights = backbone.weights_at_hand()
    assert weights is not None
    names = ["chelsea.png", "coffee.png"]
    opened = [Image.open(shared / "photos" / "pypi" / name).convert("RGB") for name in names]
    side = (backbone.input_size, backbone.input_size)
    batch = np.stack([np.asarray(image.resize(side, Image.Resampling.BOX)) for image in opened])
    features = backbone.build(weights).predict_on_batch(batch)
    state = read_state_dict(weights)
    classes = (features @ state["_fc.weight"].T + state["_fc.bias"]).argmax(axis=1)
    labels = (shared / "weights" / "imagenet_labels.txt").read_text().splitlines()[1:]
    assert [labels[n] for n in classes] == ["Egyptian cat", "espresso"]


def test_a_backbone_embeds_what_keras_applications_does(pair: tuple[Embedder, ByHand]) -> None:
    embedder, reference = pair
    batch = pictures(2, embedder.input_size)
    vectors = embedder.embed(batch)
    assert vectors.shape == (2, backbones.get(embedder.name).dim)
    scaled = reference.preprocess(batch.astype(np.float32))
    assert distance(vectors, reference.embed(scaled)) < 1e-6
    # Another preprocessing is told apart even with random weights.
    assert distance(vectors, reference.embed(batch.astype(np.float32))) > 1e-3
    assert distance(vectors, embedder.embed(batch[..., ::-1])) > 1e-3


def test_real_weights_give_what_keras_applications_does(shared: Path) -> None:
    embedder = backbones.load("mobilenet_025", weights=shared / MOBILENET)
    reference = by_hand("mobilenet_025", shared / MOBILENET)
    batch = pictures(2, embedder.input_size)
    scaled = reference.preprocess(batch.astype(np.float32))
    assert distance(embedder.embed(batch), reference.embed(scaled)) < 1e-6
