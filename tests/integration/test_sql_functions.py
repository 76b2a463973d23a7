"""The functions for people in psql, called as they would call them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import psycopg
import pytest
from psycopg import sql
from psycopg.rows import namedtuple_row

from benchmarks.gallery import backbone, clustered, publish
from imgsim.domain import Vectors
from imgsim.store import indexes, registry, search
from imgsim.store.engine import Session

DIM = 16
ROWS = 4000
CALL_FUNCTIONS = (
    "SELECT * FROM similar(42, 'net', 10)",
    "SELECT * FROM nearest((SELECT embedding FROM embedding_net WHERE frame_id = 9), 'net', 10)",
    "SELECT * FROM duplicates_of(42, 'net', 0.01)",
    "SELECT ann_recall('net', 10, 5)",
)


@pytest.fixture(scope="module")
def gallery(module_database: str) -> tuple[str, Vectors]:
    """A database with 4,000 indexed vectors, frame_ids from 1 in their order, and a second net."""
    session = Session(module_database)
    net, vectors = backbone(session, "net", DIM), clustered(ROWS, DIM, seed=0)
    publish(session, net, vectors)
    indexes.build(session, net, lambda _notice: None)
    small = backbone(session, "small", DIM)
    publish(session, small, clustered(30, DIM, seed=4), name="other")
    session.close()
    with psycopg.connect(module_database, autocommit=True) as connection:
        connection.execute("ANALYZE imgsim.embedding_net")
    return module_database, vectors


@pytest.fixture
def psql(gallery: tuple[str, Vectors]) -> Iterator[psycopg.Connection[Any]]:
    """A plain connection with the search path that imgsim gives people."""
    with psycopg.connect(gallery[0], autocommit=True, row_factory=namedtuple_row) as connection:
        connection.execute("SET search_path = imgsim, public")
        yield connection


def _scans(psql: psycopg.Connection[Any]) -> int:
    """How often this transaction has followed the index, whatever other connections do."""
    row = psql.execute(
        "SELECT pg_stat_get_xact_numscans(to_regclass('imgsim.embedding_net_hnsw'))"
    ).fetchone()
    assert row
    return int(row[0])


def test_nearest_gives_what_a_search_gives(
    psql: psycopg.Connection[Any], gallery: tuple[str, Vectors]
) -> None:
    query = clustered(1, DIM, seed=6)[0]
    rows = psql.execute("SELECT * FROM nearest(%s::vector, 'net', 7)", [str(query.tolist())])
    found = rows.fetchall()
    session = Session(gallery[0])
    answer = search.nearest(session, registry.require(session, "net"), query, 7)
    session.close()
    assert [(row.rank, row.frame_id) for row in found] == [
        (hit.rank, hit.frame.frame_id) for hit in answer.hits
    ]
    assert [row.distance for row in found] == pytest.approx([hit.distance for hit in answer.hits])
    assert (found[0].path, found[0].frame_index) == (
        answer.hits[0].frame.path,
        answer.hits[0].frame.frame_index,
    )


def test_similar_leaves_the_frame_itself_out(psql: psycopg.Connection[Any]) -> None:
    rows = psql.execute("SELECT * FROM similar(42, 'net', 10)").fetchall()
    assert [row.rank for row in rows] == list(range(1, 11))
    assert 42 not in {row.frame_id for row in rows}
    with_itself = psql.execute(
        "SELECT n.* FROM embedding_net e, nearest(e.embedding, 'net', 11) n WHERE e.frame_id = 42"
    ).fetchall()
    assert [row.frame_id for row in rows] == [row.frame_id for row in with_itself[1:]]
    assert with_itself[0].frame_id == 42


@pytest.mark.parametrize("call", CALL_FUNCTIONS)
def test_the_twentieth_call_follows_the_index_as_the_first_does(
    psql: psycopg.Connection[Any], call: str
) -> None:
    with psql.transaction():
        for _ in range(20):
            psql.execute(call, prepare=True)
        scans = _scans(psql)
    assert scans >= 20
    assert scans % 20 == 0  # every call as often as the others


def test_the_statement_inside_is_planned_with_the_index(psql: psycopg.Connection[Any]) -> None:
    plan = psql.execute(
        "EXPLAIN SELECT e.frame_id FROM embedding_net e ORDER BY e.embedding <=> "
        "(SELECT embedding FROM embedding_net WHERE frame_id = 1) LIMIT 10"
    ).fetchall()
    assert any("Index Scan using embedding_net_hnsw" in row[0] for row in plan)


@pytest.mark.parametrize("k", [999, 1000, 1001, 5000])
def test_a_large_k_is_met(psql: psycopg.Connection[Any], k: int) -> None:
    rows = psql.execute("SELECT * FROM similar(42, 'net', %s)", [k]).fetchall()
    assert len(rows) == min(k, ROWS - 1)
    assert len({row.frame_id for row in rows}) == len(rows)


def test_duplicates_are_all_frames_within_the_distance(
    psql: psycopg.Connection[Any], gallery: tuple[str, Vectors]
) -> None:
    vectors = gallery[1].astype(np.float64)
    distances = 1 - vectors @ vectors[41]
    for limit in (0.0, 0.02, 0.6):  # none, some, more than an index search gives
        rows = psql.execute("SELECT * FROM duplicates_of(42, 'net', %s)", [limit]).fetchall()
        close = {int(row) + 1 for row in np.flatnonzero(distances <= limit - 1e-3)} - {42}
        perhaps = {int(row) + 1 for row in np.flatnonzero(distances <= limit + 1e-3)} - {42}
        found = {row.frame_id for row in rows}
        assert found <= perhaps
        assert len(close & found) >= 0.99 * len(close)
    assert len(found) > 100


def test_recall_is_measured_in_the_database(psql: psycopg.Connection[Any]) -> None:
    ((recall, exact),) = psql.execute(
        "SELECT ann_recall('net', 10, 50) AS one, ann_recall('small', 10, 50) AS other"
    ).fetchall()
    assert 0.95 <= recall <= 1
    assert exact == 1


def test_settings_are_as_before_after_a_call(psql: psycopg.Connection[Any]) -> None:
    psql.execute("SET hnsw.ef_search = 41")
    with psql.transaction():
        psql.execute("SELECT * FROM similar(42, 'net', 500)")
        assert psql.execute("SHOW hnsw.ef_search").fetchone() == ("41",)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        ("nearest(NULL, 'net', 10)", "the query has none: it is null"),
        ("similar(42, 'vgg16', 10)", "no embeddings of backbone 'vgg16'.*\nHINT: +It has: net, sm"),
        ("similar(42, NULL, 10)", "no embeddings of backbone"),
        ("similar(999999, 'net', 10)", "there is no frame 999999"),
        ("similar(NULL, 'net', 10)", "there is no frame null"),
        ("similar(42, 'small', 10)", "frame 42 has no embedding of backbone 'small'"),
        ("similar(42, 'net', 0)", "k must be 1 or more"),
        ("nearest('[1,2,3]', 'net', 10)", "backbone 'net' has 16 dimensions, the query has 3"),
        ("nearest(array_fill(0, '{16}'::int[])::vector, 'net')", "the query is zero"),
        ("duplicates_of(42, 'net', -1)", "max_distance must be 0 or more, not -1"),
        ("ann_recall('net', 0)", "k must be 1 to 999"),
    ],
)
def test_what_makes_no_sense_is_refused(
    psql: psycopg.Connection[Any], call: str, message: str
) -> None:
    with pytest.raises(psycopg.errors.InvalidParameterValue, match=message):
        psql.execute(sql.SQL("SELECT * FROM {}").format(sql.SQL(call)))


def test_an_older_revision_is_named_by_its_slug(session: Session, database: str) -> None:
    old, new = (
        registry.register(
            session, name="net", revision=each, dim=DIM, weights_sha256="00", weights_path=None
        )
        for each in ("one", "two")
    )
    publish(session, old, clustered(20, DIM, seed=1))
    publish(session, new, clustered(5, DIM, seed=2), name="later")
    with psycopg.connect(database, options="-csearch_path=imgsim,public") as connection:

        def found(name: str) -> int:
            rows = connection.execute(
                "SELECT * FROM nearest(%s::vector, %s, 99)", [str([1.0] * DIM), name]
            )
            return len(rows.fetchall())

        assert (found("net"), found("net_2")) == (5, 5)
        assert old.slug == "net"  # which is also the newest's name


def test_nobody_else_may_call_them(psql: psycopg.Connection[Any]) -> None:
    open_to_all = psql.execute(
        "SELECT proname FROM pg_proc WHERE pronamespace = 'imgsim'::regnamespace "
        "AND has_function_privilege('public', oid, 'EXECUTE')"
    ).fetchall()
    assert open_to_all == []


def test_every_function_explains_itself(psql: psycopg.Connection[Any]) -> None:
    described = psql.execute(
        "SELECT proname, obj_description(oid) FROM pg_proc "
        "WHERE pronamespace = 'imgsim'::regnamespace"
    ).fetchall()
    assert {row.proname for row in described} >= {
        *("similar", "nearest", "ann_recall", "duplicates_of"),
    }
    assert all(row.obj_description for row in described)
