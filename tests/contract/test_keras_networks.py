"""Every row of the table against keras.applications, with the graph that Keras itself builds.

Keras is given random weights where it would download its own: what a row embeds must be what one
computes with `weights="imagenet"` by hand. That takes gigabytes and minutes for all of them, so
that it is done for the smallest of each kind, or with `--every-network` for all; the facts of a row
are compared for every one, on graphs without numbers.
"""

from __future__ import annotations

import gc
import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from imgsim import backbones
from imgsim.backbones import runtime
from imgsim.backbones.keras_networks import NETWORKS, Network
from imgsim.domain import PixelBatch, Vectors
from imgsim.vectors import l2_normalize

# Keras' own way to save weights; none of imgsim's doing.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

BY_NAME = {network.name: network for network in NETWORKS}


def smallest_of_each_kind() -> frozenset[str]:
    """For each preprocessing and choice of options, the network with the fewest parameters."""
    smallest: dict[tuple[str, ...], Network] = {}
    for network in sorted(NETWORKS, key=lambda network: network.parameters):
        smallest.setdefault((network.module, *sorted(network.options)), network)
    return frozenset(network.name for network in smallest.values())


SMALLEST = smallest_of_each_kind()

Published = Callable[[Network, Path], Any]


@pytest.fixture(scope="module")
def keras() -> Any:  # noqa: ANN401 - a module
    """Keras, on the device that tests run on."""
    runtime.start("auto")
    return import_module("keras")


@pytest.fixture
def published(keras: Any, monkeypatch: pytest.MonkeyPatch) -> Published:  # noqa: ANN401
    """Builds a network as Keras does with weights="imagenet", from a file instead of a download."""

    def build(network: Network, file: Path) -> Any:  # noqa: ANN401 - a keras.Model
        def get_file(fname: str, *_: object, **__: object) -> str:
            assert fname == network.weights_file
            return str(file)

        side = network.input_size
        with monkeypatch.context() as patched:
            patched.setattr("keras.src.utils.file_utils.get_file", get_file)
            return getattr(keras.applications, network.constructor)(
                weights="imagenet",
                include_top=False,
                input_shape=(side, side, 3),
                **network.options,
            )

    return build


@pytest.fixture
def sizes(keras: Any, monkeypatch: pytest.MonkeyPatch) -> list[int]:  # noqa: ANN401
    """The input sizes for which Keras made the networks that it builds in this test, pixels."""
    seen: list[int] = []
    original = keras.src.applications.imagenet_utils.obtain_input_shape

    def obtain(*arguments: Any, **named: Any) -> Any:  # noqa: ANN401
        seen.append(named["default_size"])
        return original(*arguments, **named)

    monkeypatch.setattr("keras.src.applications.imagenet_utils.obtain_input_shape", obtain)
    return seen


@pytest.fixture
def network(request: pytest.FixtureRequest, every_network: bool) -> Iterator[Network]:
    """A network that is to be run; its memory is given back before the next is built."""
    if not every_network and request.param not in SMALLEST:
        pytest.skip("a smaller network of its kind stands for it; --every-network runs them all")
    yield BY_NAME[request.param]
    gc.collect()


@contextmanager
def without_numbers(keras: Any) -> Iterator[None]:  # noqa: ANN401
    """Build networks whose weights have shapes only, in a fraction of the time and memory."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(keras.Model, "load_weights", lambda *_: None)
        with keras.StatelessScope(initialize_variables=False):
            yield
    keras.utils.clear_session(free_memory=False)  # or the next scope would fill them in


def picture(side: int) -> PixelBatch:
    """One picture of coloured noise, the same at each call."""
    coarse = np.random.default_rng(3).integers(0, 256, (1, 8, 8, 3), np.uint8)
    return coarse.repeat(side // 8 + 1, axis=1).repeat(side // 8 + 1, axis=2)[:, :side, :side]


def by_hand(keras: Any, reference: Any, network: Network, pixels: PixelBatch) -> Vectors:  # noqa: ANN401
    """The documented use: preprocess_input, the network, the average over its last feature map."""
    module = getattr(keras.applications, network.module)
    numbers = module.preprocess_input(pixels.astype(np.float32))
    last = reference.layers[-1]
    if isinstance(last, keras.layers.LayerNormalization):  # ConvNeXt's comes after the pooling
        maps = keras.Model(reference.input, last.input)(numbers, training=False)
        return l2_normalize(np.asarray(last(np.asarray(maps).mean(axis=(1, 2)))))
    return l2_normalize(np.asarray(reference(numbers, training=False)).mean(axis=(1, 2)))


def distance(one: Vectors, other: Vectors) -> float:
    """The cosine distance of two unit vectors, in double precision."""
    return 1 - float((one.astype(np.float64) * other.astype(np.float64)).sum())


def body(keras: Any, model: Any) -> Any:  # noqa: ANN401
    """The network inside a backbone's model, behind its preprocessing."""
    return next(layer for layer in model.layers if isinstance(layer, keras.Model))


