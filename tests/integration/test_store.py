"""Writing, searching and indexing, with made-up vectors on a real PostgreSQL."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import psycopg
import pytest
from psycopg import sql
from sqlalchemy import Select, text

from imgsim.domain import MediaInfo, MediaKind, MediaStatus, Vectors
from imgsim.errors import BackboneNotIngested, EmptyGallery
from imgsim.metrics import ann_recall_at_k
from imgsim.store import gallery, indexes, registry, search
from imgsim.store.engine import Session
from imgsim.store.registry import BackboneRow
from imgsim.store.staging import FrameRow
from imgsim.store.write import MediaOutcome, open_writer
from imgsim.vectors import exact_search, l2_normalize, round_to_half

DIM = 16
INFO = MediaInfo(kind=MediaKind.VIDEO, width=64, height=48)


def _backbone(session: Session, name: str = "net", revision: str = "r1") -> BackboneRow:
    return registry.register(
        session, name=name, revision=revision, dim=DIM, weights_sha256="00", weights_path=None
    )


def _vectors(count: int, seed: int = 0) -> Vectors:
    """Clustered unit vectors, as embeddings of videos are."""
    random = np.random.default_rng(seed)
    centres = random.normal(size=(max(1, count // 20), DIM))
    picked = centres[random.integers(len(centres), size=count)]
    noisy = picked + random.normal(scale=0.4, size=(count, DIM))
    return l2_normalize(noisy.astype(np.float32))


def _frames(count: int) -> list[FrameRow]:
    return [
        FrameRow(frame_index=i, pts=i * 512, timestamp_s=i / 25, is_blank=False, thumbnail=b"jpeg")
        for i in range(count)
    ]


def _outcome(name: str, frames: int, status: MediaStatus = MediaStatus.COMPLETE) -> MediaOutcome:
    return MediaOutcome(
        content_id=f"sha256:{name}",
        path=Path(f"/films/{name}.mp4"),
        info=INFO,
        status=status,
        decoded_frames=frames,
        detail=None,
    )


def _publish(
    session: Session,
    backbone: BackboneRow,
    vectors: Vectors,
    name: str = "film",
    sampling: str = "all",
) -> None:
    outcome = _outcome(name, len(vectors))
    with open_writer(session, [backbone]) as writer:
        assert writer.claim(outcome.content_id, wait=False)
        writer.stage_frames(1, _frames(len(vectors)))
        writer.stage_embeddings(
            backbone.backbone_id,
            [1] * len(vectors),
            range(len(vectors)),
            round_to_half(vectors, range(len(vectors))),
        )
        writer.publish(1, outcome, sampling, {backbone.backbone_id: len(vectors)})
        writer.release(outcome.content_id)


def test_what_is_published_is_found_exactly(session: Session) -> None:
    backbone, vectors = _backbone(session), _vectors(500)
    _publish(session, backbone, vectors)
    query = _vectors(1, seed=9)[0]
    answer = search.nearest(session, backbone, query, 10)
    assert answer.exact
    expected = exact_search(query, vectors, 10)
    assert [hit.frame.frame_index for hit in answer.hits] == [row for row, _ in expected]
    np.testing.assert_allclose(
        [hit.distance for hit in answer.hits], [distance for _, distance in expected], atol=2e-3
    )
    first = answer.hits[0].frame
    assert first.path == "/films/film.mp4"
    assert first.timestamp_s == pytest.approx(first.frame_index / 25)


def test_equal_distances_are_ranked_by_frame_id(session: Session) -> None:
    backbone = _backbone(session)
    same = np.repeat(_vectors(1).astype(np.float16).astype(np.float32), 50, axis=0)
    _publish(session, backbone, same)
    hits = search.nearest(session, backbone, _vectors(1)[0], 7).hits
    identifiers = [hit.frame.frame_id for hit in hits]
    assert identifiers == sorted(identifiers)
    assert len({hit.distance for hit in hits}) == 1
    assert [hit.rank for hit in hits] == [1, 2, 3, 4, 5, 6, 7]


def test_a_media_that_was_never_published_leaves_nothing(session: Session) -> None:
    backbone = _backbone(session)
    with open_writer(session, [backbone]) as writer:
        writer.claim("sha256:film", wait=False)
        writer.stage_frames(1, _frames(3))
    counted = gallery.counts(session, [backbone])
    assert (counted.media, counted.frames, counted.embeddings) == (0, 0, {"net": 0})
    with open_writer(session, [backbone]) as writer:
        assert writer.claim("sha256:film", wait=False), "the claim went with its connection"


def test_a_content_is_claimed_once(session: Session) -> None:
    with open_writer(session, []) as first, open_writer(session, []) as second:
        assert first.claim("sha256:a", wait=False)
        assert not first.claim("sha256:a", wait=False)
        assert not second.claim("sha256:a", wait=False)
        assert second.claim("sha256:b", wait=False)
        first.release("sha256:a")
        assert second.claim("sha256:a", wait=True)


def test_publishing_again_adds_what_is_missing_and_nothing_twice(session: Session) -> None:
    backbone = _backbone(session)
    _publish(session, backbone, _vectors(5), sampling="every=2")
    _publish(session, backbone, _vectors(9), sampling="all")
    counted = gallery.counts(session, [backbone])
    assert (counted.media, counted.frames, counted.embeddings) == (1, 9, {"net": 9})


def test_a_second_backbone_reuses_the_frames(session: Session) -> None:
    one, two = _backbone(session, "one"), _backbone(session, "two")
    _publish(session, one, _vectors(5))
    _publish(session, two, _vectors(5, seed=1))
    counted = gallery.counts(session, [one, two])
    assert (counted.media, counted.frames) == (1, 5)
    assert counted.embeddings == {"one": 5, "two": 5}


def test_the_survey_tells_what_is_left(session: Session) -> None:
    one, two = _backbone(session, "one"), _backbone(session, "two")
    _publish(session, one, _vectors(5), sampling="every=2")
    with session.connect() as connection:
        done = gallery.survey(connection, "sha256:film", [one, two], "every=2")
        other = gallery.survey(connection, "sha256:film", [one], "all")
        unknown = gallery.survey(connection, "sha256:new", [one], "all")
    assert done.covered == {one.backbone_id: 5}
    assert done.present == {two.backbone_id: set()}
    assert other.present == {one.backbone_id: {0, 1, 2, 3, 4}}
    assert unknown.media is None


def test_a_failure_does_not_overwrite_what_was_decoded(session: Session) -> None:
    backbone = _backbone(session)
    _publish(session, backbone, _vectors(5))
    with open_writer(session, []) as writer:
        writer.record_failure(_outcome("film", 0, MediaStatus.FAILED))
        writer.record_failure(_outcome("broken", 0, MediaStatus.FAILED))
    with session.connect() as connection:
        film = gallery.find_media(connection, "sha256:film")
        broken = gallery.find_media(connection, "sha256:broken")
    assert film is not None
    assert (film.status, film.decoded_frames) == (MediaStatus.COMPLETE, 5)
    assert broken is not None
    assert broken.status is MediaStatus.FAILED


def test_text_that_postgresql_refuses_is_made_readable() -> None:
    assert gallery.readable("a\x00b\udcff") == "a\ufffdb?"
    assert gallery.readable(b"/p/\xff.jpg") == "/p/\ufffd.jpg"


def test_two_revisions_of_a_name_have_tables_of_their_own(session: Session) -> None:
    first, second = _backbone(session), _backbone(session, revision="r2")
    assert (first.slug, second.slug) == ("net", "net_2")
    assert _backbone(session).slug == "net"
    newest = registry.newest(session, "net")
    assert newest is not None
    assert newest.revision == "r2"


def test_what_was_not_ingested_is_told_apart(session: Session) -> None:
    with pytest.raises(EmptyGallery):
        registry.require(session, "net", "r1")
    backbone = _backbone(session)
    _publish(session, backbone, _vectors(3))
    assert registry.require(session, "net", "r1") == backbone
    with pytest.raises(BackboneNotIngested, match="it has: net"):
        registry.require(session, "other", "r1")
    with pytest.raises(BackboneNotIngested, match="another revision"):
        registry.require(session, "net", "r2")


def _explain(session: Session, query: Select[object]) -> str:
    with session.connect() as connection:
        statement = query.compile(connection, compile_kwargs={"literal_binds": True}).string
        return "\n".join(
            connection.execute(text(f"EXPLAIN {statement}".replace(":", r"\:"))).scalars()
        )


def _recall(session: Session, backbone: BackboneRow, queries: Vectors) -> float:
    """How much of the exact top ten the index finds."""

    def top(query: Vectors, *, exact: bool) -> list[int]:
        hits = search.nearest(session, backbone, query, 10, exact=exact).hits
        return [hit.frame.frame_id for hit in hits]

    return ann_recall_at_k(
        [top(query, exact=True) for query in queries],
        [top(query, exact=False) for query in queries],
        10,
    )


@pytest.fixture
def indexed(session: Session) -> tuple[BackboneRow, Vectors]:
    """A table of 4,000 vectors with its index."""
    backbone, vectors = _backbone(session), _vectors(4000)
    _publish(session, backbone, vectors)
    indexes.build(session, backbone, lambda _notice: None)
    with session.connect() as connection:
        connection.execute(text("ANALYZE imgsim.embedding_net"))
    return backbone, vectors


def test_the_index_is_used_and_exact_search_avoids_it(
    session: Session, indexed: tuple[BackboneRow, Vectors]
) -> None:
    backbone, vectors = indexed
    assert "Index Scan using embedding_net_hnsw" in _explain(
        session, search.index_neighbours(backbone, vectors[0], 10)
    )
    assert "hnsw" not in _explain(session, search.exact_neighbours(backbone, vectors[0], 10))


def test_the_index_finds_nearly_what_exact_search_finds(
    session: Session, indexed: tuple[BackboneRow, Vectors]
) -> None:
    backbone, _unused = indexed
    answer = search.nearest(session, backbone, _vectors(1, seed=6)[0], 10)
    assert not answer.exact
    distances = [hit.distance for hit in answer.hits]
    assert distances == sorted(distances)
    assert _recall(session, backbone, _vectors(30, seed=5)) >= 0.95


@pytest.mark.parametrize("k", [150, 1000, 1001])
def test_a_large_k_is_met(session: Session, indexed: tuple[BackboneRow, Vectors], k: int) -> None:
    backbone, vectors = indexed
    answer = search.nearest(session, backbone, vectors[3], k)
    assert len(answer.hits) == k
    assert answer.exact == (k > search.MAX_EF_SEARCH)


def test_the_record_of_the_index_says_how_it_was_built(
    session: Session, indexed: tuple[BackboneRow, Vectors]
) -> None:
    backbone, _unused = indexed
    (state,) = indexes.status(session, [backbone])
    assert (state.rows, state.rows_at_build, state.m, state.ef_construction) == (4000, 4000, 16, 64)
    assert state.index_bytes
    with session.connect() as connection:
        made = connection.execute(
            text("SELECT indexdef FROM pg_indexes WHERE indexname = 'embedding_net_hnsw'")
        ).scalar_one()
    assert "hnsw (embedding halfvec_cosine_ops) WITH (m='16', ef_construction='64')" in made


def test_an_index_is_built_when_the_table_has_grown(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    backbone = _backbone(session)
    _publish(session, backbone, _vectors(300))
    assert indexes.build_if_due(session, backbone, lambda _notice: None) is None
    monkeypatch.setattr(indexes, "BUILD_FROM_ROWS", 300)
    assert indexes.build_if_due(session, backbone, lambda _notice: None) is not None
    assert indexes.build_if_due(session, backbone, lambda _notice: None) is None, "it has one now"


def test_rows_added_to_an_index_are_found(
    session: Session, indexed: tuple[BackboneRow, Vectors]
) -> None:
    backbone, _unused = indexed
    late = _vectors(3, seed=77)
    _publish(session, backbone, late, name="late")
    best = search.nearest(session, backbone, late[1], 1).hits[0]
    assert best.frame.path == "/films/late.mp4"
    assert best.distance < 1e-3


def test_many_equal_vectors_do_not_hide_the_others(session: Session) -> None:
    backbone, others = _backbone(session), _vectors(1000, seed=4)
    _publish(session, backbone, np.concatenate([np.repeat(_vectors(1), 5000, axis=0), others]))
    indexes.build(session, backbone, lambda _notice: None)
    assert _recall(session, backbone, others[::50]) >= 0.95


def test_embedding_columns_are_stored_in_line(session: Session, database: str) -> None:
    backbone = _backbone(session)
    with psycopg.connect(database) as connection:
        storage, options = connection.execute(
            sql.SQL(
                "SELECT a.attstorage, c.reloptions FROM pg_class c JOIN pg_attribute a "
                "ON a.attrelid = c.oid WHERE c.relname = {} AND a.attname = 'embedding'"
            ).format(sql.Literal(backbone.table.name))
        ).fetchone() or (None, None)
    assert storage == "p"
    assert options == ["parallel_workers=4"]


@pytest.mark.parametrize("dim", [0, 4001, 25088])
def test_a_dim_that_cannot_be_indexed_is_refused_before_any_ddl(session: Session, dim: int) -> None:
    with pytest.raises(ValueError, match="cannot be indexed"):
        registry.register(
            session, name="wide", revision="r", dim=dim, weights_sha256="0", weights_path=None
        )
    assert registry.backbones(session) == []


@pytest.mark.parametrize("dim", [512, 1280, 2048, 4000])
def test_every_dim_in_use_can_be_indexed(session: Session, dim: int) -> None:
    backbone = registry.register(
        session, name="wide", revision="r", dim=dim, weights_sha256="0", weights_path=None
    )
    vectors = l2_normalize(np.random.default_rng(0).normal(size=(20, dim)).astype(np.float32))
    _publish(session, backbone, vectors)
    indexes.build(session, backbone, lambda _notice: None)
    assert search.nearest(session, backbone, vectors[7], 1).hits[0].frame.frame_index == 7
