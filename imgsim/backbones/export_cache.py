"""Networks exported from Keras for OpenVINO: made once, compared with Keras, kept on this machine.

An export is a folder named after all that may change what it computes. It is moved into place when
it is complete, so that processes that make the same one at once do no harm. The cache can be
deleted at any time.
"""

from __future__ import annotations

import hashlib
import json
import platform
import shutil
import tempfile
import textwrap
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path

from imgsim.backbones import frozen_graph, openvino_runtime, runtime, verification
from imgsim.backbones.base import KerasModel

_FORMAT = "1"  # of this cache and of the way networks are exported
_NETWORK = "network.xml"
_WEIGHTS = "network.bin"
_VERDICT = "verdict.json"
_MADE_BY = ("tensorflow", "keras", "openvino")


@dataclass(frozen=True, kw_only=True, slots=True)
class Verdict:
    """How an export compares with Keras."""

    least_cosine: float  # on the picture where they differ most; -1 where there is no embedding
    weights_bytes: int  # of its weights, to notice what a full disk left
    failure: str | None = None  # why it could not be made at all

    @property
    def holds(self) -> bool:
        """Whether the export may stand for the network."""
        return self.failure is None and self.least_cosine >= verification.LEAST_COSINE

    @property
    def reason(self) -> str:
        """Why it may not, a clause."""
        if self.failure is not None:
            return self.failure
        return (
            f"its embeddings differ from Keras's, by a cosine of {self.least_cosine:.5f} on the "
            f"worst of {2 * len(verification.photos())} pictures; {verification.LEAST_COSINE} is "
            "asked for"
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class ExportCache:
    """The exports in one folder."""

    folder: Path

    def place(self, name: str, revision: str) -> Path:
        """Where the export of a backbone revision is, or would be, with the libraries at hand."""
        text = "\n".join([_FORMAT, revision, platform.machine(), *map(_version, _MADE_BY)])
        return self.folder / f"{name}-{hashlib.sha256(text.encode()).hexdigest()[:16]}"

    def verdict(self, place: Path) -> Verdict | None:
        """What was found when it was made; None: it is not there, or damaged."""
        try:
            verdict = Verdict(**json.loads((place / _VERDICT).read_text()))
            if verdict.failure is None:
                whole = (place / _WEIGHTS).stat().st_size == verdict.weights_bytes
                return verdict if whole and network_file(place).is_file() else None
        except (OSError, ValueError, TypeError):
            return None
        return verdict

    def make(self, place: Path, model: KerasModel) -> Verdict:
        """Export a network, compare what came of it with Keras, and keep both in `place`.

        Raises:
            OSError: the cache cannot be written to.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        made = Path(tempfile.mkdtemp(prefix=".making-", dir=self.folder))
        try:
            verdict = _export(model, made)
            (made / _VERDICT).write_text(json.dumps(asdict(verdict)))
            self._put(made, place)
        finally:
            shutil.rmtree(made, ignore_errors=True)
        return verdict

    def _put(self, made: Path, place: Path) -> None:
        """Move an export into its place; another process may have been first."""
        if self.verdict(place) is None:
            discard(place)
        try:
            made.rename(place)
        except OSError:
            if self.verdict(place) is None:
                raise


def discard(place: Path) -> None:
    """Delete an export that turned out to be damaged."""
    shutil.rmtree(place, ignore_errors=True)


def network_file(place: Path) -> Path:
    """The file to load of an export."""
    return place / _NETWORK


def _export(model: KerasModel, folder: Path) -> Verdict:
    graph, network = folder / "frozen.pb", network_file(folder)
    side, dim = model.input_shape[1], model.output_shape[1]
    try:
        frozen_graph.write_frozen_graph(model, graph)
        openvino_runtime.save_network(graph, network)
        graph.unlink()
        run = openvino_runtime.compile_network(network, dim=dim, side=side)
        cosine = verification.least_cosine(runtime.forward(model, "cpu"), run, side)
    except (OSError, MemoryError):  # they say nothing of the network
        raise
    except Exception as failure:  # whatever TensorFlow and OpenVINO think of a graph
        words = textwrap.shorten(str(failure), 300, placeholder=" ...")
        return Verdict(least_cosine=-1.0, weights_bytes=0, failure=words)
    return Verdict(least_cosine=cosine, weights_bytes=(folder / _WEIGHTS).stat().st_size)


def _version(library: str) -> str:
    try:
        return f"{library} {metadata.version(library)}"
    except metadata.PackageNotFoundError:  # TensorFlow goes by several names
        return f"{library} ?"
