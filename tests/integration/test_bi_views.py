"""Schema bi: what Power BI and other readers see."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
import pytest

from imgsim import pixels
from imgsim.store import migrations, registry
from imgsim.store.engine import Session
from imgsim.store.server import EmbeddedServer
from tests.databases import clone
from tests.integration.command import run

READABLE = {
    *("text", "integer", "bigint", "double precision", "boolean", "date"),
    "timestamp without time zone",
}
KEYS = {
    "dim_backbone": "backbone_id",
    "dim_media": "media_id",
    "dim_frame": "frame_id",
    "dim_frame_image": "frame_id",
    "dim_search": "search_id",
    "dim_query": "query_id",
    "dim_evaluation": "evaluation_id",
}


@pytest.fixture(scope="module")
def readers(
    server: EmbeddedServer, filled: str, picture: Path
) -> Iterator[psycopg.Connection[Any]]:
    """A plain connection to a gallery with a saved comparison of one query."""
    with clone(server, filled) as conninfo:
        assert run("compare", picture, "--database-url", conninfo) == 0
        with psycopg.connect(conninfo, autocommit=True) as connection:
            yield connection


def _views(connection: psycopg.Connection[Any]) -> list[str]:
    rows = connection.execute("SELECT viewname FROM pg_views WHERE schemaname = 'bi'").fetchall()
    return sorted(row[0] for row in rows)


def test_power_bi_can_read_every_column(readers: psycopg.Connection[Any]) -> None:
    columns = readers.execute(
        "SELECT table_name, column_name, data_type FROM information_schema.columns "
        "WHERE table_schema = 'bi'"
    ).fetchall()
    assert len(columns) > 90
    assert [column for column in columns if column[2] not in READABLE] == []


def test_keys_are_single_whole_numbers_and_unique(readers: psycopg.Connection[Any]) -> None:
    for view, key in KEYS.items():
        (row,) = readers.execute(
            f"SELECT count(*), count({key}), count(DISTINCT {key}), pg_typeof(min({key})) "  # noqa: S608 - names above
            f"FROM bi.{view}"
        ).fetchall()
        assert row[0] == row[1] == row[2]
        assert row[3] == "bigint"
        assert row[0] > 0 or view == "dim_evaluation"


def test_every_key_of_a_fact_leads_to_its_dimension(readers: psycopg.Connection[Any]) -> None:
    keys = {key: view for view, key in KEYS.items() if view != "dim_frame_image"}
    keys |= {"other_backbone_id": "dim_backbone", "truth_frame_id": "dim_frame"}
    seen = 0
    for view in _views(readers):
        for (column,) in readers.execute(
            "SELECT column_name FROM information_schema.columns "
            "WHERE table_schema = 'bi' AND table_name = %s",
            [view],
        ).fetchall():
            if column in keys:
                target = keys[column]
                (lost,) = readers.execute(
                    f"SELECT count(*) FROM bi.{view} f WHERE f.{column} IS NOT NULL AND "  # noqa: S608 - names of our own views
                    f"NOT EXISTS (SELECT FROM bi.{target} d WHERE d.{KEYS[target]} = f.{column})"
                ).fetchone() or (None,)
                assert (view, column, lost) == (view, column, 0)
                seen += 1
    assert seen > 25


def test_pictures_are_data_uris_that_power_bi_takes(readers: psycopg.Connection[Any]) -> None:
    uris = [
        row[0]
        for row in readers.execute(
            "SELECT image FROM bi.dim_query UNION ALL SELECT image FROM bi.dim_frame_image"
        )
    ]
    assert len(uris) > 10
    for uri in uris:
        head, _, body = uri.partition(",")
        assert head == "data:image/jpeg;base64"
        assert len(uri) < 32_000
        assert "\n" not in uri
        assert max(pixels.decode_jpeg(base64.b64decode(body, validate=True)).shape[:2]) == 160


def test_only_frames_of_results_have_their_picture_there(
    readers: psycopg.Connection[Any],
) -> None:
    shown = {row[0] for row in readers.execute("SELECT frame_id FROM bi.dim_frame_image")}
    hit = {row[0] for row in readers.execute("SELECT frame_id FROM imgsim.result")}
    truth = {row[0] for row in readers.execute("SELECT truth_frame_id FROM imgsim.query_image")}
    assert shown == hit | truth
    assert len(shown) < 132


def test_a_backbone_brings_its_table_and_its_view(session: Session, database: str) -> None:
    with psycopg.connect(database, autocommit=True) as connection:
        before = _views(connection)
        for revision in ("one", "two"):
            registry.register(
                session, name="net", revision=revision, dim=8, weights_sha256="", weights_path=None
            )
        assert sorted({*before, "fact_match_net"}) == _views(connection)
        parts = connection.execute(
            "SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid "
            "WHERE i.inhparent = 'imgsim.result'::regclass"
        ).fetchall()
        assert parts == [("result_net",)]
        silent = connection.execute(
            "SELECT count(*) FROM pg_attribute WHERE attrelid = 'bi.fact_match_net'::regclass "
            "AND attnum > 0 AND col_description(attrelid, attnum) IS NULL"
        ).fetchone()
        assert silent == (0,)


def test_the_view_of_a_backbone_has_its_hits_alone(readers: psycopg.Connection[Any]) -> None:
    rows = readers.execute(
        "SELECT backbone, rank, distance, frame_id FROM bi.fact_match_mobilenet_025 ORDER BY rank"
    ).fetchall()
    table = readers.execute(
        "SELECT backbone, rank, distance, frame_id FROM imgsim.result_mobilenet_025 ORDER BY rank"
    ).fetchall()
    assert rows == table
    assert {row[0] for row in rows} == {"mobilenet_025"}
    assert len(rows) == 10
    plan = readers.execute("EXPLAIN SELECT * FROM bi.fact_match_mobilenet_025").fetchall()
    assert "result_efficientnet_lite0" not in str(plan)


def test_backbones_of_before_get_tables_and_views_too(empty_database: str) -> None:
    migrations.upgrade(empty_database)
    migrations.downgrade(empty_database, "0003")
    with psycopg.connect(empty_database, autocommit=True) as connection:
        connection.execute(
            "INSERT INTO imgsim.backbone (name, revision, slug, dim, measure, weights_sha256) "
            "VALUES ('old_net', 'r', 'old_net', 8, 'cosine', '')"
        )
        migrations.upgrade(empty_database)
        assert "fact_match_old_net" in _views(connection)
        assert connection.execute("SELECT count(*) FROM imgsim.result_old_net").fetchone() == (0,)


def test_times_are_utc_whatever_the_reader_s_time_zone(readers: psycopg.Connection[Any]) -> None:
    with readers.transaction():
        readers.execute("SET LOCAL timezone = 'Pacific/Kiritimati'")  # 14 hours ahead
        (row,) = readers.execute("SELECT started_at, started_on FROM bi.dim_search").fetchall()
    now = datetime.now(UTC).replace(tzinfo=None)
    assert abs((now - row[0]).total_seconds()) < 600
    assert row[1] == row[0].date()
