"""Weight files: where they lie, whether they are whole, what they are called by digest."""

from __future__ import annotations

import hashlib
import os
import tempfile
import textwrap
import warnings
from importlib import import_module
from pathlib import Path

import numpy as np

from imgsim.backbones.base import Backbone, KerasModel
from imgsim.errors import WeightsMismatch, WeightsMissing

_HDF5_SIGNATURE = b"\x89HDF\r\n\x1a\n"
_END_OF_FILE_AT = {0: 40, 1: 44, 2: 28, 3: 28}  # superblock version -> offset of the file's length


def given_or_at_hand(backbone: Backbone, given: Path | None) -> Path | None:
    """Choose the weights file: the given one, else the one at hand, which may be none.

    Raises:
        WeightsMissing: the given path is no file that can be read.
    """
    if given is None:
        return backbone.weights_at_hand()
    try:
        given.open("rb").close()
    except OSError as error:
        found = {
            FileNotFoundError: "does not exist",
            IsADirectoryError: "is a folder",
        }.get(type(error), f"cannot be read ({error.strerror})")
        raise WeightsMissing(
            f"--weights {given}: this path {found}. Check it, or leave --weights out to use the "
            f"{backbone.weights_from}."
        ) from error
    return given.absolute()


def sha256(path: Path) -> str:
    """SHA-256 of a file, hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def keras_cache() -> Path:
    """The folder into which Keras downloads weights, found without importing Keras."""
    if "KERAS_HOME" in os.environ:
        base = Path(os.environ["KERAS_HOME"]).expanduser()
    else:
        home = Path("~").expanduser()
        base = (home if os.access(home, os.W_OK) else Path("/tmp")) / ".keras"
    if base.exists() and not os.access(base, os.W_OK):
        temporary = Path("/tmp") if Path("/tmp").is_dir() else Path(tempfile.gettempdir())
        base = temporary / ".keras"
    return base / "models"


def hdf5_defect(path: Path) -> str | None:
    """Tell why a file is not a whole HDF5 file, as a phrase to follow its name; None: it is whole.

    HDF5 notes its own length in its first bytes, so that a broken-off download is recognised
    without reading it.
    """
    with path.open("rb") as file:
        head = file.read(64)
    if head[:8] != _HDF5_SIGNATURE:
        return f"is not an HDF5 file (it begins with {head[:12]!r})"
    if len(head) < 64:
        return f"is incomplete: {len(head)} bytes"
    at = _END_OF_FILE_AT.get(head[8])
    offset_bytes = head[13] if head[8] in (0, 1) else head[9]
    if at is None or offset_bytes != 8:
        return None  # a rare layout: left to h5py to judge
    stated, size = int.from_bytes(head[at : at + 8], "little"), path.stat().st_size
    return f"is incomplete: {size:,} of {stated:,} bytes" if size < stated else None


def fill_by_keras(network: KerasModel, path: Path, *, name: str, hint: str) -> None:
    """Load a weights file that Keras saved into a network of the same layers.

    Args:
        network: the keras.Model whose layers were saved.
        path: `.h5`, `.weights.h5` or `.keras`.
        name: the backbone's, for the error message.
        hint: a sentence for the error message: which file fits.

    Raises:
        WeightsMismatch: the file is damaged or was saved from other layers.
    """
    defect = None if path.suffix == ".keras" else hdf5_defect(path)
    if defect:
        raise WeightsMismatch(f"The weights file {path} {defect}. {hint}")
    misfit = f"The weights in {path} do not fit {name}:"
    numbers = [weight for weight in network.weights if weight.dtype == "float32"]
    for weight in numbers:
        weight.assign(np.full(weight.shape, np.nan, np.float32))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Keras warns of groups that no file of its own has
            network.load_weights(str(path))
    except Exception as failure:  # of Keras and h5py: ValueError, OSError, KeyError, TypeError ...
        reason = textwrap.shorten(str(failure), 300, placeholder=" ...")
        raise WeightsMismatch(f"{misfit} {reason} {hint}") from failure
    # Keras only warns of layers that are not in the file, and leaves them as they were.
    ops = import_module("keras").ops
    left = [weight.path for weight in numbers if bool(ops.any(ops.isnan(weight)))]
    if left:
        more = f"and {len(left) - 1} more weights"
        raise WeightsMismatch(f"{misfit} it has nothing for {left[0]} {more}. {hint}")
