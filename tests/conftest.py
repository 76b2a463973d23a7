"""Fixtures for every kind of test. Databases are real: a server that cannot start fails."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from imgsim.config import CACHE_DIR
from imgsim.store import migrations
from imgsim.store.engine import Session
from imgsim.store.server import EmbeddedServer
from tests.databases import clone

SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options of these tests."""
    parser.addoption(
        "--update-golden", action="store_true", help="rewrite tests/golden instead of comparing"
    )
    parser.addoption(
        "--every-network",
        action="store_true",
        help="compare what all networks embed with Keras, not only the smallest of each kind",
    )


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """Two processes for folders of tests, as each takes gigabytes; single files need no second."""
    named = [Path(argument.partition("::")[0]) for argument in config.args]
    return 0 if any(path.is_file() for path in named) else 2


@pytest.fixture(autouse=True, scope="session")
def _own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A cache for this run: networks are exported anew, and nobody's own cache is touched."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(CACHE_DIR, str(tmp_path_factory.getbasetemp() / "cache"))
        yield


@pytest.fixture
def update_golden(request: pytest.FixtureRequest) -> bool:
    """Whether golden files are to be rewritten."""
    return bool(request.config.getoption("--update-golden"))


@pytest.fixture(scope="session")
def every_network(request: pytest.FixtureRequest) -> bool:
    """Whether all networks are to be run where one of a kind shows the same."""
    return bool(request.config.getoption("--every-network"))


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real media that lies beside a checkout; the test is skipped without it."""
    if not SHARED.is_dir():
        pytest.skip("the folder of test media is not beside this checkout")
    return SHARED


def make_server_root() -> Path:
    """A new folder that the server's unprivileged user can reach, with a space in its name.

    pytest's own tmp_path has parents of mode 0700, which a server started by root cannot enter.
    """
    root = Path(tempfile.mkdtemp(prefix="imgsim test "))
    root.chmod(0o755)
    return root


@pytest.fixture
def server_root() -> Iterator[Path]:
    """A folder for one test's own data directory; removed afterwards."""
    root = make_server_root()
    yield root
    shutil.rmtree(root, ignore_errors=True)


@pytest.fixture(scope="module")
def module_server_root() -> Iterator[Path]:
    """A folder for a data directory that the tests of one file share; removed afterwards."""
    root = make_server_root()
    yield root
    shutil.rmtree(root, ignore_errors=True)


@pytest.fixture(scope="session")
def server() -> Iterator[EmbeddedServer]:
    """One embedded PostgreSQL for the whole run; in each process, where pytest runs in several."""
    root = make_server_root()
    server = EmbeddedServer(root / "data")
    with psycopg.connect(server.ensure(), autocommit=True) as connection:
        # Nothing here outlives the run: a clone need not wait for the disk.
        connection.execute("ALTER SYSTEM SET fsync = off")
        connection.execute("SELECT pg_reload_conf()")
    yield server
    server.stop()
    shutil.rmtree(root, ignore_errors=True)


@pytest.fixture(scope="session")
def template(server: EmbeddedServer) -> str:
    """The name of a database with all migrations applied, to clone from."""
    name = "template_imgsim"
    with psycopg.connect(server.url(), autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    migrations.upgrade(make_conninfo(server.url(), dbname=name))
    return name


@pytest.fixture
def empty_database(server: EmbeddedServer) -> Iterator[str]:
    """The conninfo of a new database without any tables, not even pgvector."""
    with clone(server, "template1") as conninfo:
        yield conninfo


@pytest.fixture
def database(server: EmbeddedServer, template: str) -> Iterator[str]:
    """The conninfo of a new, migrated, empty gallery."""
    with clone(server, template) as conninfo:
        yield conninfo


@pytest.fixture(scope="module")
def module_database(server: EmbeddedServer, template: str) -> Iterator[str]:
    """The conninfo of a migrated gallery that the tests of one file share."""
    with clone(server, template) as conninfo:
        yield conninfo


@pytest.fixture
def session(database: str) -> Iterator[Session]:
    """An open session on a new gallery."""
    session = Session(database)
    yield session
    session.close()
