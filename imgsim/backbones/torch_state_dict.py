"""Read a PyTorch state dict (the format of before PyTorch 1.6) with numpy, without PyTorch.

Such a file is five pickles (magic number, protocol, system, tensors, storage keys) and the bytes of
each storage. Unpickling can run any code, so only the few names that a state dict needs are known
here and nothing of PyTorch is called.
"""

from __future__ import annotations

import collections
import math
import pickle
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np
import numpy.typing as npt

from imgsim.errors import WeightsMismatch

_MAGIC = 0x1950A86A20F9469CFC6C
_PROTOCOL = 1001
_DTYPES: dict[str, np.dtype[Any]] = {
    "FloatStorage": np.dtype("<f4"),
    "HalfStorage": np.dtype("<f2"),
    "DoubleStorage": np.dtype("<f8"),
    "LongStorage": np.dtype("<i8"),
    "IntStorage": np.dtype("<i4"),
}

Arrays = dict[str, npt.NDArray[Any]]


def read_state_dict(path: Path) -> Arrays:
    """Read every tensor of a file.

    Returns:
        The tensors by name, in the file's order; PyTorch's layout (a convolution's kernel is
        (out, in, height, width)).

    Raises:
        WeightsMismatch: not such a file, damaged, or it asks for anything but tensors.
    """
    try:
        with path.open("rb") as file:
            return _read(file, size=path.stat().st_size)
    except Exception as failure:  # unpickling damaged bytes raises errors of any kind
        reason = str(failure) or type(failure).__name__
        raise WeightsMismatch(
            f"The weights file {path} is not a PyTorch state dict that can be read: {reason}"
        ) from failure


_Ints = tuple[int, ...]


class _Storage(NamedTuple):
    key: str
    dtype: np.dtype[Any]
    length: int  # elements


class _Tensor(NamedTuple):
    storage: _Storage
    offset: int  # elements
    shape: _Ints
    strides: _Ints  # elements


def _tensor(storage: _Storage, offset: int, shape: _Ints, strides: _Ints, *_: object) -> _Tensor:
    return _Tensor(storage, offset, tuple(shape), tuple(strides))


class _TensorUnpickler(pickle.Unpickler):
    """Knows tensors, their storages and OrderedDict; refuses every other name."""

    def __init__(self, file: BinaryIO) -> None:
        super().__init__(file)
        self.storages: dict[str, _Storage] = {}

    def find_class(self, module: str, name: str) -> object:
        if (module, name) == ("collections", "OrderedDict"):
            return collections.OrderedDict
        if module == "torch._utils" and name == "_rebuild_tensor_v2":
            return _tensor
        if module == "torch" and name in _DTYPES:
            return name
        raise pickle.UnpicklingError(f"it asks for {module}.{name}, which is refused")

    def persistent_load(self, pid: Any) -> _Storage:  # noqa: ANN401 - pickled value, judged here
        kind, storage_type, key, _device, length = pid[:5]
        if kind != "storage" or any(part is not None for part in pid[5:]):
            raise pickle.UnpicklingError("it holds something that is not a plain tensor")
        storage = _Storage(str(key), _DTYPES[storage_type], int(length))
        return self.storages.setdefault(storage.key, storage)


def _read(file: BinaryIO, size: int) -> Arrays:
    if file.read(4) == b"PK\x03\x04":
        raise ValueError(
            "it was saved in the zip format of PyTorch 1.6 and later; save it again with "
            "torch.save(..., _use_new_zipfile_serialization=False)"
        )
    file.seek(0)
    if (_TensorUnpickler(file).load(), _TensorUnpickler(file).load()) != (_MAGIC, _PROTOCOL):
        raise ValueError("its magic number or protocol is another")
    if not _TensorUnpickler(file).load()["little_endian"]:
        raise ValueError("it was saved on a big-endian machine")
    unpickler = _TensorUnpickler(file)
    tensors = unpickler.load()
    if not isinstance(tensors, dict):
        raise ValueError("it holds no state dict")
    raw = {
        key: _read_storage(file, unpickler.storages[key], size)
        for key in _TensorUnpickler(file).load()
    }
    return {str(name): _array(str(name), tensor, raw) for name, tensor in tensors.items()}


def _read_storage(file: BinaryIO, storage: _Storage, size: int) -> npt.NDArray[Any]:
    length = int.from_bytes(file.read(8), "little", signed=True)
    stored_bytes = length * storage.dtype.itemsize
    if length != storage.length or not 0 <= stored_bytes <= size - file.tell():
        raise ValueError(f"it is incomplete or damaged at storage {storage.key}")
    return np.frombuffer(file.read(stored_bytes), storage.dtype)


def _array(name: str, tensor: object, raw: Arrays) -> npt.NDArray[Any]:
    if not isinstance(tensor, _Tensor):
        raise ValueError(f"its entry '{name}' is not a tensor")
    flat = raw[tensor.storage.key]
    last = tensor.offset + sum((n - 1) * step for n, step in zip(*tensor[2:], strict=True))
    if (
        min((tensor.offset, *tensor.shape, *tensor.strides)) < 0
        or max(last + 1, math.prod(tensor.shape)) > flat.size
    ):
        raise ValueError(f"its tensor '{name}' reaches beyond its storage")
    steps = [step * flat.itemsize for step in tensor.strides]
    return np.lib.stride_tricks.as_strided(flat[tensor.offset :], tensor.shape, steps).copy()
