"""Fixtures for tests that run the whole tool."""

from __future__ import annotations

from pathlib import Path

import keras
import pytest

from imgsim.pipeline.demo import PICTURE, VIDEO
from tests.integration.command import Imgsim, Ran, cropped, run


@pytest.fixture
def imgsim(database: str, capfd: pytest.CaptureFixture[str]) -> Imgsim:
    """Runs `imgsim ARGUMENTS` in this process, on a new gallery."""

    def call(*arguments: object) -> Ran:
        capfd.readouterr()
        code = run(*arguments, "--database-url", database)
        said = capfd.readouterr()
        return Ran(code=code, out=said.out, err=said.err)

    return call


@pytest.fixture(scope="session")
def sample() -> Path:
    """The video that comes with the package: 132 frames, 25 a second."""
    return VIDEO


@pytest.fixture(scope="session")
def picture() -> Path:
    """Frame 22 of the sample, smaller and as JPEG."""
    return PICTURE


@pytest.fixture(scope="session")
def random_weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A weights file that fits mobilenet_025, for a second backbone without a download."""
    keras.utils.set_random_seed(1)
    network = keras.applications.MobileNet(
        alpha=0.25, include_top=False, weights=None, input_shape=(224, 224, 3)
    )
    path = tmp_path_factory.mktemp("weights") / "mobilenet.weights.h5"
    network.save_weights(path)
    return path


@pytest.fixture
def photos(picture: Path, tmp_path: Path) -> list[Path]:
    """Three pictures, in `a/b` and in `a/bc`, whose name begins like the other's."""
    names = ("a/b/one.jpg", "a/b/deep/two.jpg", "a/bc/three.jpg")
    return [cropped(picture, tmp_path / name, 10 * at) for at, name in enumerate(names, start=1)]
