"""Fixtures for tests that run the whole tool."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import pytest
from psycopg.conninfo import conninfo_to_dict

from imgsim.backbones import PinnedBackbone, runtime
from imgsim.pipeline.demo import PICTURE, VIDEO
from imgsim.store.server import EmbeddedServer
from tests.databases import clone
from tests.integration.bi_users import bi_user_of, fill
from tests.integration.command import Imgsim, calling, cropped, run

_load_once = functools.cache(PinnedBackbone.load)


@pytest.fixture(autouse=True)
def _networks_are_built_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Equal weights give the network that an earlier test built; building takes half a second."""
    monkeypatch.setattr(PinnedBackbone, "load", lambda pinned, _note=None: _load_once(pinned))


@pytest.fixture
def imgsim(database: str, capfd: pytest.CaptureFixture[str]) -> Imgsim:
    """Runs `imgsim ARGUMENTS` in this process, on a new gallery."""
    return calling(database, capfd)


@pytest.fixture(scope="session")
def filled(
    server: EmbeddedServer, template: str, sample: Path, random_weights: Path
) -> Iterator[str]:
    """The name of a database with the sample by two backbones, to clone from.

    The second, mobilenet_025, has random weights, which find equal pictures all the same.
    """
    with clone(server, template) as conninfo:
        second = ("-b", "mobilenet_025", "--weights", random_weights)
        for backbone in ((), second):
            assert run("ingest", sample, *backbone, "--database-url", conninfo, "--quiet") == 0
        yield str(conninfo_to_dict(conninfo)["dbname"])


@pytest.fixture
def filled_database(server: EmbeddedServer, filled: str) -> Iterator[str]:
    """The conninfo of a gallery with the sample by two backbones."""
    with clone(server, filled) as conninfo:
        yield conninfo


@pytest.fixture
def two_backbones(filled_database: str, capfd: pytest.CaptureFixture[str]) -> Imgsim:
    """Runs `imgsim ARGUMENTS` in this process, on a gallery with the sample by two backbones."""
    return calling(filled_database, capfd)


@pytest.fixture
def small_gallery(database: str) -> str:
    """The conninfo of a gallery with 40 frames by one backbone, `net`."""
    fill(database)
    return database


@pytest.fixture
def bi_user(imgsim: Imgsim, small_gallery: str) -> Imgsim:
    """Runs `imgsim db bi-user ARGUMENTS` on that gallery."""
    del small_gallery
    return bi_user_of(imgsim)


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
    runtime.start("auto")
    keras = import_module("keras")
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
