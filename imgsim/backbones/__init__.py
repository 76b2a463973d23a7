"""Stage 2: frames -> embeddings.

A family of networks is one file of this package with a constant `BACKBONES`; being there is enough.
Importing this package, `names()` and `get()` load neither Keras nor TensorFlow; `load()` does.
"""

from __future__ import annotations

import functools
import pkgutil
from importlib import import_module
from pathlib import Path

from imgsim.backbones.base import Backbone
from imgsim.backbones.embed import Embedder
from imgsim.backbones.engine import Engine
from imgsim.backbones.export_cache import ExportCache
from imgsim.backbones.pinned import PinnedBackbone
from imgsim.backbones.pinned import pin as pin_backbone
from imgsim.errors import UnknownBackbone

DEFAULT = "efficientnet_lite0"

__all__ = [
    "DEFAULT",
    "Backbone",
    "Embedder",
    "Engine",
    "PinnedBackbone",
    "get",
    "load",
    "names",
    "pin",
]


def names() -> tuple[str, ...]:
    """Every backbone's name, the default first, then by alphabet."""
    return tuple(_registry())


def get(name: str) -> Backbone:
    """The backbone of this name.

    Raises:
        UnknownBackbone: there is none; the message suggests the nearest.
    """
    registry = _registry()
    if name not in registry:
        raise UnknownBackbone(name, registry)
    return registry[name]


def pin(
    name: str,
    *,
    weights: Path | None = None,
    device: str = "auto",
    engine: Engine = Engine.AUTO,
    exports: Path | None = None,
) -> PinnedBackbone:
    """Choose a network's weights, so that the revision of its embeddings is known.

    Loads Keras only where the weights must be downloaded first.

    Args:
        name: one of `names()`.
        weights: a weights file to use; None: the file at hand, else Keras downloads it.
        device: `auto` (a GPU if there is one), `cpu` or `gpu`.
        engine: what is to run it; `auto`: OpenVINO on the CPU, Keras otherwise.
        exports: a folder where networks exported for OpenVINO are kept and may lie already; None:
            none are, and Keras runs the network.

    Raises:
        UnknownBackbone: the name is none.
        WeightsMissing: the file does not exist, or none is at hand nor can be downloaded.
    """
    return pin_backbone(
        get(name),
        weights=weights,
        device=device,
        engine=engine,
        exports=ExportCache(folder=exports) if exports else None,
    )


def load(
    name: str,
    *,
    weights: Path | None = None,
    device: str = "auto",
    engine: Engine = Engine.AUTO,
    exports: Path | None = None,
) -> Embedder:
    """Pin a network and build it at once; see `pin` and `PinnedBackbone.load`."""
    return pin(name, weights=weights, device=device, engine=engine, exports=exports).load()


@functools.cache
def _registry() -> dict[str, Backbone]:
    found: dict[str, Backbone] = {}
    for module in pkgutil.iter_modules(__path__):
        for backbone in getattr(import_module(f"{__name__}.{module.name}"), "BACKBONES", ()):
            found[backbone.name] = backbone
    return dict(sorted(found.items(), key=lambda item: (item[0] != DEFAULT, item[0])))
