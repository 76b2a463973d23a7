"""The networks of keras.applications, one row each, with the weights that Keras publishes."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from importlib import import_module
from pathlib import Path

from imgsim.backbones import runtime
from imgsim.backbones.base import Backbone, KerasModel
from imgsim.backbones.weights import fill_by_keras, hdf5_defect, keras_cache
from imgsim.errors import WeightsMissing

_SILENT_S = 60.0  # a download that says nothing for so long has failed


@dataclass(frozen=True, kw_only=True)
class _Network:
    name: str
    constructor: str  # keras.applications.<constructor>
    module: str  # keras.applications.<module>.preprocess_input
    input_size: int  # pixels
    dim: int
    weights_file: str  # what Keras calls the download that goes without classifier
    options: Mapping[str, float] = field(default_factory=dict)  # for the constructor


_NETWORKS = (
    _Network(
        name="vgg16",
        constructor="VGG16",
        module="vgg16",
        input_size=224,
        dim=512,
        weights_file="vgg16_weights_tf_dim_ordering_tf_kernels_notop.h5",
    ),
    _Network(
        name="inception_v3",
        constructor="InceptionV3",
        module="inception_v3",
        input_size=299,
        dim=2048,
        weights_file="inception_v3_weights_tf_dim_ordering_tf_kernels_notop.h5",
    ),
    _Network(
        name="resnet50",
        constructor="ResNet50",
        module="resnet50",
        input_size=224,
        dim=2048,
        weights_file="resnet50_weights_tf_dim_ordering_tf_kernels_notop.h5",
    ),
    _Network(
        name="mobilenet_v2",
        constructor="MobileNetV2",
        module="mobilenet_v2",
        input_size=224,
        dim=1280,
        weights_file="mobilenet_v2_weights_tf_dim_ordering_tf_kernels_1.0_224_no_top.h5",
    ),
    _Network(
        name="mobilenet_025",
        constructor="MobileNet",
        module="mobilenet",
        input_size=224,
        dim=256,
        weights_file="mobilenet_2_5_224_tf_no_top.h5",
        options={"alpha": 0.25},
    ),
)


def _backbone(network: _Network) -> Backbone:
    options = ", ".join(f"{key}={value:g}" for key, value in network.options.items())
    return Backbone(
        name=network.name,
        dim=network.dim,
        input_size=network.input_size,
        recipe=(
            f"keras.applications.{network.constructor}({options})|{network.module}.preprocess_input"
            f"|average-pooling|{network.input_size}px squash-area"
        ),
        weights_from="ImageNet weights that Keras downloads",
        find=partial(_find, network),
        fetch=partial(_fetch, network),
        build=partial(_build, network),
    )


def _build(network: _Network, weights: Path | None) -> KerasModel:
    keras = import_module("keras")
    body = _body(network, weights=None)
    if weights is not None:
        fill_by_keras(
            body,
            weights,
            name=network.name,
            hint=f"The file that fits is the one without classifier (include_top=False), "
            f"which Keras calls {network.weights_file}.",
        )
    preprocess = getattr(keras.applications, network.module).preprocess_input
    side = network.input_size
    pictures = keras.Input((side, side, 3), dtype="uint8", name="pictures")
    scaled = preprocess(keras.ops.cast(pictures, "float32"), data_format="channels_last")
    return keras.Model(pictures, body(scaled), name=network.name)


def _body(network: _Network, *, weights: str | None) -> KerasModel:
    """The convolutional part with global average pooling: (n, s, s, 3) -> (n, dim)."""
    constructor = getattr(import_module("keras").applications, network.constructor)
    side = network.input_size
    return constructor(
        weights=weights,
        include_top=False,
        pooling="avg",
        input_shape=(side, side, 3),
        **network.options,
    )


def _find(network: _Network) -> Path | None:
    path = keras_cache() / network.weights_file
    try:
        return path if hdf5_defect(path) is None else None
    except OSError:  # not there, or not for us to read
        return None


def _fetch(network: _Network) -> Path:
    """Let Keras download the weights into its cache, by its own means (address, checksum)."""
    folder = keras_cache()
    reason = "what came is not a weights file"
    cause: Exception | None = None
    try:
        # A file there is not whole, or it would be at hand; Keras might take it as it is.
        (folder / network.weights_file).unlink(missing_ok=True)
        with runtime.on_device("cpu"), _impatient():
            _body(network, weights="imagenet")
    except Exception as failure:  # Keras raises bare Exception for a failed download
        reason, cause = " ".join(str(failure).split()), failure
    found = _find(network)
    if found is None:
        raise WeightsMissing(
            f"The weights of {network.name} are not at hand and Keras could not download them: "
            f"{reason}. Fetch {network.weights_file} elsewhere, then put it into {folder}, or name "
            "it with --weights FILE."
        ) from cause
    return found


@contextlib.contextmanager
def _impatient() -> Iterator[None]:
    """Give up on a silent server; Keras sets no time limit."""
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(_SILENT_S)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)


BACKBONES = tuple(_backbone(network) for network in _NETWORKS)
