"""From a backbone's name to a network that embeds, with the weights the gallery remembers."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from imgsim import backbones
from imgsim.backbones import Backbone, Embedder, Engine, PinnedBackbone
from imgsim.errors import (
    EmbeddingTooLong,
    EmptyGallery,
    InvalidArgument,
    WeightsMismatch,
    WeightsMissing,
)
from imgsim.store import registry
from imgsim.store.embedding_tables import MAX_DIM
from imgsim.store.engine import Session
from imgsim.store.registry import BackboneRow


def refusal(backbone: Backbone) -> str | None:
    """Why a backbone cannot be used, a clause; None: it can."""
    if backbone.dim <= MAX_DIM:
        return None
    return f"{backbone.dim:,} dimensions are more than the {MAX_DIM:,} that pgvector can index"


@dataclass(frozen=True, kw_only=True, slots=True)
class Choice:
    """Which backbones to use and how to run them, as asked for on the command line."""

    names: Sequence[str] = (backbones.DEFAULT,)
    weights: Path | None = None  # a file for the one backbone named
    device: str = "auto"
    engine: Engine = Engine.AUTO
    exports: Path | None = None  # folder of exported networks; see backbones.pin

    def __post_init__(self) -> None:
        """Raise InvalidArgument, UnknownBackbone or EmbeddingTooLong where it cannot be met."""
        for name in self.names:
            if reason := refusal(backbones.get(name)):
                raise EmbeddingTooLong(
                    f"'{name}' cannot be used: {reason}. `imgsim backbones` lists others."
                )
        if self.weights is not None and len(self.names) != 1:
            raise InvalidArgument(
                "--weights is the file of one backbone: give exactly one -b with it, "
                f"not {len(self.names)}."
            )
        try:
            str(self.weights).encode()
        except UnicodeEncodeError as error:
            raise InvalidArgument(
                "--weights: the path is stored as text, and this one is not UTF-8; rename the file."
            ) from error


@dataclass(kw_only=True, slots=True)
class Network:
    """A pinned backbone that is built when it is first needed; building takes seconds."""

    pinned: PinnedBackbone
    weights_path: Path | None  # the file asked for or remembered; None: the standard weights
    _embedder: Embedder | None = field(default=None, init=False)

    def embedder(self, note: Callable[[str], None]) -> Embedder:
        """The built network; `note` is told which device it is on when it is built."""
        if self._embedder is None:
            self._embedder = self.pinned.load(note)
            note(f"{self.pinned.name} runs on {self._embedder.device} ({self._embedder.engine})")
        return self._embedder


def open_networks(session: Session, choice: Choice) -> list[Network]:
    """A network for each name, once, with the weights that were asked for or are remembered.

    Raises:
        WeightsMissing: none are at hand, or the remembered file is gone.
        WeightsMismatch: the remembered file has changed.
    """
    return [_open(session, name, choice) for name in dict.fromkeys(choice.names)]


def chosen_backbones(session: Session, names: Sequence[str]) -> list[BackboneRow]:
    """The newest revision in use of each backbone named, or of all that have embedded something.

    Raises:
        EmptyGallery, BackboneNotIngested
    """
    names = names or registry.names_in_use(session)
    if not names:
        raise EmptyGallery(
            "The gallery is empty, so there is nothing to compare. Fill it with one backbone or "
            "more: imgsim ingest PATH... -b vgg16 -b inception_v3"
        )
    return [registry.require(session, name) for name in dict.fromkeys(names)]


def open_ingested(session: Session, choice: Choice) -> tuple[list[Network], list[BackboneRow]]:
    """The chosen backbones, ready to embed what is compared with the gallery.

    Without names, all that have embedded something. A weights file that was asked for is
    remembered.

    Raises:
        EmptyGallery, BackboneNotIngested: the gallery has nothing by one of them.
        WeightsMissing, WeightsMismatch
    """
    # Asked before weights are fetched and networks built, which takes its time.
    names = [row.name for row in chosen_backbones(session, choice.names)]
    networks = open_networks(session, replace(choice, names=names))
    rows = [registry.require(session, n.pinned.name, n.pinned.revision) for n in networks]
    if choice.weights:
        registry.remember_weights(session, rows[0], networks[0].pinned.weights)
    return networks, rows


def _open(session: Session, name: str, choice: Choice) -> Network:
    if choice.weights:
        pinned = _pin(name, choice.weights, choice)
        return Network(pinned=pinned, weights_path=pinned.weights)
    remembered = registry.newest(session, name)
    if remembered is None or remembered.weights_path is None:
        return Network(pinned=_pin(name, None, choice), weights_path=None)
    pinned = _pin_remembered(remembered, choice)
    return Network(pinned=pinned, weights_path=pinned.weights)


def _pin_remembered(row: BackboneRow, choice: Choice) -> PinnedBackbone:
    """Pin the weights of an earlier --weights: at their path, or wherever the same bytes lie."""
    places = [row.weights_path, backbones.get(row.name).weights_at_hand()]
    present = [path for path in places if path and os.access(path, os.R_OK)]
    for path in present:
        pinned = _pin(row.name, path, choice)
        if pinned.weights_sha256 == row.weights_sha256:
            return pinned
    if row.weights_path in present:
        raise WeightsMismatch(
            f"The weights file {row.weights_path} has changed since '{row.name}' was ingested with "
            "it. Name the file to use with --weights FILE; other weights need an ingest of their "
            "own."
        )
    raise WeightsMissing(
        f"'{row.name}' was ingested with the weights file {row.weights_path}, which is not there "
        "any more. Put it back, or name it with --weights FILE."
    )


def _pin(name: str, weights: Path | None, choice: Choice) -> PinnedBackbone:
    return backbones.pin(
        name,
        weights=weights,
        device=choice.device,
        engine=choice.engine,
        exports=choice.exports,
    )


def register(session: Session, network: Network, note: Callable[[str], None]) -> BackboneRow:
    """The gallery's row for a network, made where it is new.

    A new one is built first: weights that do not fit must not be remembered. So is one for a GPU,
    whose absence is an error even where there is nothing to embed.
    """
    pinned = network.pinned
    if pinned.device == "gpu" or registry.find(session, pinned.name, pinned.revision) is None:
        network.embedder(note)
    return registry.register(
        session,
        name=pinned.name,
        revision=pinned.revision,
        dim=pinned.dim,
        weights_sha256=pinned.weights_sha256,
        weights_path=network.weights_path,
    )
