"""Searches, evaluations and SQL functions at the ef_search that was stored."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import text

from imgsim.store import evaluations, indexes, search
from imgsim.store.engine import Session
from imgsim.store.registry import BackboneRow
from imgsim.vectors import exact_search
from tests.integration.command import calling
from tests.integration.hard_gallery import QUERY, ROWS, fill, hard, pretend_tuned, stored


@pytest.fixture(scope="module")
def session(module_database: str) -> Iterator[Session]:
    """A session on a gallery that the tests of this file share, each with a width of its own."""
    session = Session(module_database)
    yield session
    session.close()


@pytest.fixture(scope="module")
def net(session: Session) -> BackboneRow:
    """Its indexed backbone."""
    return fill(session)


def test_evaluations_search_as_wide_as_searches(session: Session, net: BackboneRow) -> None:
    queries = hard(20, seed=5)
    pretend_tuned(session, 10)
    narrow = evaluations.found_by_index(session, net, queries, 10)
    pretend_tuned(session, 1000)
    wide = evaluations.found_by_index(session, net, queries, 10)
    exact = [[row + 1 for row, _ in exact_search(q, hard(ROWS, seed=0), 10)] for q in queries]

    def agree(found: list[list[int]]) -> int:
        return sum(len(set(a) & set(b)) for a, b in zip(exact, found, strict=True))

    assert agree(narrow) < 0.8 * agree(wide)


@pytest.mark.usefixtures("net")
def test_sql_functions_search_as_wide(session: Session, module_database: str) -> None:
    frames = list(range(1, 40))

    def found(ef_search: int | None) -> tuple[float, float]:
        """Share of the exact neighbours that ann_recall and that similar find."""
        pretend_tuned(session, ef_search)
        with psycopg.connect(module_database, options="-csearch_path=imgsim,public") as connection:
            recall = connection.execute("SELECT ann_recall('vgg16', 10, 40)").fetchone()
            similar = connection.execute(
                "SELECT q, s.frame_id FROM unnest(%s::bigint[]) q, similar(q, 'vgg16', 10) s",
                [frames],
            ).fetchall()
        assert recall
        vectors = hard(ROWS, seed=0)
        exact = {
            (frame, row + 1)
            for frame in frames
            for row, _ in exact_search(vectors[frame - 1], vectors, 11)
        }
        return float(recall[0]), len(exact & set(similar)) / len(similar)

    untuned, narrow, at_100, wide = found(None), found(11), found(100), found(1000)
    assert untuned == at_100
    assert all(a < b - 0.01 for a, b in zip(narrow, at_100, strict=True))
    assert all(a < b - 0.01 for a, b in zip(at_100, wide, strict=True))


def test_a_saved_search_tells_its_width(
    filled_database: str, picture: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    imgsim = calling(filled_database, capfd)
    assert imgsim("index", "rebuild", "-b", "efficientnet_lite0").code == 0
    own = Session(filled_database)
    for tuned in (None, 300):
        pretend_tuned(own, tuned)
        assert imgsim("search", picture, "--save").code == 0
    query = text("SELECT ef_search FROM search_backbone ORDER BY search_id")
    with own.connect() as connection:
        assert connection.execute(query).scalars().all() == [100, 300]
    own.close()


@pytest.mark.parametrize(("tuned", "after"), [(300, (300, None, None)), (40, (None, None, None))])
def test_a_new_index_keeps_a_wide_search_and_no_other(
    session: Session, net: BackboneRow, tuned: int, after: tuple[int | None, None, None]
) -> None:
    pretend_tuned(session, tuned)
    heard: list[str] = []
    indexes.build(session, net, heard.append)
    assert stored(session) == after
    assert [f"ef_search {tuned} of vgg16 was tuned" in each for each in heard] == [True]
    assert search.nearest(session, net, QUERY, 5).ef_search == (after[0] or 100)
