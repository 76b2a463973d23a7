"""Of which convolutions an EfficientNet-Lite is made, and what a state dict calls them.

EfficientNet (Tan and Le, 2019, arXiv:1905.11946) without squeeze-and-excitation and with ReLU6, as
TensorFlow published it in 2020. Wider and deeper variants scale all but the stem, the head and the
depth of the first and last stage.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

HEAD_CHANNELS = 1280
_STEM_CHANNELS = 32
_CHANNELS_DIVISOR = 8


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


class Convolution(NamedTuple):
    """One convolution and the names of its parts in the state dict."""

    key: str
    norm: str  # the batch normalisation after it
    kernel: int = 1  # pixels
    stride: int = 1
    channels: int | None = None  # None: depthwise
    active: bool = True  # ReLU6 after it

    @property
    def layer(self) -> str:
        """Its name in Keras, for PyTorch without dots: `blocks_3_expand_conv`."""
        return self.key.lstrip("_").replace("._", "_").replace(".", "_")


class Block(NamedTuple):
    """Convolutions in a row."""

    convolutions: tuple[Convolution, ...]
    residual: bool  # its input is added to its output


@dataclass(frozen=True, slots=True)
class Plan:
    """Every convolution of a network, from the picture to the last feature map."""

    stem: Convolution
    blocks: tuple[Block, ...]
    head: Convolution

    @property
    def convolutions(self) -> tuple[Convolution, ...]:
        """All of them, in order."""
        inner = (part for block in self.blocks for part in block.convolutions)
        return (self.stem, *inner, self.head)


def plan(*, width: float, depth: float) -> Plan:
    """Plan a variant.

    Args:
        width: factor on the channels of a stage.
        depth: factor on the number of its blocks.
    """
    stem = Convolution("_conv_stem", "_bn0", kernel=3, stride=2, channels=_STEM_CHANNELS)
    head = Convolution("_conv_head", "_bn1", channels=HEAD_CHANNELS)
    return Plan(stem, tuple(_blocks(width, depth)), head)


def _blocks(width: float, depth: float) -> Iterator[Block]:
    index, before = 0, _STEM_CHANNELS
    for stage in _STAGES:
        is_end = stage in (_STAGES[0], _STAGES[-1])
        count = stage.blocks if is_end else math.ceil(stage.blocks * depth)
        narrow = _rounded(stage.channels * width)
        for first in [True] + [False] * (count - 1):
            at, stride = f"_blocks.{index}.", stage.stride if first else 1
            wide = before * stage.expansion
            expand = Convolution(f"{at}_expand_conv", f"{at}_bn0", channels=wide)
            spread = Convolution(f"{at}_depthwise_conv", f"{at}_bn1", stage.kernel, stride)
            project = Convolution(f"{at}_project_conv", f"{at}_bn2", channels=narrow, active=False)
            parts = (expand, spread, project) if stage.expansion > 1 else (spread, project)
            yield Block(parts, residual=stride == 1 and before == narrow)
            index, before = index + 1, narrow


def _rounded(channels: float) -> int:
    """The nearest multiple of eight, but no less than nine tenths of what was asked for."""
    step = _CHANNELS_DIVISOR
    near = max(step, int(channels + step / 2) // step * step)
    return near if near >= 0.9 * channels else near + step
