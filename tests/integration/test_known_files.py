"""Which files are known without being read. Real files, a real PostgreSQL, made-up vectors."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest
from sqlalchemy import delete, event, select

from benchmarks.gallery import backbone, clustered, failure, publish, stored
from imgsim.domain import MediaKind, MediaStatus
from imgsim.pipeline.file_identity import identify
from imgsim.sampling import ALL_FRAMES, Sampling
from imgsim.store import schema
from imgsim.store.engine import Session
from imgsim.store.known_files import covered_files
from imgsim.store.paths import remember_paths
from imgsim.store.write import open_writer

DIM = 16
HOUR_NS = 3600 * 10**9


def _file(path: Path, content: str = "film", age_s: float = 3600) -> Path:
    path.write_text(content)
    then = time.time_ns() - round(age_s * 10**9)
    os.utime(path, ns=(then, then))
    return path


def _remember(session: Session, name: str, path: Path, *, stat: bool = True) -> None:
    with session.connect() as connection:
        media = stored(connection, name)
        assert media is not None
        status = identify(path).lasting_status if stat else None
        remember_paths(connection, [(media.media_id, path, status)])


def _known(session: Session, *paths: Path) -> dict[Path, str]:
    """The contents of the files that are known without being read."""
    net, media = backbone(session, "net", DIM), schema.media.c
    with session.connect() as connection:
        content = {
            row.media_id: row.content_id
            for row in connection.execute(select(media.media_id, media.content_id))
        }
        found = covered_files(connection, paths, [net], ALL_FRAMES)
    return {path: content[file.media.media_id] for path, file in found.items()}


@pytest.fixture
def film(session: Session, tmp_path: Path) -> Path:
    """A file of the gallery's only media, an hour old."""
    publish(session, backbone(session, "net", DIM), clustered(5, DIM, seed=0))
    path = _file(tmp_path / "film.mp4")
    _remember(session, "film", path)
    return path


def test_an_unchanged_file_is_known(session: Session, film: Path, tmp_path: Path) -> None:
    strange = _file(tmp_path / "a, 'b' (1).mp4")
    _remember(session, "film", strange)
    other = _file(tmp_path / "other.mp4")
    assert _known(session, film, other, strange, tmp_path / "none.mp4") == {
        film: "sha256:film",
        strange: "sha256:film",
    }
    assert _known(session) == {}


def test_another_size_is_a_change(session: Session, film: Path) -> None:
    before = film.stat().st_mtime_ns
    film.write_text("longer film")
    os.utime(film, ns=(before, before))
    assert _known(session, film) == {}


@pytest.mark.parametrize("step_ns", [HOUR_NS, -HOUR_NS, 1_000_000])
def test_another_time_is_a_change_forward_or_back(
    session: Session, film: Path, step_ns: int
) -> None:
    now = film.stat().st_mtime_ns + step_ns
    os.utime(film, ns=(now, now))
    assert _known(session, film) == {}


def test_a_file_that_is_gone_is_not_known(session: Session, film: Path) -> None:
    film.unlink()
    assert _known(session, film) == {}


@pytest.mark.parametrize("age_s", [0, 1, -3600])
def test_a_file_that_was_young_when_it_was_read_is_not_trusted(
    session: Session, film: Path, age_s: float
) -> None:
    _file(film, age_s=age_s)
    _remember(session, "film", film)
    assert _known(session, film) == {}
    _file(film, age_s=3)
    _remember(session, "film", film)
    assert _known(session, film) == {film: "sha256:film"}


def test_a_path_noted_without_size_and_time_is_not_known(session: Session, film: Path) -> None:
    _remember(session, "film", film, stat=False)
    assert _known(session, film) == {}


def test_what_was_seen_last_at_a_path_counts(session: Session, film: Path) -> None:
    net = backbone(session, "net", DIM)
    publish(session, net, clustered(3, DIM, seed=1), name="new")
    _remember(session, "new", film)
    assert _known(session, film) == {film: "sha256:new"}
    _remember(session, "film", film)
    assert _known(session, film) == {film: "sha256:film"}
    _remember(session, "new", film, stat=False)
    assert _known(session, film) == {}


def test_another_machine_s_paths_are_not_ours(session: Session, film: Path) -> None:
    with session.connect() as connection:
        connection.execute(schema.media_path.update().values(host="elsewhere"))
    assert _known(session, film) == {}


def test_a_path_of_a_media_that_was_deleted_meanwhile_is_not_noted(
    session: Session, film: Path
) -> None:
    with session.connect() as connection:
        media = stored(connection, "film")
        assert media is not None
        connection.execute(delete(schema.media))
        remember_paths(connection, [(media.media_id, film, film.stat())])
        assert connection.execute(schema.media_path.select()).all() == []


def test_covered_is_what_every_backbone_has_done(session: Session, film: Path) -> None:
    one, two = backbone(session, "net", DIM), backbone(session, "two", DIM)
    with session.connect() as connection:
        (done,) = covered_files(connection, [film], [one, one], ALL_FRAMES).values()
        assert (done.media.status, done.media.decoded_frames) == (MediaStatus.COMPLETE, 5)
        assert done.embedded == 5
        assert covered_files(connection, [film], [one, two], ALL_FRAMES) == {}
        assert covered_files(connection, [film], [one], Sampling(every=2)) == {}
        assert covered_files(connection, [film], [], ALL_FRAMES) == {}
    publish(session, two, clustered(3, DIM, seed=1))
    with session.connect() as connection:
        both = covered_files(connection, [film], [one, two], ALL_FRAMES)
    assert both[film].embedded == 3, "the least of the backbones"


def test_an_image_is_covered_by_any_sampling(session: Session, film: Path) -> None:
    one = backbone(session, "net", DIM)
    with session.connect() as connection:
        connection.execute(schema.media.update().values(kind=MediaKind.IMAGE.value))
        assert film in covered_files(connection, [film], [one], Sampling(every=7))


def test_what_failed_is_never_covered(session: Session, film: Path, tmp_path: Path) -> None:
    one = backbone(session, "net", DIM)
    broken = _file(tmp_path / "broken.mp4")
    with open_writer(session, []) as writer:
        writer.publish([failure("broken")])
    _remember(session, "broken", broken)
    with session.connect() as connection:
        assert set(covered_files(connection, [broken, film], [one], ALL_FRAMES)) == {film}
        noted = select(schema.media_path.c.size_bytes).where(schema.media_path.c.size_bytes > 0)
        assert len(connection.execute(noted).all()) == 2, "both are as they were"


def test_many_paths_take_three_queries(session: Session, film: Path, tmp_path: Path) -> None:
    paths = [_file(tmp_path / f"{number}.mp4") for number in range(1000)]
    for path in paths:
        _remember(session, "film", path)
    one = backbone(session, "net", DIM)
    asked: list[str] = []
    with session.connect() as connection:
        event.listen(connection, "before_cursor_execute", lambda *given: asked.append(given[2]))
        assert len(covered_files(connection, [*paths, film], [one], ALL_FRAMES)) == 1001
    assert len(asked) == 3
