"""The backbones on offer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from imgsim import backbones
from imgsim.backbones import speed as speeds
from imgsim.domain import BackboneListing
from imgsim.errors import OutputError
from imgsim.pipeline.embedders import refusal
from imgsim.store.embedding_tables import vector_bytes


def catalogue(cache_dir: Path, names: Sequence[str] | None = None) -> list[BackboneListing]:
    """Backbones, all or these, the default first; loads no network and asks no server.

    Raises:
        UnknownBackbone: a name is none.
    """
    measured = speeds.recall(cache_dir)
    listed = []
    for name in backbones.names() if names is None else dict.fromkeys(names):
        backbone = backbones.get(name)
        at_hand = backbone.weights_at_hand()
        listed.append(
            BackboneListing(
                name=name,
                dim=backbone.dim,
                input_size=backbone.input_size,
                parameters=backbone.parameters,
                vector_bytes=vector_bytes(backbone.dim),
                imagenet_top1=backbone.imagenet_top1,
                speed=measured.get(name),
                weights=str(at_hand) if at_hand else None,
                weights_from=backbone.weights_from,
                refusal=refusal(backbone),
                is_default=name == backbones.DEFAULT,
            )
        )
    return listed


def measure_speeds(
    cache_dir: Path, names: Sequence[str], device: str, note: Callable[[str], None]
) -> None:
    """Measure how fast these backbones run on this machine, and remember it; needs no weights.

    Raises:
        UnknownBackbone: a name is none; nothing was measured.
        OutputError: the results cannot be kept.
    """
    for backbone in [backbones.get(name) for name in dict.fromkeys(names)]:
        note(f"measuring {backbone.name} ...")
        speed = speeds.measure(backbone, device)
        try:
            speeds.remember(cache_dir, backbone.name, speed)
        except OSError as error:
            raise OutputError(
                f"The measured speed cannot be kept in {cache_dir}: {error.strerror}. "
                "Name another folder in IMGSIM_CACHE_DIR."
            ) from error
