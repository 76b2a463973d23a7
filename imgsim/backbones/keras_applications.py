"""The networks of keras.applications, one row each, with the weights that Keras publishes."""

from __future__ import annotations

import contextlib
import math
import socket
from collections.abc import Iterator
from functools import partial
from importlib import import_module
from pathlib import Path

from imgsim.backbones import runtime
from imgsim.backbones.base import Backbone, KerasModel, KerasTensor
from imgsim.backbones.keras_networks import NETWORKS, Network
from imgsim.backbones.weights import fill_by_keras, hdf5_defect, keras_cache
from imgsim.errors import WeightsMissing

_IMAGENET_DEVIATION = (0.229, 0.224, 0.225)  # of red, green, blue, on a scale of 0 to 1
_SILENT_S = 60.0  # a download that says nothing for so long has failed


def _backbone(network: Network) -> Backbone:
    options = ", ".join(f"{key}={value:g}" for key, value in network.options.items())
    return Backbone(
        name=network.name,
        dim=network.dim,
        input_size=network.input_size,
        parameters=network.parameters,
        imagenet_top1=network.top1,
        recipe=(
            f"keras.applications.{network.constructor}({options})|{network.module}.preprocess_input"
            f"|average-pooling|{network.input_size}px squash-area"
        ),
        weights_from="ImageNet weights that Keras downloads",
        find=partial(_find, network),
        fetch=partial(_fetch, network),
        build=partial(_build, network),
    )


def _build(network: Network, weights: Path | None) -> KerasModel:
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
    if network.module == "efficientnet":
        body = _rescaled(body)
    preprocess = getattr(keras.applications, network.module).preprocess_input
    side = network.input_size
    pictures = keras.Input((side, side, 3), dtype="uint8", name="pictures")
    scaled = preprocess(keras.ops.cast(pictures, "float32"), data_format="channels_last")
    return keras.Model(pictures, body(scaled), name=network.name)


def _body(network: Network, *, weights: str | None) -> KerasModel:
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


def _rescaled(body: KerasModel) -> KerasModel:
    """The EfficientNet that its ImageNet weights were trained in.

    Keras divides by the root of each channel's deviation after the normalisation, but only when it
    is asked for `weights="imagenet"`, not for the same weights by path (keras-team/keras,
    efficientnet.py; tensorflow#49930).
    """
    keras = import_module("keras")
    rescale = keras.layers.Rescaling([1 / math.sqrt(each) for each in _IMAGENET_DEVIATION])

    def call(layer: KerasModel, *arguments: KerasTensor, **named: object) -> KerasTensor:
        output = layer(*arguments, **named)
        return rescale(output) if isinstance(layer, keras.layers.Normalization) else output

    return keras.models.clone_model(body, clone_function=lambda layer: layer, call_function=call)


def _find(network: Network) -> Path | None:
    path = keras_cache() / network.weights_file
    try:
        return path if hdf5_defect(path) is None else None
    except OSError:  # not there, or not for us to read
        return None


def _fetch(network: Network) -> Path:
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


BACKBONES = tuple(_backbone(network) for network in NETWORKS)
