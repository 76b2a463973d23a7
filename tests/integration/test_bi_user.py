"""`imgsim db bi-user`: names, passwords, and whose roles it touches."""

from __future__ import annotations

import os
import shlex
import subprocess
from collections.abc import Iterator

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from imgsim.store.binaries import find_binaries
from imgsim.store.role_standing import GROUPS
from imgsim.store.server import EmbeddedServer
from tests.integration.bi_users import (
    count,
    entering,
    refused,
    without_roles,
)
from tests.integration.command import Imgsim


@pytest.fixture(autouse=True)
def no_roles_left(server: EmbeddedServer) -> Iterator[None]:
    """Roles belong to the server, which other tests use."""
    with without_roles(server):
        yield


@pytest.mark.parametrize(
    "name", ["Power BI", 'the "x" of O\'Brien', "100%s; --", "ünï 猫", "\\", "x" * 63, "SELECT"]
)
def test_any_name_will_do(bi_user: Imgsim, small_gallery: str, name: str) -> None:
    made = bi_user(name, "--format", "json")
    assert made.json()["user"] == name
    with entering(small_gallery, made) as reader:
        assert reader.execute("SELECT current_user").fetchone() == (name,)
        assert count(reader, "bi", "dim_frame") == 40
    assert bi_user(name, "--drop").code == 0


@pytest.mark.parametrize("name", ["", "x" * 64, "ü" * 32, "pg_reader", "public", "none", "\udcff"])
def test_what_cannot_be_a_name_is_refused(bi_user: Imgsim, name: str) -> None:
    made = bi_user(name)
    assert made.code == 2
    assert "cannot be a role's name" in made.err


def test_what_is_printed_can_be_typed_and_run(bi_user: Imgsim, small_gallery: str) -> None:
    said = bi_user("Power BI")
    lines = dict(line.split(maxsplit=1) for line in said.out.splitlines())
    parts = conninfo_to_dict(small_gallery)
    assert lines["Server"] == f"{parts['host']}:{parts['port']}"
    assert lines["Database"] == parts["dbname"]
    assert lines["User"] == "Power BI"
    program, *arguments = shlex.split(lines["Test"])
    assert program == "psql"
    tried = subprocess.run(
        [find_binaries().program(program), *arguments],
        env={**os.environ, "PGPASSWORD": lines["Password"]},
        capture_output=True,
        text=True,
        check=False,
    )
    assert tried.returncode == 0, tried.stderr
    assert "vector_bytes" in tried.stdout
    assert lines["Password"] not in said.err


def test_the_password_is_known_to_nobody_else(
    bi_user: Imgsim, small_gallery: str, server: EmbeddedServer
) -> None:
    with psycopg.connect(server.url(), autocommit=True) as admin:
        admin.execute("ALTER SYSTEM SET log_statement = 'all'")
        admin.execute("SELECT pg_reload_conf()")
    made = bi_user("secretive", "--format", "json")
    with psycopg.connect(server.url(), autocommit=True) as admin:
        admin.execute("ALTER SYSTEM RESET log_statement")
        admin.execute("SELECT pg_reload_conf()")
    with entering(small_gallery, made):
        log = (server.data_dir / "server.log").read_text(encoding="utf-8")
    assert 'CREATE ROLE "secretive"' in log
    assert made.json()["password"] not in log


def test_what_everybody_loses_is_said_once(bi_user: Imgsim, small_gallery: str) -> None:
    with psycopg.connect(small_gallery, autocommit=True) as owner:
        owner.execute("GRANT EXECUTE ON FUNCTION imgsim.ann_recall TO PUBLIC")
    first = bi_user("reader").err
    assert "Taken from PUBLIC" in first
    assert "TEMPORARY on database" in first
    assert "EXECUTE on the functions" in first
    assert "Taken from PUBLIC" not in bi_user("reader").err


def test_once_more_renews_the_rights_and_keeps_the_password(
    bi_user: Imgsim, small_gallery: str
) -> None:
    made = bi_user("reader", "--format", "json")
    with psycopg.connect(small_gallery, autocommit=True) as owner:
        owner.execute("CREATE VIEW bi.by_hand AS SELECT 1 AS n")
        owner.execute("REVOKE ALL ON ALL TABLES IN SCHEMA bi FROM imgsim_reader")
    again = bi_user("reader", "--format", "json")
    assert again.json()["password"] is None
    assert "--new-password" in bi_user("reader").out
    with entering(small_gallery, made) as reader:
        assert count(reader, "bi", "by_hand") == 1
        assert count(reader, "bi", "dim_frame") == 40


def test_a_new_password_replaces_the_old_one(bi_user: Imgsim, small_gallery: str) -> None:
    old = bi_user("reader2", "--format", "json")
    new = bi_user("reader2", "--new-password", "--format", "json")
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        entering(small_gallery, old)
    with entering(small_gallery, new) as reader:
        assert count(reader, "bi", "dim_frame") == 40
    unknown = bi_user("reader3", "--new-password")
    assert unknown.code == 2
    assert "leave out --new-password" in unknown.err


def test_a_reader_may_become_an_analyst_and_stays_one(bi_user: Imgsim, small_gallery: str) -> None:
    made = bi_user("climber", "--format", "json")
    with entering(small_gallery, made) as reader:
        assert refused(reader, "SELECT FROM imgsim.frame")
    assert bi_user("climber", "--analyst", "--format", "json").json()["analyst"]
    assert bi_user("climber", "--format", "json").json()["analyst"]
    with entering(small_gallery, made) as analyst:
        assert len(analyst.execute("SELECT * FROM similar(1, 'net', 3)").fetchall()) == 3


def test_a_role_of_somebody_else_is_left_alone(bi_user: Imgsim, small_gallery: str) -> None:
    with psycopg.connect(small_gallery, autocommit=True) as admin:
        admin.execute("CREATE ROLE stranger LOGIN PASSWORD 'mine'")
        for options in ((), ("--new-password",), ("--analyst",), ("--drop",)):
            made = bi_user("stranger", *options)
            assert made.code == 2
            assert "imgsim did not make" in made.err
        for name in ("imgsim", *GROUPS):
            assert bi_user(name, "--drop").code == 2
        with psycopg.connect(
            make_conninfo(small_gallery, user="stranger", password="mine")
        ) as stranger:
            assert refused(stranger, "SELECT FROM bi.dim_frame")
        admin.execute("DROP ROLE stranger")


def test_dropping_ends_the_users_sessions(bi_user: Imgsim, small_gallery: str) -> None:
    made = bi_user("leaver", "--format", "json")
    with entering(small_gallery, made) as reader:
        assert bi_user("leaver", "--drop").out == "removed leaver\n"
        with pytest.raises(psycopg.OperationalError):
            reader.execute("SELECT 1")
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        entering(small_gallery, made)
    assert bi_user("leaver", "--drop").code == 2
    assert bi_user("leaver", "--drop", "--analyst").code == 2


def test_who_owns_something_is_locked_out_and_kept(bi_user: Imgsim, small_gallery: str) -> None:
    made = bi_user("landlord", "--format", "json")
    with psycopg.connect(small_gallery, autocommit=True) as admin:
        admin.execute("CREATE SCHEMA land AUTHORIZATION landlord")
        dropped = bi_user("landlord", "--drop")
        assert dropped.code == 1
        assert "DROP OWNED BY" in dropped.err
        with pytest.raises(psycopg.OperationalError, match="not permitted to log in"):
            entering(small_gallery, made)
        admin.execute("DROP SCHEMA land")
    assert bi_user("landlord", "--drop").code == 0
