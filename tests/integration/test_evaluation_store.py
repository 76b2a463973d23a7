"""What an evaluation reads of the database."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import text

from benchmarks.gallery import backbone, clustered, frames, outcome, publish
from imgsim import metrics
from imgsim.domain import Vectors
from imgsim.pipeline.measuring import Measures
from imgsim.store import evaluations, indexes, matrix, paths, search
from imgsim.store.engine import Session
from imgsim.store.publication import Publication
from imgsim.store.server import EmbeddedServer
from imgsim.store.write import open_writer
from imgsim.vectors import l2_normalize, round_to_half
from tests.databases import clone

DIM = 16


def _films(session: Session, names: str, vectors: Vectors) -> None:
    for at, name in enumerate(names):
        publish(session, backbone(session, "net", DIM), vectors[at * 20 : at * 20 + 20], name)


def test_the_same_frames_are_drawn_in_whatever_order_they_came(
    server: EmbeddedServer, template: str
) -> None:
    """By what they are, not by their keys; a smaller sample is the beginning of a larger one."""
    vectors = clustered(100, DIM, seed=0)
    drawn: list[list[str]] = []
    for names in ("abcde", "ecabd"):
        with clone(server, template) as conninfo:
            session = Session(conninfo)
            _films(session, names, vectors)
            row = backbone(session, "net", DIM)
            whole = list(evaluations.sample_frames(session, [row], 30, 7).values())
            assert list(evaluations.sample_frames(session, [row], 9, 7).values()) == whole[:9]
            assert set(evaluations.sample_frames(session, [row], 30, 8).values()) != set(whole)
            assert len(evaluations.sample_frames(session, [row], 500, 7)) == 100
            drawn.append(whole)
            session.close()
    assert drawn[0] == drawn[1]
    assert len({name.split("/")[0] for name in drawn[0]}) == 5


def test_common_frames_are_those_of_all_backbones(session: Session) -> None:
    vectors = clustered(40, DIM, seed=1)
    one, other = backbone(session, "one", DIM), backbone(session, "other", DIM)
    publish(session, one, vectors[:20], "a")
    publish(session, one, vectors[20:], "b")
    publish(session, other, vectors[:7], "a")
    all_ids, all_media = evaluations.common_frames(session, [one])
    assert all_media.tolist() == sorted(all_media.tolist())
    assert np.bincount(np.unique(all_media, return_inverse=True)[1]).tolist() == [20, 20]
    ids, media = evaluations.common_frames(session, [one, other])
    assert ids.tolist() == all_ids[:7].tolist()
    assert set(media.tolist()) == {all_media[0]}
    later = int(all_media[-1])
    assert evaluations.common_frames(session, [one], [later])[0].tolist() == all_ids[20:].tolist()
    assert evaluations.common_frames(session, [other], [later])[0].tolist() == []
    assert evaluations.media_embedded_by(session, other, set(all_media.tolist())) == {all_media[0]}


def test_vectors_come_in_the_order_asked(session: Session) -> None:
    vectors = clustered(30, DIM, seed=2)
    row = backbone(session, "net", DIM)
    publish(session, row, vectors, dither=False)
    ids = evaluations.common_frames(session, [row])[0]
    mixed = np.random.default_rng(0).permutation(30)
    expected = l2_normalize(vectors.astype(np.float16).astype(np.float32))
    assert (evaluations.vectors_of(session, row, ids[mixed]) == expected[mixed]).all()
    gone = evaluations.vectors_of(session, row, np.array([ids[3], 10**9], np.int64))
    assert (gone[0] == expected[3]).all()
    assert not gone[1].any()


def test_a_path_leads_to_what_lies_there_now(session: Session) -> None:
    """Another content that was seen later at the same path has taken it over."""
    row, vectors = backbone(session, "net", DIM), clustered(1, DIM, seed=3)
    with open_writer(session, [row]) as writer:
        for number, content in enumerate(("old", "new"), start=1):
            film = outcome(content, 1)
            film = type(film)(
                **{name: getattr(film, name) for name in film.__slots__} | {"path": Path("/f/x")}
            )
            writer.claim([film.content_id])
            writer.stage_frames([(number, frame) for frame in frames(range(1))])
            half = round_to_half(vectors, [0])
            writer.stage_embeddings(row.backbone_id, [number], range(1), half)
            embedded = {row.backbone_id: 1}
            writer.publish(
                [Publication(number=number, outcome=film, sampling="all", embedded=embedded)]
            )
            writer.release([film.content_id])
    found = paths.media_at_paths(session, [Path("/f/x"), Path("/f/y")])
    with session.connect() as connection:
        newest = connection.execute(text("SELECT max(media_id) FROM imgsim.media")).scalar_one()
    assert found == {Path("/f/x"): newest}


@pytest.mark.parametrize("k", [3, 10, 150])
def test_the_index_finds_what_searches_find(session: Session, k: int) -> None:
    row = backbone(session, "net", DIM)
    publish(session, row, clustered(4000, DIM, seed=0))
    indexes.build(session, row, lambda _notice: None)
    queries = clustered(25, DIM, seed=5)
    assert evaluations.found_by_index(session, row, queries, k) == [
        [hit.frame.frame_id for hit in search.nearest(session, row, query, k).hits]
        for query in queries
    ]


def test_index_recall_leaves_the_query_itself_out(session: Session) -> None:
    """As imgsim.ann_recall does; and each k is searched at the width that a search for it has."""
    row = backbone(session, "net", DIM)
    publish(session, row, clustered(6000, DIM, seed=0, per_cluster=300))
    indexes.build(session, row, lambda _notice: None)
    own = evaluations.common_frames(session, [row])[0][:40]
    queries = evaluations.vectors_of(session, row, own)
    measured = list(Measures(ks=(10, 300)).of_index(session, row, queries, own))
    assert [(m.k, m.queries, m.gallery_rows) for m in measured] == [(10, 40, 6000), (300, 40, 6000)]
    for each in measured:
        exact = matrix.nearest_of_many(session, row, queries, each.k + 1)[0].tolist()
        found = [
            [hit.frame.frame_id for hit in search.nearest(session, row, query, each.k + 1).hits]
            for query in queries
        ]
        without = [
            [[i for i in ids if i != me] for ids, me in zip(some, own.tolist(), strict=True)]
            for some in (exact, found)
        ]
        recall = metrics.ann_recall_at_k(without[0], without[1], each.k)
        assert each.value == pytest.approx(recall)
        assert 0.5 < each.value < 1
