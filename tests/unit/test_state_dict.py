"""The PyTorch reader: gives the tensors of a state dict, refuses everything else."""

from __future__ import annotations

import io
import os
import pickle
import sys
from collections import OrderedDict
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pytest

from imgsim import backbones
from imgsim.backbones.torch_state_dict import read_state_dict
from imgsim.errors import WeightsMismatch

MAGIC = 0x1950A86A20F9469CFC6C
SYSTEM = {"protocol_version": 1001, "little_endian": True, "type_sizes": {}}
STORAGE_TYPES = {"<f4": "FloatStorage", "<f2": "HalfStorage", "<i8": "LongStorage"}


class Storage(NamedTuple):
    """Numbers in a file, as PyTorch stores them once for all tensors that show them."""

    key: str
    numbers: npt.NDArray[Any]
    view: object = None


class Tensor(NamedTuple):
    """What PyTorch pickles of a tensor."""

    storage: Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


def whole(key: str, array: npt.NDArray[Any]) -> Tensor:
    """A tensor that is all of its storage, in order."""
    strides = tuple(step // array.itemsize for step in array.strides)
    return Tensor(Storage(key, array.ravel()), 0, array.shape, strides)


@pytest.fixture
def torch(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Names to pickle by, as if PyTorch were there; the reader must not need them."""

    def _rebuild_tensor_v2() -> None:
        """Only its name is pickled."""

    named: dict[str, Any] = {"_rebuild_tensor_v2": _rebuild_tensor_v2}
    modules = {"torch": ModuleType("torch"), "torch._utils": ModuleType("torch._utils")}
    for name in STORAGE_TYPES.values():
        named[name] = type(name, (), {"__module__": "torch"})
        setattr(modules["torch"], name, named[name])
    _rebuild_tensor_v2.__module__ = "torch._utils"
    _rebuild_tensor_v2.__qualname__ = "_rebuild_tensor_v2"
    modules["torch._utils"]._rebuild_tensor_v2 = _rebuild_tensor_v2  # type: ignore[attr-defined]
    for name, module in modules.items():
        monkeypatch.setitem(sys.modules, name, module)
    return named


def saved(torch: dict[str, Any], state: object) -> bytes:
    """The bytes that PyTorch before 1.6 would save, of tensors and of anything else."""
    storages: dict[str, Storage] = {}

    class Pickler(pickle.Pickler):
        def persistent_id(self, obj: object) -> object:
            if not isinstance(obj, Storage):
                return None
            storages[obj.key] = obj
            kind = torch[STORAGE_TYPES[obj.numbers.dtype.str]]
            return ("storage", kind, obj.key, "cpu", obj.numbers.size, obj.view)

        def reducer_override(self, obj: object) -> Any:  # noqa: ANN401 - pickle's own protocol
            if isinstance(obj, Tensor):
                return torch["_rebuild_tensor_v2"], (*obj, False, OrderedDict())
            return NotImplemented

    file = io.BytesIO()
    for part in (MAGIC, 1001, SYSTEM, state):
        Pickler(file, protocol=2).dump(part)
    Pickler(file, protocol=2).dump(list(storages))
    for storage in storages.values():
        file.write(storage.numbers.size.to_bytes(8, "little") + storage.numbers.tobytes())
    return file.getvalue()


def test_tensors_come_back_as_they_were(tmp_path: Path, torch: dict[str, Any]) -> None:
    numbers = np.arange(24, dtype="<f4")
    state = OrderedDict(
        kernel=whole("0", numbers.reshape(2, 3, 2, 2)),
        transposed=Tensor(Storage("1", numbers), 0, (6, 4), (1, 6)),
        part=Tensor(Storage("1", numbers), 4, (2, 2), (2, 1)),
        half=whole("2", np.array([0.5, -2.0], "<f2")),
        count=Tensor(Storage("3", np.array([7], "<i8")), 0, (), ()),
        nothing=Tensor(Storage("1", numbers), 0, (0, 3), (3, 1)),
    )
    path = tmp_path / "weights.pth"
    path.write_bytes(saved(torch, state))
    read = read_state_dict(path)
    assert list(read) == list(state)
    assert np.array_equal(read["kernel"], numbers.reshape(2, 3, 2, 2))
    assert np.array_equal(read["transposed"], numbers.reshape(4, 6).T)
    assert read["part"].tolist() == [[4.0, 5.0], [6.0, 7.0]]
    assert read["half"].tolist() == [0.5, -2.0]
    assert read["count"].shape == ()
    assert read["count"] == 7
    assert read["nothing"].shape == (0, 3)


class Attack:
    """An object whose unpickling would make a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return os.mkdir, (str(self.folder),)


def test_code_in_a_file_is_refused_and_does_not_run(tmp_path: Path, torch: dict[str, Any]) -> None:
    path = tmp_path / "weights.pth"
    path.write_bytes(saved(torch, {"weight": Attack(tmp_path / "made")}))
    with pytest.raises(WeightsMismatch, match=r"mkdir, which is refused"):
        read_state_dict(path)
    assert not (tmp_path / "made").exists()


BEYOND = np.zeros(4, "<f4")


@pytest.mark.parametrize(
    ("state", "reason"),
    [
        ({"a": Tensor(Storage("0", BEYOND), 1, (4,), (1,))}, "beyond its storage"),
        ({"a": Tensor(Storage("0", BEYOND), -1, (2,), (1,))}, "beyond its storage"),
        ({"a": Tensor(Storage("0", BEYOND), 3, (2,), (-1,))}, "beyond its storage"),
        ({"a": Tensor(Storage("0", BEYOND), 0, (10**12,), (0,))}, "beyond its storage"),
        ({"a": Tensor(Storage("0", BEYOND, view=("v", 0, 4)), 0, (4,), (1,))}, "plain tensor"),
        ({"epoch": 3}, "'epoch' is not a tensor"),
        ([1, 2], "no state dict"),
    ],
)
def test_what_is_no_plain_state_dict_is_refused(
    tmp_path: Path, torch: dict[str, Any], state: object, reason: str
) -> None:
    path = tmp_path / "weights.pth"
    path.write_bytes(saved(torch, state))
    with pytest.raises(WeightsMismatch, match=reason) as caught:
        read_state_dict(path)
    assert str(path) in str(caught.value)


def test_a_file_cut_anywhere_is_refused(tmp_path: Path, torch: dict[str, Any]) -> None:
    data = saved(torch, {"a": whole("0", np.ones((3, 2), "<f4"))})
    path = tmp_path / "weights.pth"
    for length in range(len(data)):
        path.write_bytes(data[:length])
        with pytest.raises(WeightsMismatch):
            read_state_dict(path)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "not a PyTorch state dict"),
        (b"<!DOCTYPE html><html>not found</html>", "not a PyTorch state dict"),
        (b"PK\x03\x04 and so on", "_use_new_zipfile_serialization=False"),
        (pickle.dumps(12345) + pickle.dumps(1001), "magic number"),
    ],
)
def test_other_files_are_refused(tmp_path: Path, data: bytes, reason: str) -> None:
    path = tmp_path / "weights.pth"
    path.write_bytes(data)
    with pytest.raises(WeightsMismatch, match=reason):
        read_state_dict(path)


def test_the_packaged_weights_are_read_whole() -> None:
    path = backbones.get("efficientnet_lite0").weights_at_hand()
    assert path is not None
    state = read_state_dict(path)
    kernels = {name: array for name, array in state.items() if array.ndim == 4}
    assert len(kernels) == 49
    assert kernels["_conv_stem.weight"].shape == (32, 3, 3, 3)
    assert state["_fc.weight"].shape == (1000, 1280)
    assert all(np.isfinite(array).all() for array in state.values())
    trained = sum(array.size for name, array in state.items() if name.endswith(("weight", "bias")))
    assert trained == 4_652_008  # EfficientNet-Lite0 has 4.65 million parameters
