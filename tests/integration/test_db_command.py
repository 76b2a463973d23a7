"""`imgsim db` on an embedded server of its own, as separate processes like a person's."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def run(server_root: Path) -> Iterator[Run]:
    """Runs `imgsim ARGUMENTS` as a process, with a data directory of this test."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("IMGSIM_")}
    environment["IMGSIM_DATA_DIR"] = str(server_root / "my data")

    def call(*arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "imgsim", *arguments],
            env=environment | more,
            capture_output=True,
            text=True,
            check=False,
        )

    yield call
    call("db", "stop")


def test_the_life_of_a_server(run: Run) -> None:
    stopped = run("db", "status")
    assert stopped.returncode == 3
    assert "not running" in stopped.stdout
    started = run("db", "start")
    assert started.returncode == 0, started.stderr
    assert "127.0.0.1:" in started.stdout
    assert run("db", "status").returncode == 0
    url = run("db", "url").stdout.splitlines()[-1]
    with psycopg.connect(url) as connection:
        count = connection.execute("SELECT count(*) FROM imgsim.media").fetchone()
    assert count == (0,), "`db start` also migrates"
    assert run("db", "upgrade").returncode == 0
    assert run("db", "stop").stdout == "stopped\n"
    assert run("db", "stop").stdout == "was not running\n"
    assert run("db", "status").returncode == 3


def test_psql_needs_no_schema_names_and_passes_arguments_on(run: Run) -> None:
    run("db", "start")
    asked = run("db", "psql", "--quiet", "-At", "-c", "SELECT count(*), current_user FROM frame")
    assert asked.returncode == 0, asked.stderr
    assert asked.stdout == "0|imgsim\n"
    described = run("db", "psql", "-c", r"\d+ frame").stdout
    assert "Presentation time in seconds" in described
    assert run("db", "psql", "-c", "SELECT nonsense").returncode != 0


def test_psql_finds_the_tables_at_once_and_keeps_the_users_settings(run: Run) -> None:
    listed = run("db", "psql", "-c", r"\dt", PGOPTIONS="-c statement_timeout=1234")
    assert "coverage" in listed.stdout, listed.stderr
    asked = run("db", "psql", "-Atc", "SHOW statement_timeout", PGOPTIONS="-c statement_timeout=1s")
    assert asked.stdout == "1s\n"
    wrong = run("db", "psql", IMGSIM_DATABASE_URL="localhost:5432/x")
    assert wrong.returncode == 2
    assert "Traceback" not in wrong.stderr


def test_the_embedded_server_is_not_meant_where_another_is_named(run: Run) -> None:
    refused = run("db", "stop", IMGSIM_DATABASE_URL="postgresql://127.0.0.1:9/x")
    assert refused.returncode == 2
    assert "IMGSIM_DATABASE_URL" in refused.stderr


def test_search_starts_the_server_and_reports_an_empty_gallery(run: Run, tmp_path: Path) -> None:
    ran = run("search", str(tmp_path / "any.jpg"))
    assert ran.returncode == 1
    assert "gallery is empty" in ran.stderr
    assert run("db", "status").returncode == 0
