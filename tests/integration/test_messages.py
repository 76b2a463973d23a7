"""What goes wrong is said in one message, with the right exit code, and without a traceback."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import tensorflow

from imgsim.cli import app
from imgsim.errors import EmptyGallery
from tests.integration.command import Imgsim, run


def _is_clean(err: str) -> bool:
    return "Traceback" not in err and err.startswith("imgsim: ")


def test_an_empty_gallery(imgsim: Imgsim, picture: Path) -> None:
    ran = imgsim("search", picture)
    assert (ran.code, ran.out) == (1, "")
    assert _is_clean(ran.err)
    assert "imgsim ingest" in ran.err


@pytest.mark.parametrize("k", ["0", "-3", "1000001", "99999999999999999999"])
def test_k_out_of_range(imgsim: Imgsim, picture: Path, k: str) -> None:
    ran = imgsim("search", picture, "-k", k)
    assert ran.code == 2
    assert f"not {k}" in ran.err


def test_an_unknown_backbone(imgsim: Imgsim, picture: Path) -> None:
    ran = imgsim("ingest", picture, "-b", "vgg_16")
    assert ran.code == 2
    assert _is_clean(ran.err)
    assert "Did you mean 'vgg16'?" in ran.err


def test_a_backbone_that_was_never_ingested(
    imgsim: Imgsim, picture: Path, random_weights: Path
) -> None:
    imgsim("ingest", picture)
    for weights in ([], ["--weights", random_weights]):
        ran = imgsim("search", picture, "-b", "mobilenet_025", *weights)
        assert ran.code == 1
        assert _is_clean(ran.err)
        assert "it has: efficientnet_lite0" in ran.err


def test_missing_weights(imgsim: Imgsim, picture: Path, tmp_path: Path) -> None:
    ran = imgsim("ingest", picture, "-b", "mobilenet_025", "--weights", tmp_path / "none.h5")
    assert ran.code == 1
    assert _is_clean(ran.err)
    assert "none.h5" in ran.err


def test_weights_that_are_gone_later(
    imgsim: Imgsim, picture: Path, random_weights: Path, tmp_path: Path
) -> None:
    own = tmp_path / "own.weights.h5"
    own.write_bytes(random_weights.read_bytes())
    assert imgsim("ingest", picture, "-b", "mobilenet_025", "--weights", own).code == 0
    own.unlink()
    ran = imgsim("search", picture, "-b", "mobilenet_025")
    assert ran.code == 1
    assert str(own) in ran.err
    own.write_bytes(random_weights.read_bytes() + b"changed")
    ran = imgsim("search", picture, "-b", "mobilenet_025")
    assert ran.code == 1
    assert "has changed" in ran.err


def test_weights_that_do_not_fit_are_not_remembered(
    imgsim: Imgsim, picture: Path, random_weights: Path
) -> None:
    ran = imgsim("ingest", picture, "-b", "mobilenet_v2", "--weights", random_weights)
    assert ran.code == 1
    assert _is_clean(ran.err)
    assert "do not fit mobilenet_v2" in ran.err
    assert "No embedding tables yet" in imgsim("index", "status").out


def test_a_gpu_that_is_not_there(imgsim: Imgsim, picture: Path) -> None:
    if tensorflow.config.list_physical_devices("GPU"):
        pytest.skip("there is a GPU")
    for _again in range(2):
        ran = imgsim("ingest", picture, "--device", "gpu")
        assert ran.code == 1
        assert "sees no GPU" in ran.err
        assert imgsim("ingest", picture).code == 0


def test_weights_for_several_backbones(imgsim: Imgsim, picture: Path, tmp_path: Path) -> None:
    ran = imgsim("ingest", picture, "-b", "vgg16", "-b", "resnet50", "--weights", tmp_path / "w.h5")
    assert ran.code == 2
    assert "exactly one -b" in ran.err


def test_queries_that_are_no_pictures(
    imgsim: Imgsim, picture: Path, sample: Path, tmp_path: Path
) -> None:
    imgsim("ingest", picture)
    text = tmp_path / "notes.txt"
    text.write_text("no picture at all")
    for query in (tmp_path / "missing.jpg", text, tmp_path, sample):
        ran = imgsim("search", query)
        assert (ran.code, ran.out) == (1, ""), query
        assert _is_clean(ran.err)
        assert str(query) in ran.err


def test_one_bad_query_does_not_spoil_the_others(imgsim: Imgsim, picture: Path) -> None:
    imgsim("ingest", picture)
    ran = imgsim("search", picture, "missing.jpg", "--format", "json")
    assert ran.code == 4
    assert len(ran.json()) == 1
    assert "missing.jpg" in ran.err


def test_nothing_to_ingest(imgsim: Imgsim, tmp_path: Path) -> None:
    ran = imgsim("ingest", tmp_path / "missing.mp4")
    assert ran.code == 1
    assert "no such file or folder" in ran.out
    too_long = imgsim("ingest", tmp_path / ("a" * 300))
    assert too_long.code == 1
    assert "cannot be read: File name too long" in too_long.out
    too_long = imgsim("ingest", tmp_path, "-b", "vgg16", "--weights", tmp_path / ("a" * 300))
    assert too_long.code == 1


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="every folder is open")
def test_what_lies_in_a_closed_folder(
    imgsim: Imgsim, picture: Path, random_weights: Path, tmp_path: Path
) -> None:
    closed = tmp_path / "closed"
    closed.mkdir()
    copy = closed / "copy.jpg"
    copy.write_bytes(picture.read_bytes())
    weights = closed / "own.weights.h5"
    weights.write_bytes(random_weights.read_bytes())
    assert imgsim("ingest", copy, "-b", "mobilenet_025", "--weights", weights).code == 0
    assert imgsim("ingest", copy).code == 0
    closed.chmod(0)
    try:
        assert imgsim("search", picture).code == 0
        assert imgsim("ingest", copy).code == 1
        assert imgsim("search", copy).code == 1
        lost = imgsim("search", picture, "-b", "mobilenet_025")
        assert lost.code == 1
        assert "not there any more" in lost.err
    finally:
        closed.chmod(0o700)


def test_sampling_that_contradicts_itself(imgsim: Imgsim, sample: Path) -> None:
    assert imgsim("ingest", sample, "--every", "2", "--fps", "1").code == 2
    assert imgsim("ingest", sample, "--every", "0").code == 2


def test_an_unreachable_database(picture: Path, capfd: pytest.CaptureFixture[str]) -> None:
    url = "postgresql://somebody:secret@127.0.0.1:9/none"
    assert run("--database-url", url, "search", str(picture)) == 3
    err = capfd.readouterr().err
    assert _is_clean(err)
    assert "127.0.0.1" in err
    assert "secret" not in err


def test_a_url_that_is_none(picture: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert run("--database-url", "localhost:5432/x", "search", str(picture)) == 2
    assert "postgresql://" in capfd.readouterr().err


def test_a_database_without_tables(
    empty_database: str, picture: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert run("--database-url", empty_database, "search", str(picture)) == 1
    assert "imgsim db upgrade" in capfd.readouterr().err
    assert run("--database-url", empty_database, "db", "upgrade") == 0
    assert run("--database-url", empty_database, "search", str(picture)) == 1
    assert "gallery is empty" in capfd.readouterr().err


def test_debug_shows_the_traceback(database: str, picture: Path) -> None:
    arguments = ["--debug", "--database-url", database, "search", str(picture)]
    with pytest.raises(EmptyGallery):
        app.app_for(arguments)(arguments)


def test_wrong_usage(capfd: pytest.CaptureFixture[str]) -> None:
    assert run("serach") == 2
    assert "No such command" in capfd.readouterr().err
    assert run("search") == 2
    assert run("search", "q.jpg", "--format", "xml") == 2


@pytest.mark.skipif(os.name != "posix", reason="needs named pipes")
def test_a_pipe_is_not_waited_for(imgsim: Imgsim, picture: Path, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.jpg")
    ran = imgsim("ingest", tmp_path / "pipe.jpg", picture)
    assert ran.code == 4
    assert "pipe, socket or device" in ran.out


def test_weights_given_to_a_search_are_remembered(
    imgsim: Imgsim, picture: Path, random_weights: Path, tmp_path: Path
) -> None:
    first, second = (tmp_path / f"{name}.weights.h5" for name in ("first", "second"))
    for path in (first, second):
        path.write_bytes(random_weights.read_bytes())
    assert imgsim("ingest", picture, "-b", "mobilenet_025", "--weights", first).code == 0
    first.unlink()
    assert imgsim("search", picture, "-b", "mobilenet_025").code == 1
    assert imgsim("search", picture, "-b", "mobilenet_025", "--weights", second).code == 0
    assert imgsim("search", picture, "-b", "mobilenet_025").code == 0
