"""A backbone whose weights are chosen, so that its embeddings have a name before it is built."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from imgsim.backbones import export_cache, openvino_runtime, runtime
from imgsim.backbones import weights as weight_files
from imgsim.backbones.base import Backbone, KerasModel
from imgsim.backbones.embed import Embedder
from imgsim.backbones.engine import Engine, is_openvino
from imgsim.backbones.export_cache import ExportCache
from imgsim.backbones.mixed_precision import faster_if_equal
from imgsim.backbones.portions import Portions
from imgsim.domain import PixelBatch, Vectors
from imgsim.errors import EngineUnusable

_Forward = Callable[[PixelBatch], Vectors]


@dataclass(frozen=True, kw_only=True, slots=True)
class PinnedBackbone:
    """A network, its weights, and how it is to run. Only `load` builds anything."""

    name: str
    dim: int  # length of an embedding
    input_size: int  # pixels; pictures are squares of this side
    revision: str  # names the embeddings: two are comparable only where it is the same
    weights: Path  # absolute
    weights_sha256: str  # hex
    device: str  # auto | cpu | gpu, as asked for
    engine: Engine  # as asked for
    exports: ExportCache | None  # None: networks are not exported
    backbone: Backbone

    def load(self, note: Callable[[str], None] = lambda _text: None) -> Embedder:
        """Make the network ready: an export in a moment, otherwise Keras builds it, in seconds.

        Args:
            note: is told why OpenVINO does not run it, where it was meant to.

        Raises:
            InvalidArgument, DeviceMissing: the device or engine is none, or not there.
            WeightsMismatch: the weights file is damaged or belongs to another network.
            EngineUnusable: OpenVINO was asked for and gives other embeddings than Keras.
        """
        if not is_openvino(self.engine, self.device, cached=self.exports is not None):
            return self._by_keras()
        try:
            embedder, reason = self._by_openvino(note)
        except OSError as error:
            embedder = None
            reason = (
                f"exported networks cannot be kept ({error}); IMGSIM_CACHE_DIR names another folder"
            )
        if embedder is not None:
            return embedder
        if self.engine is Engine.OPENVINO:
            raise EngineUnusable(
                f"--engine openvino cannot run {self.name}: {reason}. Use --engine tensorflow."
            )
        note(f"OpenVINO cannot run {self.name}, TensorFlow does: {reason}")
        return self._by_keras()

    def _by_keras(self) -> Embedder:
        device = runtime.start(self.device)
        forward = runtime.forward(self._build(device), device)
        if device == "gpu":
            forward = faster_if_equal(forward, lambda: self._build(device), device)
        return self._embedder(forward, device, runtime.title())

    def _build(self, device: str) -> KerasModel:
        with runtime.on_device(device):
            return self.backbone.build(self.weights)

    def _by_openvino(self, note: Callable[[str], None]) -> tuple[Embedder | None, str]:
        """The network from the cache, exported into it first where needed; or why not."""
        exports = self.exports
        if exports is None:
            raise ValueError("is_openvino asks for a cache")
        place = exports.place(self.name, self.revision)
        verdict = exports.verdict(place)
        run = self._compiled(place) if verdict and verdict.holds else None
        if verdict is None or (verdict.holds and run is None):
            export_cache.discard(place)
            note(f"{self.name} is being exported for OpenVINO, which is done once")
            runtime.start("cpu")
            verdict = exports.make(place, self._build("cpu"))
            run = self._compiled(place) if verdict.holds else None
        if run is None:
            return None, verdict.reason
        forward = runtime.in_portions(run, self.input_size)
        return self._embedder(forward, "cpu", openvino_runtime.TITLE), ""

    def _compiled(self, place: Path) -> _Forward | None:
        """The exported network, callable; None where its files are damaged."""
        try:
            return openvino_runtime.compile_network(
                export_cache.network_file(place), dim=self.dim, side=self.input_size
            )
        except RuntimeError:
            return None

    def _embedder(self, forward: Portions, device: str, engine: str) -> Embedder:
        return Embedder(
            name=self.name,
            dim=self.dim,
            input_size=self.input_size,
            revision=self.revision,
            weights=self.weights,
            weights_sha256=self.weights_sha256,
            device=device,
            engine=engine,
            forward=forward,
        )


def pin(
    backbone: Backbone,
    *,
    weights: Path | None,
    device: str,
    engine: Engine,
    exports: ExportCache | None,
) -> PinnedBackbone:
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
        engine=engine,
        exports=exports,
        backbone=backbone,
    )