def test_the_table_has_every_network_of_the_installed_keras(keras: Any) -> None:  # noqa: ANN401
    there = {
        name
        for name, member in inspect.getmembers(keras.applications)
        if callable(member) and not inspect.ismodule(member)
    }
    assert {network.constructor for network in NETWORKS} == there


@pytest.mark.parametrize("name", BY_NAME)
def test_a_row_states_what_keras_applications_has(
    name: str,
    keras: Any,  # noqa: ANN401
    published: Published,
    sizes: list[int],
) -> None:
    network, backbone = BY_NAME[name], backbones.get(name)
    with without_numbers(keras):
        reference = published(network, Path(network.weights_file))
    assert (reference.output_shape[-1], reference.count_params()) == (
        backbone.dim,
        backbone.parameters,
    )
    # MobileNetV3 takes any size; the one its weights were trained at is in their name.
    assert sizes == [backbone.input_size] or f"_{backbone.input_size}_" in network.weights_file
    own = import_module(getattr(keras.applications, network.constructor).__module__)
    assert getattr(keras.applications, network.module).preprocess_input is own.preprocess_input


@pytest.mark.parametrize("network", BY_NAME, indirect=True)
def test_a_row_embeds_what_keras_applications_does(
    network: Network,
    keras: Any,  # noqa: ANN401
    published: Published,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    backbone = backbones.get(network.name)
    keras.utils.set_random_seed(1)
    model = backbone.build(None)
    assert model.count_params() == backbone.parameters
    weights = body(keras, model).get_weights()  # as a file, up to 1.4 GB that take minutes in all
    monkeypatch.setattr(keras.Model, "load_weights", lambda made, _path: made.set_weights(weights))
    reference = published(network, Path(network.weights_file))
    pixels = picture(backbone.input_size)
    vectors = l2_normalize(np.asarray(model(pixels, training=False)))
    assert vectors.shape == (1, backbone.dim)
    # Closer than any wrong preprocessing comes: blue for red moves a random ResNet152 by 8e-5.
    assert distance(vectors, by_hand(keras, reference, network, pixels)) < 1e-6


@pytest.mark.parametrize("legacy", [False, True])
def test_weights_by_path_give_what_keras_gives_by_name(
    keras: Any,  # noqa: ANN401
    published: Published,
    tmp_path: Path,
    legacy: bool,
) -> None:
    """Keras' EfficientNet is another network with weights="imagenet" than with a path."""
    network = BY_NAME["efficientnet_b0"]
    keras.utils.set_random_seed(1)
    saved = keras.applications.EfficientNetB0(
        weights=None, include_top=False, input_shape=(224, 224, 3)
    )
    normalization = next(
        layer for layer in saved.layers if isinstance(layer, keras.layers.Normalization)
    )
    mean, deviation = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]  # as in the published file
    normalization.set_weights([np.asarray(mean), np.asarray(deviation), np.asarray(0)])
    path = tmp_path / ("efficientnetb0_notop.h5" if legacy else "own.weights.h5")
    saved.save(path) if legacy else saved.save_weights(path)
    pixels = picture(224)
    vectors = backbones.load(network.name, weights=path).embed(pixels)
    assert distance(vectors, by_hand(keras, published(network, path), network, pixels)) < 1e-6
    plain = keras.applications.EfficientNetB0(
        weights=str(path), include_top=False, input_shape=(224, 224, 3)
    )
    assert distance(vectors, by_hand(keras, plain, network, pixels)) > 1e-4
