"""Counting what networks compute, against published numbers."""

from __future__ import annotations

import math

import numpy as np
import pytest

from benchmarks.arithmetic import Peak, multiply_adds, peak_of
from imgsim import backbones
from imgsim.backbones import runtime


@pytest.mark.parametrize(
    ("name", "published", "classifier"),
    [
        # Simonyan and Zisserman, 2014: 15.5 billion with three dense layers.
        ("vgg16", 15.47e9, 25_088 * 4_096 + 4_096 * 4_096 + 4_096 * 1_000),
        # He and others, 2015: 3.8 billion. Their, and Keras', first block strides in a 1x1 kernel.
        ("resnet50", 3.86e9, 2_048 * 1_000),
        # Howard and others, 2017: 569 million at full width, 41 at a quarter.
        ("mobilenet", 569e6, 1_024 * 1_000),
        ("mobilenet_025", 41e6, 256 * 1_000),
        # Sandler and others, 2018: 300 million.
        ("mobilenet_v2", 300e6, 1_280 * 1_000),
        # Tan and Le, 2019: 0.39 billion; its network is cloned layer by layer.
        ("efficientnet_b0", 0.39e9, 1_280 * 1_000),
    ],
)
def test_multiply_adds_are_those_published(name: str, published: float, classifier: int) -> None:
    device = runtime.start("cpu")
    with runtime.on_device(device):
        network = backbones.get(name).build(None)
    assert math.isclose(multiply_adds(network) + classifier, published, rel_tol=0.02)


def test_separable_layers_count_both_halves() -> None:
    runtime.start("cpu")
    import keras

    pictures = keras.Input((10, 12, 3))
    layer = keras.layers.SeparableConv2D(8, 3, strides=2, padding="same")
    network = keras.Model(pictures, layer(pictures))
    assert multiply_adds(network) == (5 * 6) * (3 * 3 * 3 + 3 * 8)


def test_groups_see_only_their_channels() -> None:
    runtime.start("cpu")
    import keras

    pictures = keras.Input((4, 4, 8))
    network = keras.Model(pictures, keras.layers.Conv2D(6, 1, groups=2)(pictures))
    assert multiply_adds(network) == (4 * 4) * (8 // 2) * 6


def test_a_layer_of_an_unknown_kind_is_refused_by_name() -> None:
    runtime.start("cpu")
    import keras

    pictures = keras.Input((4, 4, 3))
    widened = keras.layers.Conv2DTranspose(2, 3, strides=2, name="widen")(pictures)
    with pytest.raises(ValueError, match="widen is a Conv2DTranspose"):
        multiply_adds(keras.Model(pictures, widened))


@pytest.mark.parametrize(
    ("card", "float16"),
    [
        ("NVIDIA H100 80GB HBM3", 989.4),
        ("NVIDIA H100 PCIe", 756),
        ("NVIDIA H200", 989.4),
        ("NVIDIA A100-SXM4-40GB", 312),
        ("NVIDIA A100 80GB PCIe", 312),
        ("NVIDIA L4", 121),
        ("Tesla T4", 65),
        ("NVIDIA GeForce RTX 4090", 165.2),
    ],
)
def test_cards_are_known_by_the_name_of_their_driver(card: str, float16: float) -> None:
    peak = peak_of(card)
    assert peak is not None
    assert peak.at("mixed_float16") == float16


@pytest.mark.parametrize(
    "card",
    [
        "NVIDIA L40S",
        "NVIDIA H100 80GB HBM3 MIG 1g.10gb",
        "NVIDIA GeForce RTX 4090 Laptop GPU",
        "NVIDIA GeForce RTX 4090 D",
        "Radeon RX 7900 XTX",
    ],
)
def test_other_cards_are_not_taken_for_one_that_is_known(card: str) -> None:
    assert peak_of(card) is None


def test_float32_is_held_against_tf32_where_a_card_has_it() -> None:
    assert Peak(19.5, 156, 312).at("float32") == 156
    assert Peak(8.1, None, 65).at("float32") == 8.1
    assert np.isclose(Peak(19.5, 156, 312).at("mixed_bfloat16"), 312)
