"""A backbone whose weights are chosen, so that its embeddings have a name before it is built."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from imgsim.backbones import runtime
from imgsim.backbones import weights as weight_files
from imgsim.backbones.base import Backbone
from imgsim.backbones.embed import Embedder


@dataclass(frozen=True, kw_only=True, slots=True)
class PinnedBackbone:
    """A network, its weights and the device it is meant for. Only `load` builds anything."""

    name: str
    dim: int  # length of an embedding
    input_size: int  # pixels; pictures are squares of this side
    revision: str  # names the embeddings: two are comparable only where it is the same
    weights: Path  # absolute
    weights_sha256: str  # hex
    device: str  # auto | cpu | gpu, as asked for
    backbone: Backbone

    def load(self) -> Embedder:
        """Build the network and fill it with its weights; loads Keras, takes seconds.

        Raises:
            InvalidArgument, DeviceMissing: the device is none, or not there.
            WeightsMismatch: the weights file is damaged or belongs to another network.
        """
        device = runtime.start(self.device)
        with runtime.on_device(device):
            model = self.backbone.build(self.weights)
        return Embedder(
            name=self.name,
            dim=self.dim,
            input_size=self.input_size,
            revision=self.revision,
            weights=self.weights,
            weights_sha256=self.weights_sha256,
            device=device,
            forward=runtime.forward(model, device),
        )


def pin(backbone: Backbone, *, weights: Path | None, device: str) -> PinnedBackbone:
    """Choose the weights; arguments and errors as `imgsim.backbones.pin` states them."""
    path = weight_files.given_or_at_hand(backbone, weights)
    if path is None:
        runtime.start(device)
        path = backbone.fetch()
    digest = weight_files.sha256(path)
    return PinnedBackbone(
        name=backbone.name,
        dim=backbone.dim,
        input_size=backbone.input_size,
        revision=backbone.revision(digest),
        weights=path,
        weights_sha256=digest,
        device=device,
        backbone=backbone,
    )
