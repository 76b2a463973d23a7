"""The schema's history: up, down, up again, and equal to the declared tables."""

from __future__ import annotations

import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest
from alembic import command
from alembic.script import ScriptDirectory
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from imgsim.errors import DatabaseAhead, DatabaseBehind, PgvectorUnusable
from imgsim.store import engine, extension, migrations, registry
from imgsim.store.binaries import find_binaries
from imgsim.store.engine import Session


def _dump(database: str) -> str:
    """The schema as pg_dump writes it, without the lines that differ from run to run."""
    parts = conninfo_to_dict(database)
    password = str(parts.pop("password"))
    said = subprocess.run(
        [
            find_binaries().program("pg_dump"),
            "--schema-only",
            f"--dbname={make_conninfo('', **parts)}",
        ],
        env={"PGPASSWORD": password},
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    lines = said.splitlines()
    return "\n".join(line for line in lines if not line.startswith(("\\restrict", "\\unrestrict")))


def _register(session: Session, name: str = "net") -> registry.BackboneRow:
    return registry.register(
        session, name=name, revision="r", dim=8, weights_sha256="00", weights_path=None
    )


def test_upgrading_twice_does_nothing_the_second_time(empty_database: str) -> None:
    assert migrations.upgrade(empty_database)
    assert not migrations.upgrade(empty_database)


def test_the_declared_tables_equal_the_migrated_ones(database: str) -> None:
    own = engine.create(database, search_path=("public",))
    with own.connect() as connection:
        command.check(migrations.config(connection))  # raises when anything differs
        assert migrations.current(connection) == migrations.head()
    own.dispose()


def test_scripts_are_named_by_their_revisions() -> None:
    """So that revisions are known without loading Alembic."""
    scripts = list(ScriptDirectory.from_config(migrations.config()).walk_revisions())
    assert {Path(script.path).name[:4] for script in scripts} == {each.revision for each in scripts}
    assert migrations.head() == scripts[0].revision


def test_up_down_up_gives_the_same_schema(empty_database: str) -> None:
    migrations.upgrade(empty_database)
    first = _dump(empty_database)
    session = Session(empty_database)
    _register(session)
    session.close()
    assert _dump(empty_database) != first
    migrations.downgrade(empty_database, "base")
    migrations.upgrade(empty_database)
    assert _dump(empty_database) == first
    assert "CREATE TABLE imgsim.frame" in first


def test_every_step_can_be_undone_alone(empty_database: str) -> None:
    migrations.upgrade(empty_database)
    whole = _dump(empty_database)
    seen = {whole}
    for steps in range(1, len(list((migrations.folder() / "versions").glob("[0-9]*.py"))) + 1):
        migrations.downgrade(empty_database, f"-{steps}")
        seen.add(_dump(empty_database))
        assert len(seen) == steps + 1
        migrations.upgrade(empty_database)
        assert _dump(empty_database) == whole


def test_slugs_say_what_a_migration_does() -> None:
    names = [path.stem for path in (migrations.folder() / "versions").glob("[0-9]*.py")]
    assert names
    assert all(len(name.split("_")) >= 3 for name in names)


def test_every_table_and_column_is_explained(database: str) -> None:
    session = Session(database)
    _register(session)
    session.close()
    with psycopg.connect(database) as connection:
        silent = connection.execute(
            """
            SELECT c.relname, a.attname
            FROM pg_class c
            JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum >= 0 AND NOT a.attisdropped
            WHERE c.relnamespace IN ('imgsim'::regnamespace, 'bi'::regnamespace)
              AND c.relkind IN ('r', 'p', 'v')
              AND c.relname <> 'alembic_version'
              AND (col_description(c.oid, a.attnum) IS NULL OR obj_description(c.oid) IS NULL)
            """
        ).fetchall()
        tables = connection.execute(
            "SELECT count(*) FROM pg_tables WHERE schemaname = 'imgsim'"
        ).fetchone()
    assert silent == []
    assert tables == (15,)


def test_a_database_that_is_behind_is_told_so(empty_database: str) -> None:
    session = Session(empty_database)
    with session.connect() as connection, pytest.raises(DatabaseBehind, match="imgsim db upgrade"):
        migrations.require_current(connection)
    session.close()


def test_a_database_of_a_newer_imgsim_is_refused(database: str) -> None:
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("UPDATE imgsim.alembic_version SET version_num = '9999'")
    with pytest.raises(DatabaseAhead, match="9999"):
        migrations.upgrade(database)
    session = Session(database)
    with session.connect() as connection, pytest.raises(DatabaseAhead):
        migrations.require_current(connection)
    session.close()


def test_an_old_pgvector_is_refused(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(extension, "MIN_VERSION", (99, 0))
    with pytest.raises(PgvectorUnusable, match=r"needs 99\.0 or newer"):
        migrations.upgrade(database)


def test_migrations_are_found_beside_or_inside_the_package() -> None:
    folder = migrations.folder()
    assert (folder / "env.py").is_file()
    assert Path(folder.name) == Path("migrations")


def test_two_upgrades_at_once_take_turns(empty_database: str) -> None:
    with ThreadPoolExecutor() as pool:
        done = list(pool.map(migrations.upgrade, [empty_database] * 4))
    assert sorted(done) == [False, False, False, True]
