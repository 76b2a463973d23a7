"""The SQL that the containers run, on the embedded server instead."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from benchmarks.gallery import backbone
from imgsim.store import migrations
from imgsim.store.binaries import find_binaries
from imgsim.store.engine import Session
from imgsim.store.roles import make_bi_user
from imgsim.store.server import EmbeddedServer

FOLDER = Path(__file__).resolve().parents[2] / "docker"
NAME = 'Power "BI" o\'x'


@pytest.fixture
def new_server(server_root: Path) -> Iterator[str]:
    """The URL of a server that these scripts may change as they please, with an empty database."""
    server = EmbeddedServer(server_root / "data")
    with psycopg.connect(server.ensure(), autocommit=True) as connection:
        connection.execute("ALTER DATABASE imgsim RESET search_path")
        connection.execute("GRANT CONNECT ON DATABASE postgres TO PUBLIC")
    yield server.url()
    server.stop()


def run_script(url: str, path: str, environment: Mapping[str, str]) -> str:
    """Run a script as the image's entry point does; what went wrong, empty if nothing did."""
    ran = subprocess.run(
        [
            *(find_binaries().program("psql"), "-v", "ON_ERROR_STOP=1", "--no-psqlrc"),
            *(url, "-f", FOLDER / path),
        ],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    return ran.stderr if ran.returncode else ""


def initialised(url: str, user: str = "", password: str = "") -> str:
    """Run the scripts that the image runs when it creates the database."""
    environment = {"IMGSIM_BI_USER": user, "IMGSIM_BI_PASSWORD": password}
    scripts = sorted(path.name for path in (FOLDER / "initdb").iterdir())
    assert len(scripts) >= 2
    return "".join(run_script(url, f"initdb/{name}", environment) for name in scripts)


def rights_of(connection: psycopg.Connection[Any], role: str) -> tuple[Any, ...]:
    """All that the server knows of a role, but its name and its password's verifier."""
    row = connection.execute(
        """
        SELECT rolsuper, rolinherit, rolcreaterole, rolcreatedb, rolcanlogin, rolreplication,
            rolbypassrls, rolconnlimit, rolvaliduntil, left(rolpassword, 18),
            shobj_description(r.oid, 'pg_authid'),
            (SELECT array_agg(ARRAY[s.setdatabase::text, setting] ORDER BY setting)
                FROM pg_db_role_setting s, unnest(setconfig) setting WHERE setrole = r.oid),
            (SELECT array_agg((roleid::regrole, admin_option, inherit_option)::text)
                FROM pg_auth_members WHERE member = r.oid)
        FROM pg_authid r WHERE rolname = %s
        """,
        [role],
    ).fetchone()
    assert row is not None
    return tuple(row)


def groups_of(connection: psycopg.Connection[Any]) -> list[tuple[Any, ...]]:
    """The group roles, what is said of them, and the rights on the database."""
    return [
        *(rights_of(connection, each) for each in ("imgsim_reader", "imgsim_analyst")),
        *connection.execute(
            "SELECT a.grantee::regrole::text, privilege_type FROM pg_database d, "
            "aclexplode(datacl) a WHERE datname = current_database() ORDER BY 1, 2"
        ).fetchall(),
    ]


def test_the_user_of_the_environment_reads_what_an_upgrade_makes(new_server: str) -> None:
    assert initialised(new_server, NAME, "bi $p \"w'd") == ""
    migrations.upgrade(new_server)
    session = Session(new_server)
    backbone(session, "net", 8)
    session.close()
    reader = make_conninfo(new_server, user=NAME, password="bi $p \"w'd")
    with psycopg.connect(reader, autocommit=True) as connection:
        assert connection.execute("SELECT count(*) FROM fact_match_net").fetchone() == (0,)
        connection.execute("SET default_transaction_read_only = off")
        for statement in ("TABLE imgsim.media", "CREATE TEMPORARY TABLE mine (n int)"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(statement.encode())
    with pytest.raises(psycopg.OperationalError, match="permission denied for database"):
        psycopg.connect(make_conninfo(reader, dbname="postgres"))
    with psycopg.connect(new_server) as connection:
        assert connection.execute("SHOW search_path").fetchone() == ("imgsim, public",)


def test_the_scripts_and_the_command_make_the_same_roles(new_server: str) -> None:
    assert initialised(new_server, "one", "password") == ""
    migrations.upgrade(new_server)
    session = Session(new_server)
    with psycopg.connect(new_server, autocommit=True) as connection:
        by_script = groups_of(connection)
        make_bi_user(session, "two")
        assert rights_of(connection, "one") == rights_of(connection, "two")
        assert groups_of(connection) == by_script
        connection.execute("DROP ROLE one, two")
        connection.execute("DROP OWNED BY imgsim_reader, imgsim_analyst")
        connection.execute("DROP ROLE imgsim_reader, imgsim_analyst")
        connection.execute(f"GRANT TEMPORARY ON DATABASE {connection.info.dbname} TO PUBLIC")
        make_bi_user(session, "two")
        assert groups_of(connection) == by_script
    session.close()


def test_scripts_can_be_run_again(new_server: str) -> None:
    for password in ("old", "old", "new"):
        assert initialised(new_server, NAME, password) == ""
    with psycopg.connect(make_conninfo(new_server, user=NAME, password="new")):
        pass
    assert initialised(new_server) == ""
    assert "something else already" in initialised(new_server, "imgsim", "taken over")
    with psycopg.connect(new_server):  # with its own password, as before
        pass


def test_metabase_gets_a_database_of_its_own(new_server: str) -> None:
    assert initialised(new_server, NAME, "password") == ""
    script = "metabase/database.sql"
    assert "IMGSIM_METABASE_PASSWORD" in run_script(new_server, script, {})
    for password in ("old", "new 'one'"):
        assert run_script(new_server, script, {"IMGSIM_METABASE_PASSWORD": password}) == ""
    own = make_conninfo(new_server, user="metabase", password="new 'one'", dbname="metabase")
    with psycopg.connect(own) as connection:
        connection.execute("CREATE TABLE question (n int)")
    with pytest.raises(psycopg.OperationalError, match="permission denied for database"):
        psycopg.connect(make_conninfo(own, user=NAME, password="password"))
