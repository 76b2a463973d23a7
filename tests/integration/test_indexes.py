"""HNSW indexes: used, complete enough, built when due, recorded."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from sqlalchemy import Select, text

from benchmarks.gallery import backbone, clustered, index_recall, publish
from imgsim.domain import Vectors
from imgsim.store import indexes, row_order, search
from imgsim.store.embedding_tables import vector_bytes
from imgsim.store.engine import Session
from imgsim.store.registry import BackboneRow

DIM = 16


def _explain(session: Session, query: Select[object]) -> str:
    with session.connect() as connection:
        statement = query.compile(connection, compile_kwargs={"literal_binds": True}).string
        return "\n".join(
            connection.execute(text(f"EXPLAIN {statement}".replace(":", r"\:"))).scalars()
        )


@pytest.fixture
def indexed(session: Session) -> tuple[BackboneRow, Vectors]:
    """A table of 4,000 vectors with its index."""
    net, vectors = backbone(session, "net", DIM), clustered(4000, DIM, seed=0)
    publish(session, net, vectors)
    indexes.build(session, net, lambda _notice: None)
    with session.connect() as connection:
        connection.execute(text("ANALYZE imgsim.embedding_net"))
    return net, vectors


def test_the_index_is_used_and_exact_search_avoids_it(
    session: Session, indexed: tuple[BackboneRow, Vectors]
) -> None:
    net, vectors = indexed
    assert "Index Scan using embedding_net_hnsw" in _explain(
        session, search.index_neighbours(net, vectors[0], 10)
    )
    assert "hnsw" not in _explain(session, search.exact_neighbours(net, vectors[0], 10))


def test_the_index_finds_nearly_what_exact_search_finds(
    session: Session, indexed: tuple[BackboneRow, Vectors]
) -> None:
    net, _unused = indexed
    answer = search.nearest(session, net, clustered(1, DIM, seed=6)[0], 10)
    assert not answer.exact
    distances = [hit.distance for hit in answer.hits]
    assert distances == sorted(distances)
    assert index_recall(session, net, clustered(30, DIM, seed=5)) >= 0.95


@pytest.mark.parametrize("k", [150, 1000, 1001])
def test_a_large_k_is_met(session: Session, indexed: tuple[BackboneRow, Vectors], k: int) -> None:
    net, vectors = indexed
    answer = search.nearest(session, net, vectors[3], k)
    assert len(answer.hits) == k
    assert answer.exact == (k > search.MAX_EF_SEARCH)


def test_the_record_of_the_index_says_how_it_was_built(
    session: Session, indexed: tuple[BackboneRow, Vectors]
) -> None:
    net, _unused = indexed
    (state,) = indexes.status(session, [net])
    assert (state.rows, state.rows_at_build, state.m, state.ef_construction) == (
        4000,
        4000,
        16,
        200,
    )
    assert state.index_bytes
    with session.connect() as connection:
        made = connection.execute(
            text("SELECT indexdef FROM pg_indexes WHERE indexname = 'embedding_net_hnsw'")
        ).scalar_one()
    assert "hnsw (embedding halfvec_cosine_ops) WITH (m='16', ef_construction='200')" in made


def test_an_index_is_built_when_the_table_has_grown(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    net = backbone(session, "net", DIM)
    publish(session, net, clustered(300, DIM, seed=0))
    assert indexes.build_if_due(session, net, lambda _notice: None) is None
    monkeypatch.setattr(indexes, "BUILD_FROM_BYTES", 300 * vector_bytes(DIM))
    assert indexes.build_if_due(session, net, lambda _notice: None) is not None
    assert indexes.build_if_due(session, net, lambda _notice: None) is None, "it has one now"


def test_two_that_find_it_due_at_once_build_it_once(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(indexes, "BUILD_FROM_BYTES", 2000 * vector_bytes(DIM))
    net = backbone(session, "net", DIM)
    publish(session, net, clustered(2000, DIM, seed=0))
    with ThreadPoolExecutor() as pool:
        done = list(
            pool.map(lambda _n: indexes.build_if_due(session, net, lambda _notice: None), range(4))
        )
    assert sum(build_s is not None for build_s in done) == 1


def test_a_search_does_not_wait_for_a_rebuild(
    session: Session, indexed: tuple[BackboneRow, Vectors]
) -> None:
    """Only for the moment in which the rows are shuffled; after it, it compares all of them."""
    net, vectors = indexed
    with session.connect() as connection:
        # Ends each build with a pause, in which searches must be answered.
        connection.execute(
            text(
                "CREATE FUNCTION pause() RETURNS event_trigger LANGUAGE plpgsql AS "
                "$$ BEGIN PERFORM pg_sleep(2); END $$; "
                "CREATE EVENT TRIGGER pause ON ddl_command_end WHEN TAG IN ('CREATE INDEX') "
                "EXECUTE FUNCTION pause()"
            )
        )
    with ThreadPoolExecutor() as pool:
        rebuilt = pool.submit(indexes.build, session, net, lambda _notice: None)
        answers, longest = [], 0.0
        while not rebuilt.done():
            began = time.monotonic()
            answers.append(search.nearest(session, net, vectors[0], 5))
            longest = max(longest, time.monotonic() - began)
        assert rebuilt.result() >= 4, "two indexes were built"
    assert longest < 1.5
    assert {answer.exact for answer in answers} == {False, True}
    assert {answer.hits[0].frame.frame_id for answer in answers} == {1}
    assert not search.nearest(session, net, vectors[0], 5).exact


def test_rows_are_shuffled_before_an_index_is_built(session: Session) -> None:
    net = backbone(session, "net", DIM)
    publish(session, net, clustered(2000, DIM, seed=0))
    publish(session, net, clustered(2000, DIM, seed=1), "another")
    indexes.build(session, net, lambda _notice: None)
    with session.connect() as connection:
        order = connection.execute(text("SELECT frame_id FROM embedding_net")).scalars().all()
        left = connection.execute(
            text("SELECT count(*) FROM pg_indexes WHERE tablename = 'embedding_net'")
        ).scalar_one()
    assert sorted(order) == list(range(1, 4001))
    assert 0.4 < sum(frame > 2000 for frame in order[:1000]) / 1000 < 0.6
    assert left == 2, "the primary key and the HNSW index"


def test_a_table_in_use_is_indexed_as_it_lies(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(row_order._SETTINGS, "lock_timeout", "200ms")
    net = backbone(session, "net", DIM)
    publish(session, net, clustered(500, DIM, seed=0))
    heard: list[str] = []
    with session.transaction() as reading:
        reading.execute(text("SELECT count(*) FROM embedding_net"))
        indexes.build(session, net, heard.append)
    assert ["not shuffled" in notice for notice in heard] == [True]
    assert not search.nearest(session, net, clustered(1, DIM, seed=0)[0], 5).exact


def test_a_build_that_finds_too_little_shared_memory_goes_on_without(session: Session) -> None:
    net = backbone(session, "net", DIM)
    publish(session, net, clustered(100, DIM, seed=0))
    with session.connect() as connection:
        connection.execute(
            text(
                "CREATE FUNCTION full_disk() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN "
                "IF current_setting('max_parallel_maintenance_workers') <> '0' THEN "
                "RAISE 'could not resize shared memory segment' USING ERRCODE = '53100'; END IF; "
                "END $$; "
                "CREATE EVENT TRIGGER full_disk ON ddl_command_start WHEN TAG IN ('CREATE INDEX') "
                "EXECUTE FUNCTION full_disk()"
            )
        )
    heard: list[str] = []
    indexes.build(session, net, heard.append)
    assert ["serially" in notice for notice in heard] == [True], heard
    assert not search.nearest(session, net, clustered(1, DIM, seed=0)[0], 5).exact


def test_rows_that_were_deleted_do_not_shorten_the_answer(
    session: Session, indexed: tuple[BackboneRow, Vectors]
) -> None:
    net, vectors = indexed
    with session.connect() as connection:
        connection.execute(text("DELETE FROM frame WHERE frame_index % 20 <> 0"))
    assert len(search.nearest(session, net, vectors[0], 50).hits) == 50


def test_rows_added_to_an_index_are_found(
    session: Session, indexed: tuple[BackboneRow, Vectors]
) -> None:
    net, _unused = indexed
    late = clustered(3, DIM, seed=77)
    publish(session, net, late, name="late")
    best = search.nearest(session, net, late[1], 1).hits[0]
    assert best.frame.path == "/films/late.mp4"
    assert best.distance < 1e-3


def test_many_equal_vectors_do_not_hide_the_others(session: Session) -> None:
    net, others = backbone(session, "net", DIM), clustered(1000, DIM, seed=4)
    equal = np.repeat(clustered(1, DIM, seed=0), 5000, axis=0)
    publish(session, net, np.concatenate([equal, others]))
    indexes.build(session, net, lambda _notice: None)
    assert index_recall(session, net, others[::50]) >= 0.95
