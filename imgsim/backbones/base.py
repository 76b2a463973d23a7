"""What a network is to imgsim before it is loaded: a few facts and how to build it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

KerasModel: TypeAlias = Any
"""A keras.Model: Keras publishes no types, and this package imports it late."""

KerasTensor: TypeAlias = Any


@dataclass(frozen=True, kw_only=True)
class Backbone:
    """One network under one name. Holding it costs nothing; only `build` and `fetch` load Keras."""

    name: str
    dim: int  # length of an embedding
    input_size: int  # pixels; pictures are squares of this side
    parameters: int  # numbers in the network, without a classifier
    imagenet_top1: float | None  # per cent of the validation set, as published; None: unknown
    recipe: str  # everything besides the weights that shapes an embedding; stable text
    weights_from: str  # for people: where the weights come from
    find: Callable[[], Path | None]  # see weights_at_hand
    fetch: Callable[[], Path]  # downloads them, or raises WeightsMissing; after runtime.start
    build: Callable[[Path | None], KerasModel]
    """weights file (None: random weights) -> a network that takes uint8 RGB (n, s, s, 3) and
    gives float32 (n, dim), not normalised: preprocessing and pooling are part of its graph.
    Raises WeightsMismatch where the file does not fit."""

    def weights_at_hand(self) -> Path | None:
        """Find the weights on this machine without network and without Keras; None: not there."""
        return self.find()

    def revision(self, weights_sha256: str) -> str:
        """Name the embeddings that these weights (SHA-256, hex) give; equal text, equal vectors."""
        return f"{self.recipe}|weights=sha256:{weights_sha256[:12]}"
