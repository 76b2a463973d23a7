"""Writing and searching, with made-up vectors on a real PostgreSQL."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import psycopg
import pytest
from psycopg import sql
from sqlalchemy import text

from benchmarks.gallery import (
    backbone,
    clustered,
    failure,
    frames,
    outcome,
    publish,
    sizes,
    stored,
)
from imgsim.domain import MediaStatus
from imgsim.errors import BackboneNotIngested, DatabaseError, EmptyGallery
from imgsim.sampling import ALL_FRAMES, Sampling
from imgsim.store import gallery, indexes, registry, search
from imgsim.store.engine import Session
from imgsim.store.paths import readable, remember_paths, usable_paths
from imgsim.store.publication import Publication
from imgsim.store.registry import BackboneRow
from imgsim.store.write import open_writer
from imgsim.vectors import exact_search, round_to_half

DIM = 16


def test_what_is_published_is_found_exactly(session: Session) -> None:
    net, vectors = backbone(session, "net", DIM), clustered(500, DIM, seed=0)
    publish(session, net, vectors)
    query = clustered(1, DIM, seed=9)[0]
    answer = search.nearest(session, net, query, 10)
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
    net = backbone(session, "net", DIM)
    same = np.repeat(clustered(1, DIM, seed=0).astype(np.float16).astype(np.float32), 50, axis=0)
    publish(session, net, same)
    hits = search.nearest(session, net, clustered(1, DIM, seed=0)[0], 7).hits
    identifiers = [hit.frame.frame_id for hit in hits]
    assert identifiers == sorted(identifiers)
    assert len({hit.distance for hit in hits}) == 1
    assert [hit.rank for hit in hits] == [1, 2, 3, 4, 5, 6, 7]


def test_a_media_that_was_never_published_leaves_nothing(session: Session) -> None:
    net = backbone(session, "net", DIM)
    with open_writer(session, [net]) as writer:
        writer.claim(["sha256:film"])
        writer.stage_frames([(1, frame) for frame in frames(range(3))])
    assert sizes(session, net) == (0, 0, [0])
    with open_writer(session, [net]) as writer:
        assert writer.claim(["sha256:film"]), "the claim went with its connection"


def test_a_publication_that_fails_half_way_leaves_nothing(session: Session) -> None:
    net, other = backbone(session, "net", DIM), backbone(session, "other", DIM)
    with session.connect() as connection:
        connection.execute(text("DROP TABLE imgsim.embedding_net"))
    with pytest.raises(DatabaseError, match="embedding_net"):
        publish(session, net, clustered(5, DIM, seed=0))
    assert sizes(session, other) == (0, 0, [0])


def test_a_content_is_claimed_once(session: Session) -> None:
    with open_writer(session, []) as first, open_writer(session, []) as second:
        assert first.claim(["sha256:a", "sha256:c"]) == {"sha256:a", "sha256:c"}
        assert first.claim(["sha256:a"]) == set()
        assert second.claim(["sha256:b", "sha256:a"]) == {"sha256:b"}
        with pytest.raises(ValueError, match="held"):
            second.claim_patiently("sha256:a")
        second.release(["sha256:b"])
        first.release(["sha256:a"])
        second.claim_patiently("sha256:a")
        assert first.claim(["sha256:a"]) == set()


def test_media_are_published_together_each_with_what_is_its_own(session: Session) -> None:
    """Two that come out whole, one that failed, one that is dropped, and one still under way."""
    net, vectors = backbone(session, "net", DIM), clustered(6, DIM, seed=0)
    with open_writer(session, [net]) as writer:
        writer.stage_frames(
            [(number, frame) for number in (1, 2, 4, 5) for frame in frames(range(number))]
        )
        half = round_to_half(vectors, range(6))
        writer.stage_embeddings(net.backbone_id, [1, 2, 2, 4, 5, 5], [0, 0, 1, 3, 0, 4], half)
        ready = [whole(1, net, 1), whole(2, net, 2), failure("film3")]
        writer.publish(ready, dropped=[4])
        assert sizes(session, net) == (3, 3, [3])
        writer.publish([whole(5, net, 2)])
    assert sizes(session, net) == (4, 8, [5])
    found = {
        (Path(hit.frame.path).stem, hit.frame.frame_index)
        for vector in vectors
        for hit in search.nearest(session, net, vector, 1).hits
        if hit.distance < 1e-3
    }
    assert found == {("film1", 0), ("film2", 0), ("film2", 1), ("film5", 0), ("film5", 4)}


def whole(number: int, net: BackboneRow, embedded: int) -> Publication:
    """A film of so many frames as its number."""
    return Publication(
        number=number,
        outcome=outcome(f"film{number}", number),
        sampling="all",
        embedded={net.backbone_id: embedded},
    )


def test_publishing_again_adds_what_is_missing_and_nothing_twice(session: Session) -> None:
    net = backbone(session, "net", DIM)
    publish(session, net, clustered(5, DIM, seed=0), sampling="every=2")
    publish(session, net, clustered(9, DIM, seed=0), sampling="all")
    assert sizes(session, net) == (1, 9, [9])


def test_a_second_backbone_reuses_the_frames(session: Session) -> None:
    one, two = backbone(session, "one", DIM), backbone(session, "two", DIM)
    publish(session, one, clustered(5, DIM, seed=0))
    publish(session, two, clustered(5, DIM, seed=1))
    assert sizes(session, one, two) == (1, 5, [5, 5])


def test_the_survey_tells_what_is_left(session: Session) -> None:
    one, two = backbone(session, "one", DIM), backbone(session, "two", DIM)
    publish(session, one, clustered(5, DIM, seed=0), sampling="every=2")
    with session.connect() as connection:
        asked = ["sha256:film", "sha256:new"]
        done = gallery.survey(connection, asked, [one, two], Sampling(every=2))["sha256:film"]
        other, unknown = gallery.survey(connection, asked, [one], ALL_FRAMES).values()
    assert done.covered == {one.backbone_id: 5}
    assert done.present == {two.backbone_id: set()}
    assert other.present == {one.backbone_id: {0, 1, 2, 3, 4}}
    assert unknown.media is None


def test_a_failure_does_not_overwrite_what_was_decoded(session: Session) -> None:
    net = backbone(session, "net", DIM)
    publish(session, net, clustered(5, DIM, seed=0))
    with open_writer(session, []) as writer:
        writer.publish([failure("film"), failure("broken")])
    with session.connect() as connection:
        film = stored(connection, "film")
        broken = stored(connection, "broken")
    assert film is not None
    assert (film.status, film.decoded_frames) == (MediaStatus.COMPLETE, 5)
    assert broken is not None
    assert broken.status is MediaStatus.FAILED


def test_text_that_postgresql_refuses_is_made_readable() -> None:
    assert readable("a\x00b\udcff") == "a\ufffdb?"
    assert readable(b"/p/\xff.jpg") == "/p/\ufffd.jpg"


def test_a_file_that_was_saved_anew_leaves_the_old_content_findable(
    session: Session, tmp_path: Path
) -> None:
    """Both contents were seen at the path; where there is a better one, it is preferred."""
    net, vectors = backbone(session, "net", DIM), clustered(2, DIM, seed=0)
    publish(session, net, vectors[:1], name="old")
    publish(session, net, vectors[1:], name="new")
    here = tmp_path / "film.mp4"
    here.touch()
    with session.connect() as connection:
        identifiers = [
            media.media_id for name in ("old", "new") if (media := stored(connection, name))
        ]
        for media_id in identifiers:
            remember_paths(connection, [(media_id, here, None)])
        assert usable_paths(connection, identifiers) == dict.fromkeys(identifiers, here)
        copy = tmp_path / "copy.mp4"
        copy.touch()
        remember_paths(connection, [(identifiers[0], copy, None)])
        assert usable_paths(connection, identifiers) == dict(
            zip(identifiers, [copy, here], strict=True)
        )
    assert len(search.nearest(session, net, vectors[0], 2).hits) == 2


def test_as_many_rows_as_anybody_asks_for(session: Session) -> None:
    net = backbone(session, "net", DIM)
    publish(session, net, clustered(3, DIM, seed=0))
    assert len(gallery.thumbnails(session, range(1, 70_000))) == 3
    assert len(search.nearest(session, net, clustered(1, DIM, seed=0)[0], 70_000).hits) == 3


def test_two_revisions_of_a_name_have_tables_of_their_own(session: Session) -> None:
    first, second = backbone(session, "net", DIM), backbone(session, "net", DIM, revision="r2")
    assert (first.slug, second.slug) == ("net", "net_2")
    assert backbone(session, "net", DIM).slug == "net"
    assert registry.newest(session, "net") is None, "none has embedded anything"
    publish(session, first, clustered(1, DIM, seed=0))
    assert registry.newest(session, "net") == first
    publish(session, second, clustered(1, DIM, seed=0), name="other")
    assert registry.newest(session, "net") == second


def test_revisions_that_are_registered_at_once_get_tables_of_their_own(session: Session) -> None:
    with ThreadPoolExecutor() as pool:
        rows = list(pool.map(lambda n: backbone(session, "net", DIM, f"r{n % 4}"), range(8)))
    assert {row.slug for row in rows} == {"net", "net_2", "net_3", "net_4"}


def test_registering_again_waits_for_no_reader(session: Session) -> None:
    """On a table in use, ALTER TABLE would wait for a pg_dump, and all searches behind it."""
    net = backbone(session, "net", DIM)
    with session.transaction() as reader:
        reader.execute(text("SELECT * FROM embedding_net"))
        with ThreadPoolExecutor() as pool:
            assert pool.submit(backbone, session, "net", DIM).result(timeout=10) == net


def test_what_was_not_ingested_is_told_apart(session: Session) -> None:
    with pytest.raises(EmptyGallery):
        registry.require(session, "net", "r1")
    net = backbone(session, "net", DIM)
    publish(session, net, clustered(3, DIM, seed=0))
    assert registry.require(session, "net", "r1") == net
    with pytest.raises(BackboneNotIngested, match="it has: net"):
        registry.require(session, "other", "r1")
    with pytest.raises(BackboneNotIngested, match="another revision"):
        registry.require(session, "net", "r2")


def test_embedding_columns_are_stored_in_line(session: Session, database: str) -> None:
    net = backbone(session, "net", DIM)
    with psycopg.connect(database) as connection:
        storage, options = connection.execute(
            sql.SQL(
                "SELECT a.attstorage, c.reloptions FROM pg_class c JOIN pg_attribute a "
                "ON a.attrelid = c.oid WHERE c.relname = {} AND a.attname = 'embedding'"
            ).format(sql.Literal(net.table.name))
        ).fetchone() or (None, None)
    assert storage == "p"
    assert options == ["parallel_workers=4"]


@pytest.mark.parametrize("dim", [0, 4001, 25088])
def test_a_dim_that_cannot_be_indexed_is_refused_before_any_ddl(session: Session, dim: int) -> None:
    with pytest.raises(ValueError, match="cannot be indexed"):
        backbone(session, "wide", dim)
    assert registry.backbones(session) == []


@pytest.mark.parametrize("dim", [512, 1280, 2048, 4000])
def test_every_dim_in_use_can_be_indexed(session: Session, dim: int) -> None:
    net, vectors = backbone(session, "wide", dim), clustered(20, dim, seed=0)
    publish(session, net, vectors)
    indexes.build(session, net, lambda _notice: None)
    assert search.nearest(session, net, vectors[7], 1).hits[0].frame.frame_index == 7
