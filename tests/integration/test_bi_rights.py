"""What the people can do, and cannot, whom `imgsim db bi-user` lets in."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import make_conninfo
from psycopg.errors import ReadOnlySqlTransaction

from benchmarks.gallery import backbone, clustered, publish
from imgsim.store import migrations
from imgsim.store.backup import read_backup, write_backup
from imgsim.store.engine import Session
from imgsim.store.server import EmbeddedServer
from tests.integration.bi_users import (
    count,
    entering,
    names,
    refused,
    without_roles,
)
from tests.integration.command import Imgsim, calling

OTHERS = ("poor", "clerk")
"""Roles that tests of this file make."""

REFUSED_TO_ALL = (
    "INSERT INTO imgsim.search (command, k, duration_s) VALUES ('search', 1, 1)",
    "UPDATE imgsim.frame SET is_blank = true",
    "DELETE FROM imgsim.media",
    "TRUNCATE imgsim.media CASCADE",
    "UPDATE bi.dim_search SET k = 1",
    "DELETE FROM bi.dim_search",
    "CREATE TABLE bi.mine (n int)",
    "CREATE TABLE imgsim.mine (n int)",
    "CREATE TABLE public.mine (n int)",
    "CREATE TEMPORARY TABLE mine (n int)",
    "CREATE VIEW bi.mine AS SELECT 1 AS n",
    "CREATE FUNCTION public.mine() RETURNS int LANGUAGE sql RETURN 1",
    "CREATE SCHEMA mine",
    "DROP VIEW bi.dim_frame",
    "ALTER TABLE imgsim.frame ADD mine int",
    "COMMENT ON VIEW bi.dim_frame IS 'mine'",
    "CREATE ROLE mine",
    "ALTER ROLE CURRENT_USER SUPERUSER",
    "SET ROLE imgsim",
    "SET SESSION AUTHORIZATION imgsim",
    "COPY (SELECT 1) TO PROGRAM 'cat'",
    "SELECT pg_read_file('postgresql.conf')",
)
REFUSED_TO_READERS = (
    "SELECT * FROM imgsim.similar(1, 'net', 3)",
    "SELECT * FROM imgsim.nearest('[1]'::public.halfvec, 'net', 3)",
    "SELECT imgsim.ann_recall('net', 3, 3)",
)


@pytest.fixture(autouse=True)
def no_roles_left(server: EmbeddedServer) -> Iterator[None]:
    """Roles belong to the server, which other tests use."""
    with without_roles(server, *OTHERS):
        yield


def test_a_reader_reads_every_view_and_nothing_else(bi_user: Imgsim, small_gallery: str) -> None:
    with entering(small_gallery, bi_user("reader", "--format", "json")) as reader:
        views = names(reader, "bi")
        assert {"dim_frame", "fact_match", "fact_match_net", "model_comparison"} <= set(views)
        rows = {view: count(reader, "bi", view) for view in views}
        assert rows["dim_frame"] == 40
        reader.execute("SET default_transaction_read_only = off")
        for table in names(reader, "imgsim"):
            assert refused(reader, f"SELECT FROM imgsim.{table}"), table
        for statement in (*REFUSED_TO_ALL, *REFUSED_TO_READERS):
            assert refused(reader, statement), statement
        reader.execute("SET default_transaction_read_only = on")
        assert count(reader, "bi", "dim_media") == 1  # all is as it was


def test_an_analyst_calls_the_functions_and_changes_nothing(
    bi_user: Imgsim, small_gallery: str
) -> None:
    with entering(small_gallery, bi_user("ana", "--analyst", "--format", "json")) as analyst:
        assert len(analyst.execute("SELECT * FROM similar(1, 'net', 3)").fetchall()) == 3
        nearest = analyst.execute(
            "SELECT n.rank FROM embedding_net e, nearest(e.embedding, 'net', 4) n "
            "WHERE e.frame_id = 7"
        )
        assert nearest.fetchall() == [(1,), (2,), (3,), (4,)]
        assert analyst.execute("SELECT ann_recall('net', 3, 3)").fetchone() == (1.0,)
        assert len(analyst.execute("SELECT * FROM duplicates_of(1, 'net', 0.9)").fetchall())
        for schema in ("imgsim", "bi"):
            assert all(count(analyst, schema, name) >= 0 for name in names(analyst, schema))
        assert count(analyst, "imgsim", "embedding_net") == 40
        analyst.execute("SET default_transaction_read_only = off")
        for statement in REFUSED_TO_ALL:
            assert refused(analyst, statement), statement


def test_what_is_made_later_can_be_read_at_once(bi_user: Imgsim, small_gallery: str) -> None:
    session = Session(small_gallery)
    with (
        entering(small_gallery, bi_user("reader", "--format", "json")) as reader,
        entering(small_gallery, bi_user("ana", "--analyst", "--format", "json")) as analyst,
    ):
        publish(session, backbone(session, "later", 4), clustered(5, 4, seed=2), name="more")
        assert count(reader, "bi", "fact_match_later") == 0
        assert refused(reader, "SELECT FROM imgsim.embedding_later")
        assert refused(reader, "SELECT FROM imgsim.result_later")
        assert count(analyst, "imgsim", "embedding_later") == 5
        assert count(analyst, "imgsim", "result_later") == 0
        assert len(analyst.execute("SELECT * FROM similar(41, 'later', 4)").fetchall()) == 4
    session.close()


def test_a_reader_is_set_up_for_reading(bi_user: Imgsim, small_gallery: str) -> None:
    with entering(small_gallery, bi_user("reader", "--format", "json")) as reader:
        assert reader.execute("SELECT count(*) FROM dim_frame").fetchone() == (40,)
        settings = ("search_path", "statement_timeout", "default_transaction_read_only")
        said = [reader.execute(f"SHOW {each}").fetchone() for each in settings]
        assert said == [("bi",), ("10min",), ("on",)]
        with pytest.raises(ReadOnlySqlTransaction):
            reader.execute("CREATE TEMPORARY TABLE mine (n int)")


def test_other_databases_of_the_embedded_server_stay_shut(
    bi_user: Imgsim, small_gallery: str
) -> None:
    made = bi_user("wanderer", "--format", "json")
    for other in ("postgres", "template1"):
        with pytest.raises(psycopg.OperationalError, match="permission denied for database"):
            entering(make_conninfo(small_gallery, dbname=other), made)


def test_a_migration_and_a_restore_let_them_in_again(
    bi_user: Imgsim, small_gallery: str, empty_database: str, imgsim: Imgsim, tmp_path: Path
) -> None:
    made = bi_user("reader4", "--format", "json")
    write_backup(small_gallery, tmp_path / "gallery.dump")
    migrations.downgrade(small_gallery, "base")
    migrations.upgrade(small_gallery)
    with entering(small_gallery, made) as reader:
        assert count(reader, "bi", "dim_frame") == 0
    read_backup(small_gallery, tmp_path / "gallery.dump")
    with entering(small_gallery, made) as reader:
        assert count(reader, "bi", "dim_frame") == 40
        assert count(reader, "bi", "fact_match_net") == 0
        assert refused(reader, "SELECT FROM imgsim.frame")
    assert "rights of its BI users" in imgsim("db", "upgrade").err
    read_backup(empty_database, tmp_path / "gallery.dump")
    with entering(empty_database, made) as reader:  # another database, which nobody opened
        assert refused(reader, "SELECT FROM bi.dim_frame")
    with psycopg.connect(empty_database) as owner:
        executable = owner.execute(
            "SELECT proname FROM pg_proc WHERE pronamespace = 'imgsim'::regnamespace "
            "AND has_function_privilege('public', oid, 'EXECUTE')"
        ).fetchall()
    assert executable == []


def test_who_may_not_make_roles_is_given_the_sql(
    empty_database: str, capfd: pytest.CaptureFixture[str]
) -> None:
    """As on a company's server: pgvector in a schema that is shut, and little rights besides."""
    with psycopg.connect(empty_database, autocommit=True) as admin:
        name = admin.info.dbname
        admin.execute("CREATE ROLE poor LOGIN PASSWORD 'poor'")
        admin.execute("CREATE SCHEMA extensions; CREATE EXTENSION vector SCHEMA extensions")
        admin.execute("GRANT USAGE ON SCHEMA extensions TO poor")
        admin.execute(f"GRANT CREATE ON DATABASE {name} TO poor")
        mine = make_conninfo(empty_database, user="poor", password="poor")
        poor = calling(mine, capfd)
        migrations.upgrade(mine)
        session = Session(mine)
        publish(session, backbone(session, "net", 8), clustered(40, 8, seed=1))

        made = poor("db", "bi-user", "the analyst", "--analyst")
        assert (made.code, made.out) == (1, "")
        assert "permission denied to create role" in made.err
        assert admin.execute("SELECT to_regrole('imgsim_reader')").fetchone() == (None,)
        script = made.err[made.err.index("BEGIN;") : made.err.index("COMMIT;") + 7]
        found = re.search(r"password will be (\S+),", made.err)
        assert found
        assert found[1] not in script
        admin.execute(script.encode())

    there = make_conninfo(empty_database, user="the analyst", password=found[1])
    with psycopg.connect(there, autocommit=True) as analyst:
        assert len(analyst.execute("SELECT * FROM similar(1, 'net', 3)").fetchall()) == 3
        publish(session, backbone(session, "later", 4), clustered(5, 4, seed=2), name="more")
        assert count(analyst, "bi", "fact_match_later") == 0
        assert count(analyst, "imgsim", "embedding_later") == 5
        analyst.execute("SET default_transaction_read_only = off")
        assert refused(analyst, "CREATE TEMPORARY TABLE mine (n int)")
    session.close()
    again = poor("db", "bi-user", "the analyst")  # now there is nothing that it may not do
    assert again.code == 0, again.err
    assert "rights of its BI users" in poor("db", "upgrade").err
    dropped = poor("db", "bi-user", "the analyst", "--drop")
    assert dropped.code == 1
    assert 'DROP ROLE "the analyst"' in dropped.err


def test_rights_that_cannot_be_taken_are_no_quiet_success(
    empty_database: str, capfd: pytest.CaptureFixture[str]
) -> None:
    """PostgreSQL only warns when somebody else's database is to be closed."""
    with psycopg.connect(empty_database, autocommit=True) as admin:
        name = admin.info.dbname
        admin.execute("CREATE ROLE clerk LOGIN PASSWORD 'clerk' CREATEROLE")
        admin.execute("CREATE EXTENSION vector")
        admin.execute(f"GRANT CREATE ON DATABASE {name} TO clerk")
    clerk = calling(make_conninfo(empty_database, user="clerk", password="clerk"), capfd)
    assert clerk("db", "upgrade").code == 0
    made = clerk("db", "bi-user", "reader5")
    assert made.code == 1
    assert f'REVOKE TEMPORARY ON DATABASE "{name}" FROM PUBLIC' in made.err
    with psycopg.connect(empty_database) as admin:
        assert admin.execute("SELECT to_regrole('reader5')").fetchone() == (None,)
        admin.execute(f"ALTER DATABASE {name} OWNER TO clerk")
        admin.commit()
    assert clerk("db", "bi-user", "reader5").code == 0
    assert clerk("db", "bi-user", "reader5", "--drop").code == 0
