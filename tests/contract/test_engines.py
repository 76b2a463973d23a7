"""A network gives the same embeddings whatever engine runs it, or is not run by that engine."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest

from imgsim import backbones
from imgsim.backbones import Engine, PinnedBackbone, runtime
from imgsim.backbones.base import KerasModel, KerasTensor
from imgsim.backbones.export_cache import ExportCache
from imgsim.backbones.mixed_precision import faster_if_equal
from imgsim.backbones.verification import LEAST_COSINE, probe_pictures
from imgsim.errors import EngineUnusable, InvalidArgument

NAME = "efficientnet_lite0"
ALWAYS = (NAME, "mobilenet_025", "efficientnet_v2_b0")
"""Of the others, each network is exported with --every-network only: it takes half an hour."""


@pytest.fixture(scope="module", params=sorted(set(backbones.names()) - {"nasnet_large"}))
def network(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, every_network: bool
) -> PinnedBackbone:
    """A network with weights: real ones where they come with a package, random ones elsewhere."""
    if request.param not in ALWAYS and not every_network:
        pytest.skip("with --every-network only")
    folder = tmp_path_factory.mktemp("engines")
    backbone = backbones.get(request.param)
    weights = backbone.weights_at_hand()
    if weights is None:
        weights = folder / "random.weights.h5"
        runtime.start("cpu")
        keras = import_module("keras")
        keras.utils.set_random_seed(7)
        (body,) = [layer for layer in backbone.build(None).layers if isinstance(layer, keras.Model)]
        body.save_weights(weights)
    return backbones.pin(request.param, weights=weights, device="cpu", exports=folder / "cache")


def test_vectors_of_both_engines_are_interchangeable(network: PinnedBackbone) -> None:
    keras = replace(network, engine=Engine.TENSORFLOW).load()
    openvino = replace(network, engine=Engine.OPENVINO).load()
    assert (keras.engine, openvino.engine) == ("TensorFlow", "OpenVINO")
    assert keras.revision == openvino.revision
    side = network.input_size
    pictures = probe_pictures(side)[:6]
    # Other pictures than the export was compared on.
    noise = np.random.default_rng(3).integers(0, 256, pictures[:2].shape, np.uint8)
    pictures = np.concatenate([pictures[:, ::-1, ::-1], noise])
    pictures.setflags(write=False)
    expected, found = keras.embed(pictures), openvino.embed(pictures)
    assert found.dtype == np.float32
    assert (expected * found).sum(axis=1).min() >= LEAST_COSINE
    alone = np.concatenate([openvino.embed(each[None]) for each in pictures])
    assert np.array_equal(alone, found), "a row depends on its own picture only"


@pytest.fixture
def pinned(tmp_path: Path) -> PinnedBackbone:
    """The default network, with an empty cache."""
    return backbones.pin(NAME, device="cpu", exports=tmp_path / "cache")


def _notes(pinned: PinnedBackbone) -> tuple[str, list[str]]:
    notes: list[str] = []
    return pinned.load(notes.append).engine, notes


def test_a_network_is_exported_once_and_needs_no_tensorflow_then(pinned: PinnedBackbone) -> None:
    engine, notes = _notes(pinned)
    assert (engine, len(notes)) == ("OpenVINO", 1)
    assert _notes(pinned) == ("OpenVINO", [])
    program = (
        "import sys; from pathlib import Path; from imgsim import backbones\n"
        f"found = backbones.load({NAME!r}, exports=Path(sys.argv[1]))\n"
        "print(found.engine, [m for m in ('tensorflow', 'keras') if m in sys.modules])"
    )
    cache = pinned.exports.folder if pinned.exports else Path()
    ran = subprocess.run(
        [sys.executable, "-c", program, cache], capture_output=True, text=True, check=True
    )
    assert ran.stdout == "OpenVINO []\n"


def _damage(pinned: PinnedBackbone, name: str, change: Callable[[bytes], bytes]) -> None:
    exports = pinned.exports or ExportCache(folder=Path())
    file = exports.place(pinned.name, pinned.revision) / name
    file.write_bytes(change(file.read_bytes()))


@pytest.mark.parametrize(
    ("file", "change"),
    [
        ("network.bin", lambda data: data[: len(data) // 2]),
        ("network.xml", lambda data: data[: len(data) // 2]),
        ("network.xml", lambda _data: b""),
        ("verdict.json", lambda _data: b"{"),
    ],
)
def test_a_damaged_export_is_made_anew(
    pinned: PinnedBackbone, file: str, change: Callable[[bytes], bytes]
) -> None:
    _notes(pinned)
    _damage(pinned, file, change)
    engine, notes = _notes(pinned)
    assert (engine, len(notes)) == ("OpenVINO", 1), notes
    assert _notes(pinned) == ("OpenVINO", [])


def test_without_a_place_for_exports_tensorflow_runs_it(pinned: PinnedBackbone) -> None:
    folder = pinned.exports.folder if pinned.exports else Path()
    folder.write_text("a file where the folder should be")
    engine, notes = _notes(pinned)
    assert engine == "TensorFlow"
    assert "IMGSIM_CACHE_DIR" in notes[-1]
    with pytest.raises(EngineUnusable, match="--engine tensorflow"):
        replace(pinned, engine=Engine.OPENVINO).load()


def _with_layer(
    pinned: PinnedBackbone, layer: Callable[[KerasTensor], KerasTensor]
) -> PinnedBackbone:
    """A network of another revision that ends in one more layer."""

    def build(weights: Path | None) -> KerasModel:
        keras = import_module("keras")
        model = pinned.backbone.build(weights)
        return keras.Model(model.input, layer(model.output))

    return replace(
        pinned, backbone=replace(pinned.backbone, build=build), revision=f"{pinned.revision}|more"
    )


def _another_each_time(vectors: KerasTensor) -> KerasTensor:
    """What is drawn when a graph is made: the export's and Keras's own are two graphs."""
    random = np.random.default_rng()
    return import_module("keras").layers.Lambda(
        lambda numbers: numbers + random.normal(size=numbers.shape[1]).astype(np.float32)
    )(vectors)


def _unknown_to_openvino(vectors: KerasTensor) -> KerasTensor:
    tensorflow = import_module("tensorflow")
    return import_module("keras").layers.Lambda(
        lambda numbers: tensorflow.math.igamma(tensorflow.abs(numbers) + 1.0, 2.0)
    )(vectors)


@pytest.mark.parametrize(
    ("layer", "words"), [(_another_each_time, "cosine of 0."), (_unknown_to_openvino, "Igamma")]
)
def test_a_network_that_does_not_come_out_equal_is_refused(
    pinned: PinnedBackbone, layer: Callable[[KerasTensor], KerasTensor], words: str
) -> None:
    other = _with_layer(pinned, layer)
    engine, notes = _notes(other)
    assert engine == "TensorFlow"
    assert words in notes[-1]
    assert _notes(other) == ("TensorFlow", notes[-1:]), "that is known from now on"
    with pytest.raises(EngineUnusable, match=words):
        replace(other, engine=Engine.OPENVINO).load()


def _engine(environment: dict[str, str], *arguments: str) -> str:
    program = (
        "import sys; from pathlib import Path\n"
        "from imgsim.backbones.engine import Engine, is_openvino\n"
        "engine, device = sys.argv[1:]\n"
        "print(is_openvino(Engine(engine), device, cached=True), 'keras' in sys.modules)"
    )
    ran = subprocess.run(
        [sys.executable, "-c", program, *arguments],
        env={key: value for key, value in os.environ.items() if key != "KERAS_BACKEND"}
        | environment,
        capture_output=True,
        text=True,
        check=False,
    )
    return ran.stdout.strip() or ran.stderr.splitlines()[-1]


def test_auto_heeds_what_keras_was_told(tmp_path: Path) -> None:
    assert _engine({}, "auto", "cpu") == "True False"
    assert _engine({"KERAS_BACKEND": "jax"}, "auto", "cpu") == "False False"
    (tmp_path / "keras.json").write_text(json.dumps({"backend": "torch"}))
    assert _engine({"KERAS_HOME": str(tmp_path)}, "auto", "cpu") == "False False"
    for engine in ("tensorflow", "openvino"):
        assert "Keras is set to jax" in _engine({"KERAS_BACKEND": "jax"}, engine, "auto")


def test_openvino_is_not_for_gpus_and_needs_a_cache(pinned: PinnedBackbone) -> None:
    wanted = replace(pinned, engine=Engine.OPENVINO)
    with pytest.raises(InvalidArgument, match="CPU"):
        replace(wanted, device="gpu").load()
    with pytest.raises(InvalidArgument, match="folder"):
        replace(wanted, exports=None).load()
    assert replace(pinned, exports=None).load().engine == "TensorFlow"


@pytest.mark.parametrize(("name", "is_taken"), [(NAME, True), ("mobilenet_025", False)])
def test_half_precision_is_taken_where_it_changes_nothing(name: str, is_taken: bool) -> None:
    """As on a GPU; with random weights, what mobilenet_025 computes is too small for float16."""
    runtime.start("cpu")
    import_module("keras").utils.set_random_seed(7)
    backbone = backbones.get(name)
    weights = backbone.weights_at_hand() if is_taken else None
    model = backbone.build(weights)

    def again() -> KerasModel:
        other = backbone.build(weights)
        for one, same in zip(other.weights, model.weights, strict=True):
            one.assign(same)
        return other

    plain = runtime.forward(model, "cpu")
    chosen = faster_if_equal(plain, again, "cpu")
    assert (chosen is not plain) == is_taken
    pictures = probe_pictures(backbone.input_size)[:3]
    assert chosen(pictures).dtype == np.float32
    assert np.allclose(chosen(pictures), plain(pictures), atol=0.05)
    assert import_module("keras").config.dtype_policy().name == "float32"
