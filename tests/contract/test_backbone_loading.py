"""Loading a backbone: which weights files are taken, which refused and how; devices; silence."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from imgsim import backbones
from imgsim.backbones import Embedder, runtime
from imgsim.domain import Vectors
from imgsim.errors import DeviceMissing, WeightsMismatch
from imgsim.vectors import l2_normalize

# Keras' own way to save weights; none of imgsim's doing.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")


def mobilenet(*, alpha: float = 0.25, include_top: bool = False) -> Any:  # noqa: ANN401 - a keras.Model
    """MobileNet with random weights, the same at each call."""
    runtime.start("auto")
    keras = import_module("keras")
    keras.utils.set_random_seed(1)
    return keras.applications.MobileNet(
        alpha=alpha, include_top=include_top, weights=None, input_shape=(224, 224, 3)
    )


def saved(network: Any, path: Path) -> Path:  # noqa: ANN401 - a keras.Model
    """Save a network's weights in Keras' present format."""
    network.save_weights(path)
    return path


def embedded(embedder: Embedder) -> Vectors:
    """The vector of one picture of noise."""
    rng = np.random.default_rng(7)
    return embedder.embed(rng.integers(0, 256, (1, 224, 224, 3), dtype=np.uint8))


def refusal(name: str, weights: Path) -> str:
    """The message with which a weights file is refused."""
    with pytest.raises(WeightsMismatch) as caught:
        backbones.load(name, weights=weights)
    assert str(weights) in str(caught.value)
    return str(caught.value)


def run(code: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run code in a fresh interpreter, with an environment of its own."""
    return subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | environment,
    )


def test_weights_that_keras_saved_fit_the_default(tmp_path: Path) -> None:
    backbone = backbones.get("efficientnet_lite0")
    model = backbone.build(backbone.weights_at_hand())
    path = tmp_path / "own.weights.h5"
    model.get_layer("efficientnet_lite0_body").save_weights(path)
    packaged, own = backbones.load(backbone.name), backbones.load(backbone.name, weights=path)
    assert np.allclose(embedded(packaged), embedded(own), atol=1e-6)
    assert own.revision != packaged.revision
    assert own.weights == path


def test_a_file_with_classifier_in_the_present_format_is_taken(tmp_path: Path) -> None:
    network = mobilenet(include_top=True)
    embedder = backbones.load("mobilenet_025", weights=saved(network, tmp_path / "a.weights.h5"))
    keras = import_module("keras")
    last_map = network.get_layer("conv_pw_13_relu").output
    noise = np.random.default_rng(7).integers(0, 256, (1, 224, 224, 3), dtype=np.uint8)
    scaled = keras.applications.mobilenet.preprocess_input(noise.astype(np.float32))
    features = keras.Model(network.input, last_map).predict_on_batch(scaled)
    assert np.allclose(embedder.embed(noise), l2_normalize(features.mean(axis=(1, 2))), atol=1e-6)


def test_a_model_in_the_old_format_is_refused_with_the_way_out(tmp_path: Path) -> None:
    path = tmp_path / "full.h5"  # layers are matched by their order in this format
    mobilenet(include_top=True).save(path)
    message = refusal("mobilenet_025", path)
    assert "include_top=False" in message
    assert "mobilenet_2_5_224_tf_no_top.h5" in message


def test_damaged_files_are_refused(tmp_path: Path) -> None:
    whole = saved(mobilenet(), tmp_path / "whole.weights.h5")
    cut = tmp_path / "cut.weights.h5"
    cut.write_bytes(whole.read_bytes()[:-100_000])
    assert "is incomplete" in refusal("mobilenet_025", cut)
    page = tmp_path / "page.h5"
    page.write_text("<!DOCTYPE html><html>Sign in</html>")
    assert "is not an HDF5 file" in refusal("mobilenet_025", page)
    assert "is not an HDF5 file" in refusal("efficientnet_lite0", page)


def test_a_file_without_one_of_the_layers_is_refused(tmp_path: Path) -> None:
    path = saved(mobilenet(), tmp_path / "part.weights.h5")
    with import_module("h5py").File(path, "r+") as file:
        del file["layers/conv2d_5"]
    assert "do not fit mobilenet_025" in refusal("mobilenet_025", path)


def test_weights_of_another_network_are_refused(tmp_path: Path) -> None:
    wide = saved(mobilenet(alpha=0.5), tmp_path / "wide.weights.h5")
    assert "do not fit mobilenet_025" in refusal("mobilenet_025", wide)
    assert "do not fit efficientnet_lite0" in refusal("efficientnet_lite0", wide)
    state_dict = backbones.get("efficientnet_lite0").weights_at_hand()
    assert state_dict is not None
    assert "is not an HDF5 file" in refusal("mobilenet_025", state_dict)


def test_a_gpu_that_is_not_there_is_an_error() -> None:
    if backbones.load("efficientnet_lite0").device == "gpu":
        pytest.skip("there is a GPU")
    with pytest.raises(DeviceMissing, match=r"--device gpu was asked for; \w+ sees no GPU"):
        backbones.load("efficientnet_lite0", device="gpu")
    assert backbones.load("efficientnet_lite0", device="cpu").device == "cpu"


def test_loading_and_embedding_print_nothing() -> None:
    done = run(
        "import numpy as np; from imgsim import backbones\n"
        "for _ in range(6):\n"  # TensorFlow speaks up at the fifth
        "    embedder = backbones.load('efficientnet_lite0', device='cpu')\n"
        "    embedder.embed(np.full((1, 224, 224, 3), 90, np.uint8))"
    )
    assert (done.stdout, done.stderr, done.returncode) == ("", "", 0)


def test_a_failed_download_names_the_ways_out(tmp_path: Path) -> None:
    models = tmp_path / "models"
    models.mkdir()
    part = models / "mobilenet_2_5_224_tf_no_top.h5"
    part.write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(5) + b"\x08" + bytes(26) + b"\xff" * 30)
    done = run(
        "import sys; from imgsim import backbones, errors\n"
        "try: backbones.load('mobilenet_025')\n"
        "except errors.WeightsMissing as error: sys.exit(f'refused: {error}')\n",
        KERAS_HOME=str(tmp_path),
        https_proxy="http://127.0.0.1:9",  # nothing listens there
    )
    assert done.stdout == ""
    message = done.stderr.splitlines()[-1]
    assert message.startswith("refused: The weights of mobilenet_025 are not at hand")
    assert f"{part.name} elsewhere, then put it into {models}" in message
    assert "--weights FILE" in message
    assert not part.exists()
