"""`imgsim index tune`: measured, stored, and used by searches."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from psycopg.conninfo import conninfo_to_dict
from sqlalchemy import text

from benchmarks.gallery import backbone, clustered, publish
from imgsim.errors import GalleryError
from imgsim.store import evaluations, indexes, registry, search, tuning
from imgsim.store.engine import Session
from imgsim.store.registry import BackboneRow
from imgsim.store.server import EmbeddedServer
from imgsim.vectors import exact_search, l2_normalize, round_to_half
from tests.databases import clone
from tests.integration.command import Imgsim, calling
from tests.integration.hard_gallery import (
    DIM,
    QUERY,
    ROWS,
    always_indexed,
    fill,
    hard,
    planned_as_it_is,
    pretend_tuned,
    stored,
)


@pytest.fixture(scope="module")
def indexed(server: EmbeddedServer, template: str) -> Iterator[str]:
    """The name of a gallery to clone: 4,000 vectors of vgg16 with an index, 30 of vgg19 without."""
    with clone(server, template) as conninfo:
        session = Session(conninfo)
        fill(session)
        publish(session, backbone(session, "vgg19", DIM), hard(30, seed=1), name="other")
        session.close()
        yield str(conninfo_to_dict(conninfo)["dbname"])


@pytest.fixture
def gallery(server: EmbeddedServer, indexed: str) -> Iterator[str]:
    """The conninfo of that gallery, of which nothing is tuned; planned as if it were large."""
    with clone(server, indexed) as conninfo:
        yield always_indexed(conninfo)


@pytest.fixture
def imgsim(gallery: str, capfd: pytest.CaptureFixture[str]) -> Imgsim:
    """Runs `imgsim ARGUMENTS` on it."""
    return calling(gallery, capfd)


@pytest.fixture
def opened(gallery: str) -> Iterator[Session]:
    """A session on it."""
    session = Session(gallery)
    yield session
    session.close()


@pytest.fixture
def net(opened: Session) -> BackboneRow:
    """Its backbone with an index."""
    return registry.require(opened, "vgg16")


def tune(imgsim: Imgsim, *arguments: object) -> dict[str, Any]:
    """What a tuning of vgg16 tells."""
    ran = imgsim("index", "tune", "-b", "vgg16", "--sample", 50, "--format", "json", *arguments)
    assert ran.code == 0
    (told,) = ran.json()
    assert isinstance(told, dict)
    return told


def test_the_first_width_that_finds_enough_is_chosen_and_used(
    imgsim: Imgsim, opened: Session, net: BackboneRow
) -> None:
    assert search.nearest(opened, net, QUERY, 5).ef_search == 100
    told = tune(imgsim, "--recall", "0.98")
    widths, recalls = zip(*((e["ef_search"], e["recall"]) for e in told["widths"]), strict=True)
    assert widths == tuning.EF_SEARCHES[: len(widths)]
    assert all(recall < 0.98 for recall in recalls[:-1])
    assert recalls[-1] >= 0.98
    assert told["chosen"] == told["widths"][-1]
    assert all(0 < each["median_ms"] <= each["p95_ms"] for each in told["widths"])
    assert (told["before"], told["queries"], told["gallery_rows"]) == (100, 50, ROWS)
    chosen = widths[-1]
    assert chosen > 100, "or what follows tells nothing"
    assert stored(opened) == (chosen, recalls[-1], 10)
    answer = search.nearest(opened, net, QUERY, 5)
    assert (answer.exact, answer.ef_search) == (False, chosen)
    assert search.nearest(opened, net, QUERY, 900).ef_search == 900
    assert search.nearest(opened, net, QUERY, 5, ef_search=50).ef_search == 50
    assert search.nearest(opened, net, QUERY, 5, exact=True).ef_search is None
    assert tune(imgsim, "--recall", "0.98")["before"] == chosen


def test_more_recall_takes_a_wider_search(imgsim: Imgsim) -> None:
    little, all_of_it = (tune(imgsim, "--recall", each)["chosen"] for each in ("0.8", "1.0"))
    assert all_of_it["recall"] == 1
    assert all_of_it["ef_search"] > little["ef_search"]


def test_equal_seeds_measure_the_same(imgsim: Imgsim) -> None:
    def recalls(seed: int) -> list[float]:
        told = tune(imgsim, "--recall", "0.98", "--seed", seed)
        return [each["recall"] for each in told["widths"]]

    assert recalls(3) == recalls(3)
    assert recalls(3) != recalls(4)


def test_the_width_is_never_under_what_is_asked_for(imgsim: Imgsim) -> None:
    widest = tune(imgsim, "--recall", "0.5", "-k", "200")["widths"]
    assert [each["ef_search"] for each in widest] == [300]
    assert tune(imgsim, "--recall", "0.5", "-k", "999")["chosen"]["ef_search"] == 1000


def test_recall_is_the_share_of_other_frames_that_are_found(
    opened: Session, net: BackboneRow
) -> None:
    """Compared with a count by hand, over the stored vectors in memory."""
    asked = tuning.draw(opened, net, 10, 40, seed=0)
    ids, _ = evaluations.common_frames(opened, [net])
    vectors = evaluations.vectors_of(opened, net, ids)
    shares, to_own = [], []
    for own, query in zip(asked.frame_ids, asked.vectors, strict=True):
        unit = l2_normalize(query[None])[0]
        near = [int(ids[row]) for row, _ in exact_search(unit, vectors, 11)]
        hits = search.nearest(opened, net, unit, 11, ef_search=40).hits
        found = [hit.frame.frame_id for hit in hits]
        exact, got = ({each for each in some if each != own} for some in (near, found))
        assert len(exact) == 10
        shares.append(len(exact & got) / 10)
        to_own.append(1 - float(unit @ vectors[np.flatnonzero(ids == own)[0]]))
    first = next(tuning.ask(opened, net, asked))
    assert first.ef_search == 40
    assert first.recall == pytest.approx(float(np.mean(shares)), abs=0.006)
    assert first.recall < 0.97
    # Rows as they are would be easier to find than any picture from outside.
    assert all(0.03 < distance < 0.055 for distance in to_own)


def test_what_cannot_be_reached_is_said_and_not_stored(
    imgsim: Imgsim, opened: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    pretend_tuned(opened, 77)
    monkeypatch.setattr(tuning, "EF_SEARCHES", (40, 60))
    ran = imgsim("index", "tune", "-b", "vgg16", "--recall", "0.999")
    assert ran.code == 1
    lines = ran.out.splitlines()
    assert [line.split()[0] for line in lines[2:4]] == ["40", "60"]
    assert "chosen" not in ran.out
    best = lines[3].split()[1]
    assert f"the best is {best}, at ef_search 60. Nothing is stored" in ran.err
    assert stored(opened) == (77, 0.9, 10)


def test_no_width_is_chosen_at_which_the_index_is_not_followed(
    imgsim: Imgsim, opened: Session, net: BackboneRow, gallery: str
) -> None:
    """By its own reckoning, PostgreSQL rather compares all rows of a table so small."""
    planned_as_it_is(gallery)
    opened.close()
    ran = imgsim("index", "tune", "-b", "vgg16", "--recall", "1")
    assert ran.code == 1
    last = int(ran.out.splitlines()[-2].split()[0])
    assert 40 < last < 1000
    assert f"No ef_search up to {last} (beyond {last}, PostgreSQL compares all frames" in ran.err
    assert stored(opened) == (None, None, None)
    with opened.connect() as connection:
        connection.execute(text("DELETE FROM frame WHERE frame_index >= 20"))
        connection.execute(text("VACUUM ANALYZE embedding_vgg16"))
    indexes.build(opened, net, lambda _notice: None)
    tiny = imgsim("index", "tune", "-b", "vgg16")
    assert (tiny.code, tiny.out) == (1, "")
    assert "compares all its 20 frames rather than follow the index" in tiny.err


def test_only_backbones_with_an_index_are_tuned(imgsim: Imgsim, opened: Session) -> None:
    alone = imgsim("index", "tune", "-b", "vgg19")
    assert (alone.code, alone.out) == (1, "")
    assert "no HNSW index of vgg19" in alone.err
    assert "small tables are searched exactly. `imgsim index rebuild`" in alone.err
    both = imgsim("index", "tune", "-b", "vgg16", "-b", "vgg19", "--recall", "0.5")
    assert both.code == 4
    every = imgsim("index", "tune", "--recall", "0.5")
    assert (every.code, "vgg19 has no HNSW index" in every.err) == (0, True)
    assert stored(opened)[0] == 40


@pytest.mark.parametrize(
    "arguments",
    [
        ("--recall", "0"),
        ("--recall", "1.01"),
        ("--recall", "nan"),
        ("-k", "0"),
        ("-k", "1000"),
        ("--sample", "0"),
        ("--seed", "-1"),
    ],
)
def test_what_makes_no_sense_is_refused(imgsim: Imgsim, arguments: tuple[str, str]) -> None:
    ran = imgsim("index", "tune", *arguments)
    assert (ran.code, ran.out) == (2, "")
    assert f"{arguments[0]} must be" in ran.err


def test_the_status_shows_the_width_in_use(imgsim: Imgsim) -> None:
    def shown() -> list[str]:
        head, vgg16, vgg19 = imgsim("index", "status").out.splitlines()
        at = head.split().index("build")  # "rows at build" and "build s" are names of columns
        assert head.split()[at + 1 : at + 5] == ["build", "s", "ef_search", "recall"]
        assert vgg19.split()[-4:] == ["-"] * 4
        return vgg16.split()[7:-2]

    assert shown() == ["100", "-"]
    told = tune(imgsim, "--recall", "0.98")["chosen"]
    assert shown() == [str(told["ef_search"]), f"{told['recall']:.4f}", "at", "10"]


def test_the_table_marks_what_was_chosen(imgsim: Imgsim) -> None:
    lines = imgsim("index", "tune", "-b", "vgg16", "--recall", "0.95").out.splitlines()
    assert "4,000 frames, asked for 200 of them" in lines[0]
    assert lines[1].split() == ["ef_search", "ann_recall_at_10", "median", "ms", "p95", "ms"]
    *others, chosen, outcome = lines[2:]
    assert chosen.endswith("<- chosen")
    assert not any("chosen" in line for line in others)
    assert outcome == f"searches use ef_search {chosen.split()[0]} now; before, 100"


def test_an_index_that_was_replaced_meanwhile_is_not_tuned(
    opened: Session, net: BackboneRow
) -> None:
    built = tuning.built_at(opened, net)
    assert built
    found = next(tuning.ask(opened, net, tuning.draw(opened, net, 10, 5, seed=0)))
    indexes.build(opened, net, lambda _notice: None)
    with pytest.raises(GalleryError, match="built anew while it was measured"):
        tuning.keep(opened, net, found, 10, built)
    assert stored(opened) == (None, None, None)


def test_frames_that_hardly_differ_are_no_misses(session: Session) -> None:
    """Of 60 equal pictures any 10 are the nearest, whichever an exact search puts first."""
    still = backbone(session, "vgg16", DIM)
    scenes = np.repeat(clustered(40, DIM, seed=0, per_cluster=1), 60, axis=0)
    publish(session, still, scenes)
    indexes.build(session, still, lambda _notice: None)
    asked = tuning.draw(session, still, 10, 40, seed=0)
    *_, widest = tuning.ask(session, still, asked)
    # Counted by their order, a quarter would be found at best, however wide the search.
    assert widest.recall >= 0.6


def test_a_gallery_of_one_frame_cannot_be_measured(session: Session) -> None:
    one = backbone(session, "vgg16", DIM)
    publish(session, one, round_to_half(hard(1, seed=0), [0]).astype(np.float32))
    indexes.build(session, one, lambda _notice: None)
    with pytest.raises(GalleryError, match="two frames at least"):
        tuning.draw(session, one, 10, 5, seed=0)
