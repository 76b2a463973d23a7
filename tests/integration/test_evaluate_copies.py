"""`imgsim evaluate --copies`: edited copies of the gallery's own frames."""

from __future__ import annotations

import shutil
import zlib
from pathlib import Path

import cv2
import numpy as np
import psycopg
import pytest

from imgsim import pixels
from imgsim.copies import COPIES, make_copy
from imgsim.domain import Pixels
from imgsim.pipeline import evaluate_copies
from imgsim.pipeline.embedders import Choice, open_networks
from imgsim.sources import read_frame
from imgsim.store.engine import Session
from imgsim.vectors import cosine_distances, l2_normalize
from tests.integration.command import Imgsim, measured


@pytest.fixture
def evaluate(two_backbones: Imgsim) -> Imgsim:
    """Runs `imgsim evaluate ARGUMENTS` on a gallery with the sample by two backbones."""
    return lambda *arguments: two_backbones("evaluate", *arguments)


def test_copies_are_found_and_repeat_by_seed(evaluate: Imgsim) -> None:
    options = ("--copies", 3, "--seed", 5, "-b", "efficientnet_lite0", "--format", "json")
    told = evaluate(*options).json()
    parts = {each["part"] for each in told["measurements"]}
    assert parts == {"all", *COPIES}
    counts = {each["part"]: each["queries"] for each in told["measurements"]}
    assert counts["all"] == sum(counts[name] for name in COPIES) == 3 * len(COPIES)
    assert measured(told, "efficientnet_lite0", "hit_rate_at_k", 10, "texted") == 1
    values = [measured(told, "efficientnet_lite0", "hit_rate_at_k", 1, name) for name in COPIES]
    assert measured(told, "efficientnet_lite0", "hit_rate_at_k", 1) == pytest.approx(
        np.mean(values)
    )
    again = evaluate(*options).json()
    assert again["measurements"] == told["measurements"]
    other = evaluate(*options[:3], 6, *options[4:]).json()
    assert other["measurements"] != told["measurements"]


def test_copies_are_ranked_as_numpy_ranks_them(
    evaluate: Imgsim, filled_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two frames, whose copies are made and embedded here as well."""
    drawn: list[tuple[Path, int, Pixels]] = []

    def remember(path: Path, index: int, pts: int | None) -> Pixels:
        drawn.append((path, index, read_frame(path, index, pts)))
        return drawn[-1][2]

    monkeypatch.setattr(evaluate_copies, "read_frame", remember)
    name = "mobilenet_025"
    told = evaluate("--copies", 2, "--seed", 9, "-b", name, "--format", "json").json()
    session = Session(filled_database)
    (network,) = open_networks(session, Choice(names=[name]))
    session.close()
    with psycopg.connect(filled_database) as connection:
        rows = connection.execute(
            "SELECT DISTINCT ON (frame_id) p.path, f.frame_index, m.content_id, "
            "e.embedding::real[] FROM imgsim.embedding_mobilenet_025 e "
            "JOIN imgsim.frame f USING (frame_id) JOIN imgsim.media m USING (media_id) "
            "JOIN imgsim.media_path p USING (media_id) ORDER BY frame_id, media_path_id"
        ).fetchall()
    gallery = l2_normalize(np.array([row[3] for row in rows], np.float32))
    places = {(Path(row[0]), row[1]): place for place, row in enumerate(rows)}
    ranks: dict[str, list[int]] = {kind: [] for kind in COPIES}
    for path, index, picture in drawn:
        place = places[path, index]
        seed = zlib.crc32(f"9/{rows[place][2]}/{index}".encode())
        same = cosine_distances(gallery[place][np.newaxis], gallery)[0] < evaluate_copies.SAME
        for kind in COPIES:
            square = pixels.resize_square(make_copy(kind, picture, seed), 224)
            vector = network.embedder(lambda _text: None).embed(square[np.newaxis])
            far = cosine_distances(vector, gallery)[0]
            ranks[kind].append(1 + int((far[~same] < far[same].min()).sum()))
    for kind, found in ranks.items():
        assert measured(told, name, "map", 0, kind) == pytest.approx(np.mean(1 / np.array(found)))
        first = np.mean([rank == 1 for rank in found])
        assert measured(told, name, "hit_rate_at_k", 1, kind) == pytest.approx(first)


def test_frames_that_look_the_same_count_as_the_original(
    imgsim: Imgsim, picture: Path, tmp_path: Path
) -> None:
    """The same pixels in another file: no backbone can tell which of the two was copied."""
    shown = cv2.imread(str(picture))
    assert shown is not None
    for name, level in (("one.png", 0), ("two.png", 9)):
        options = [cv2.IMWRITE_PNG_COMPRESSION, level]
        (tmp_path / name).write_bytes(cv2.imencode(".png", shown, options)[1].tobytes())
    shutil.copy(picture.with_name("bunny_yawns_cropped.jpg"), tmp_path / "other.jpg")
    assert imgsim("ingest", tmp_path).code == 0
    ran = imgsim("evaluate", "--copies", 9, "--format", "json")
    assert "There are 3 frames to draw from" in ran.err
    assert "2 of 3 frames look the same as others" in ran.err
    told = ran.json()
    assert measured(told, "efficientnet_lite0", "hit_rate_at_k", 1, "recompressed") == 1
    assert told["source"].startswith("3 frames of the gallery, edited in 14 ways")
    (tmp_path / "other.jpg").unlink()
    lost = imgsim("evaluate", "--copies", 3, "--format", "json")
    assert lost.code == 4
    assert "other.jpg" in lost.err
    assert {m["queries"] for m in lost.json()["measurements"] if m["part"] == "all"} == {2 * 14}
