"""What a network costs in arithmetic, and what a card could do at most."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, NamedTuple, TypeAlias

KerasLayer: TypeAlias = Any
"""A keras.Layer; networks are layers too. Keras publishes no types."""

_COUNTED = ("Conv2D", "DepthwiseConv2D", "SeparableConv2D", "Dense")


def multiply_adds(network: KerasLayer) -> int:
    """How many multiplications, each with an addition, one picture takes.

    Convolutions and dense layers are counted, as in published numbers; normalisation, activation
    and pooling add some per cent. One is two floating-point operations (FLOP).

    Args:
        network: a built keras.Model, channels last; it may hold other models as layers.

    Raises:
        ValueError: a layer has a matrix or kernel and is none of those that are known here.
    """
    return sum(_of_layer(layer) for layer in _layers(network))


def _layers(network: KerasLayer) -> Iterator[KerasLayer]:
    for layer in network.layers:
        if hasattr(layer, "layers"):
            yield from _layers(layer)
        else:
            yield layer


def _of_layer(layer: KerasLayer) -> int:
    kernels = [tuple(weight.shape) for weight in layer.weights if len(weight.shape) > 1]
    if not kernels:
        return 0
    kind = type(layer).__name__
    if kind not in _COUNTED:
        raise ValueError(f"{layer.name} is a {kind}: how often its weights are used is unknown.")
    # Each position of the output takes each weight once. Grouped and depthwise kernels hold only
    # the channels that they see; a separable layer strides in its first half.
    positions = math.prod(layer.output.shape[1:-1])
    count: int = positions * sum(math.prod(kernel) for kernel in kernels)
    return count


class Peak(NamedTuple):
    """A card's dense arithmetic, TFLOP/s as its maker states it."""

    float32: float
    tf32: float | None  # None: the card has none
    float16: float  # tensor cores, sums in float32; bfloat16 is the same where there is any

    def at(self, precision: str) -> float:
        """The peak that a Keras dtype policy can reach; float32 may run as TF32."""
        return self.float16 if precision.startswith("mixed") else self.tf32 or self.float32


# NVIDIA's data sheets of each card. Where they state numbers "with sparsity", half of it. RTX 4090:
# NVIDIA Ada GPU Architecture, appendix A. L4's TF32 and float16 are half of 120 and 242.
_HOPPER_SXM = Peak(67, 494.7, 989.4)
_HOPPER_NVL = Peak(60, 417.5, 835.5)
_PEAKS = {  # words of a name, all of which must be in it; the first that fits counts
    ("H200", "NVL"): _HOPPER_NVL,
    ("H200",): _HOPPER_SXM,
    ("H100", "NVL"): _HOPPER_NVL,
    ("H100", "PCIe"): Peak(51, 378, 756),
    ("H100", "HBM3"): _HOPPER_SXM,  # the SXM card is called `NVIDIA H100 80GB HBM3`
    ("A100",): Peak(19.5, 156, 312),
    ("L4",): Peak(30.3, 60, 121),
    ("T4",): Peak(8.1, None, 65),
    ("RTX", "4090"): Peak(82.6, 82.6, 165.2),
}
_OTHERS = {"MIG", "Laptop", "D"}  # a slice of a card, a slower card of the same number


def peak_of(card: str) -> Peak | None:
    """The peak of a card by the name that its driver gives; None: unknown."""
    words = set(card.replace("-", " ").split())
    if words & _OTHERS:
        return None
    return next((peak for key, peak in _PEAKS.items() if words.issuperset(key)), None)
