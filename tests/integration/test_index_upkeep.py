"""Adding to a table that has its index: inserted, or the index dropped and built at the end."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import text

from benchmarks.gallery import backbone, clustered, publish, publish_with
from imgsim.store import indexes, search
from imgsim.store.embedding_tables import vector_bytes
from imgsim.store.engine import Session
from imgsim.store.registry import BackboneRow
from imgsim.store.write import open_writer

DIM = 16
ROWS = 2000


@pytest.fixture
def net(session: Session) -> BackboneRow:
    """A backbone whose table of 2,000 rows has its index."""
    made = backbone(session, "net", DIM)
    publish(session, made, clustered(ROWS, DIM, seed=0))
    indexes.build(session, made, lambda _notice: None)
    return made


def pretend_build_took(session: Session, seconds: float) -> None:
    """Change what is known of the cost of building."""
    with session.connect() as connection:
        connection.execute(text("UPDATE hnsw_index SET build_s = :s"), {"s": seconds})


def is_indexed(session: Session, net: BackboneRow) -> bool:
    """Whether the table has its index."""
    with session.connect() as connection:
        return indexes.has_index(connection, net)


def test_a_few_rows_are_inserted(session: Session, net: BackboneRow) -> None:
    publish(session, net, clustered(100, DIM, seed=1), "more")
    assert is_indexed(session, net)
    answer = search.nearest(session, net, clustered(100, DIM, seed=1)[50], 1)
    assert not answer.exact
    assert answer.hits[0].distance < 1e-3
    assert indexes.build_if_due(session, net, lambda _notice: None) is None


def test_many_rows_are_loaded_without_the_index_which_is_then_built(
    session: Session, net: BackboneRow
) -> None:
    heard: list[str] = []
    with open_writer(session, [net], heard.append) as writer:
        publish_with(writer, net, clustered(ROWS, DIM, seed=1), "as many again")
        assert not is_indexed(session, net)
        publish_with(writer, net, clustered(10, DIM, seed=2), "and more")
    assert ["index of net is quicker built anew" in notice for notice in heard] == [True]
    answer = search.nearest(session, net, clustered(10, DIM, seed=2)[5], 5)
    assert answer.exact
    assert (len(answer.hits), answer.hits[0].distance < 1e-3) == (5, True)
    # Far below the size at which a table gets its first index; this one had one.
    assert vector_bytes(DIM) * 2 * ROWS < indexes.BUILD_FROM_BYTES
    assert indexes.build_if_due(session, net, lambda _notice: None) is not None
    (state,) = indexes.status(session, [net])
    assert state.rows_at_build == 2 * ROWS + 10


def test_a_dear_build_is_put_off_and_what_inserts_really_cost_is_measured(
    session: Session, net: BackboneRow
) -> None:
    pretend_build_took(session, 1000)
    heard: list[str] = []
    with open_writer(session, [net], heard.append) as writer:
        for part in range(3):
            publish_with(writer, net, clustered(200, DIM, seed=part), f"part {part}")
        # At the cost that was assumed at first, so many would be dearer than a build.
        publish_with(writer, net, clustered(3000, DIM, seed=3), "many")
    assert heard == []
    assert is_indexed(session, net)


def test_small_additions_add_up(session: Session, net: BackboneRow) -> None:
    pretend_build_took(session, 1e-6)
    with open_writer(session, [net]) as writer:
        for part in range(3):
            assert is_indexed(session, net) == (part < 2)
            publish_with(writer, net, clustered(10, DIM, seed=part), f"part {part}")


def test_an_index_in_use_is_left_for_now(session: Session, net: BackboneRow) -> None:
    pretend_build_took(session, 1e-6)
    with session.transaction() as reading:
        reading.execute(text("SELECT count(*) FROM embedding_net"))
        publish(session, net, clustered(ROWS, DIM, seed=1), "more")
    assert is_indexed(session, net)


def test_searches_are_answered_all_the_while(session: Session, net: BackboneRow) -> None:
    wanted = clustered(ROWS, DIM, seed=0)[7]

    def load() -> float | None:
        publish(session, net, clustered(6 * ROWS, DIM, seed=1), "more")
        return indexes.build_if_due(session, net, lambda _notice: None)

    answers = []
    with ThreadPoolExecutor() as pool:
        loading = pool.submit(load)
        while not loading.done():
            answers.append(search.nearest(session, net, wanted, 5))
        assert loading.result() is not None
    answers.append(search.nearest(session, net, wanted, 5))
    assert all(len(answer.hits) == 5 for answer in answers)
    assert all(answer.hits[0].distance < 1e-3 for answer in answers)
    assert {answer.exact for answer in answers} == {False, True}
    assert not answers[-1].exact
