"""`imgsim compare` and `search --save`: what is printed, stored and shown to readers agrees."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import psycopg
import pytest
from psycopg.rows import dict_row

from imgsim import metrics
from imgsim.domain import Pixels
from imgsim.sampling import ALL_FRAMES
from imgsim.sources import open_media, read_picture
from tests.integration.command import Imgsim

STILLS = (22, 23, 70)


def _write(path: Path, picture: Pixels, quality: int | None = None, scale: float = 1) -> Path:
    small = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    options = [] if quality is None else [cv2.IMWRITE_JPEG_QUALITY, quality]
    path.write_bytes(cv2.imencode(path.suffix, small[..., ::-1], options)[1].tobytes())
    return path


@pytest.fixture(scope="module")
def stills(sample: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Frames 22, 23 and 70 of the sample, as PNG."""
    folder = tmp_path_factory.mktemp("stills")
    with open_media(sample) as media:
        shown = {frame.index: frame.pixels for frame in media.frames(ALL_FRAMES)}
    return [_write(folder / f"still_{index}.png", shown[index]) for index in STILLS]


@pytest.fixture
def readers(filled_database: str) -> Iterator[psycopg.Connection[dict[str, Any]]]:
    """A plain connection, as a reader of the tables has it."""
    with psycopg.connect(filled_database, autocommit=True, row_factory=dict_row) as connection:
        yield connection


def test_stills_of_a_video_are_found_and_all_that_is_told_agrees(
    two_backbones: Imgsim,
    stills: list[Path],
    sample: Path,
    readers: psycopg.Connection[dict[str, Any]],
) -> None:
    ran = two_backbones("compare", *stills, "--format", "json")
    assert ran.code == 0
    told = ran.json()
    names = ("efficientnet_lite0", "mobilenet_025")
    assert [(each["query"], each["backbone"]) for each in told["queries"]] == [
        (str(still), name) for still in stills for name in names
    ]
    for each in told["queries"]:
        assert (each["match_found"], each["first_match"]) == (True, True)
        assert each["truth"] == str(sample)
        assert each["best_distance"] < 1e-3
    assert [each["truth_frame_index"] for each in told["queries"][::2]] == list(STILLS)

    shown = readers.execute(
        "SELECT * FROM bi.model_comparison WHERE search_id = %s ORDER BY image, model",
        [told["search_id"]],
    ).fetchall()
    assert [
        (row["image"], row["model"], row["match_found"], row["1st_match"], row["adjacent_hits"])
        for row in shown
    ] == [
        (Path(each["query"]).name, each["backbone"], True, True, each["adjacent_hits"])
        for each in told["queries"]
    ]
    for each in told["queries"]:  # the measure anew, from the hits themselves
        hits = readers.execute(
            "SELECT r.frame_index, r.path FROM imgsim.result r WHERE r.query_id = %s "
            "AND r.backbone = %s ORDER BY r.rank",
            [each["query_id"], each["backbone"]],
        ).fetchall()
        places = [hit["frame_index"] for hit in hits if hit["path"] == str(sample)]
        assert each["hits"] == len(hits) == 10
        assert each["adjacent_hits"] == metrics.adjacent_hits(places, each["truth_frame_index"])
    assert any(each["adjacent_hits"] for each in told["queries"])


def test_sums_means_and_agreement(
    two_backbones: Imgsim, stills: list[Path], readers: psycopg.Connection[dict[str, Any]]
) -> None:
    told = two_backbones("compare", *stills, "--format", "json", "-k", 5).json()
    for each in told["backbones"]:
        own = [row for row in told["queries"] if row["backbone"] == each["backbone"]]
        assert (each["queries"], each["with_truth"], each["matches"]) == (3, 3, 3)
        assert each["adjacent_hits"] == sum(row["adjacent_hits"] for row in own)
        assert each["mean_best_distance"] == pytest.approx(
            sum(row["best_distance"] for row in own) / 3
        )
        assert each["exact"] is True
        assert each["gallery_rows"] == 132
        assert each["search_ms"] > 0
        assert each["embed_ms"] > 0
    assert [each["vector_bytes"] for each in told["backbones"]] == [2 * 1280 + 8, 2 * 256 + 8]

    answers = {
        (row["query_id"], row["backbone"]): row["frames"]
        for row in readers.execute(
            "SELECT query_id, backbone, array_agg(frame_id ORDER BY rank) AS frames "
            "FROM imgsim.result GROUP BY query_id, backbone"
        )
    }
    pairs = [
        (answers[query, "efficientnet_lite0"], answers[query, "mobilenet_025"])
        for query in {query for query, _ in answers}
    ]
    (agreement,) = told["agreements"]
    overlaps = [metrics.overlap_at_k(one, other, 5) for one, other in pairs]
    assert agreement["overlap"] == pytest.approx(sum(overlaps) / 3)
    found = [metrics.rank_correlation(one, other) for one, other in pairs]
    correlations = [each for each in found if each is not None]
    assert agreement["rank_correlation"] == pytest.approx(sum(correlations) / len(correlations))


def test_copies_are_recognised_and_strangers_are_not(
    two_backbones: Imgsim, stills: list[Path], shared: Path, tmp_path: Path
) -> None:
    still = read_picture(stills[0])
    copy = _write(tmp_path / "half.jpg", still, quality=50, scale=0.5)
    mirrored = _write(tmp_path / "mirrored.png", still[:, ::-1])
    stranger = shared / "photos" / "grocery" / "test_Anjou_001.jpg"
    told = two_backbones(
        *("compare", copy, mirrored, stranger, "-b", "efficientnet_lite0", "--format", "json")
    ).json()
    assert [each["truth_frame_index"] for each in told["queries"]] == [22, None, None]
    assert [each["match_found"] for each in told["queries"]] == [True, None, None]
    (each,) = told["backbones"]
    assert (each["queries"], each["with_truth"], each["matches"]) == (3, 1, 1)


def test_a_picture_of_the_gallery_is_known_by_its_bytes(imgsim: Imgsim, photos: list[Path]) -> None:
    assert imgsim("ingest", *photos).code == 0
    told = imgsim("compare", photos[1], "--format", "json").json()
    (each,) = told["queries"]
    assert (each["truth"], each["truth_frame_index"]) == (str(photos[1]), 0)
    assert (each["match_found"], each["adjacent_hits"]) == (True, 0)


def test_a_true_frame_may_be_given(
    two_backbones: Imgsim, stills: list[Path], sample: Path, tmp_path: Path
) -> None:
    given = tmp_path / "truth.csv"
    with given.open("w", newline="") as file:
        csv.writer(file).writerows(
            [("query", "truth"), *((still, f"{sample}@24") for still in stills[:2])]
        )
    ran = two_backbones(
        *("compare", *stills, "--truth", given, "--truth", f"{stills[2]}={sample}@120"),
        *("-b", "efficientnet_lite0", "--format", "json"),
    )
    assert ran.code == 0, ran.err
    assert [each["truth_frame_index"] for each in ran.json()["queries"]] == [24, 24, 120]
    assert ran.json()["queries"][2]["match_found"] is False


@pytest.mark.parametrize(
    ("truth", "message"),
    [
        ("other.png={sample}@3", "other.png is none of the queries"),
        ("{still}={sample}@132", "keeps 132 frames of .*, and 132 is none of them.*130, 131"),
        ("{still}={sample}@soon", "a whole number from 0 on, not 'soon'"),
        ("{still}=nowhere.mp4@1", "nowhere.mp4 is not in the gallery"),
        ("nowhere.csv", "neither QUERY=MEDIA@INDEX nor a CSV file"),
    ],
)
def test_a_truth_that_makes_no_sense_is_refused(
    two_backbones: Imgsim, stills: list[Path], sample: Path, truth: str, message: str
) -> None:
    ran = two_backbones(
        "compare", stills[0], "--truth", truth.format(sample=sample, still=stills[0])
    )
    assert ran.code == 2
    assert ran.out == ""
    assert re.search(message, ran.err)


def test_results_outlive_their_media(
    two_backbones: Imgsim,
    stills: list[Path],
    sample: Path,
    readers: psycopg.Connection[dict[str, Any]],
) -> None:
    told = two_backbones("compare", *stills, "--format", "json").json()
    query = "SELECT * FROM bi.fact_query_metrics ORDER BY query_id, backbone_id"
    agreement = "SELECT * FROM bi.fact_agreement ORDER BY query_id"
    before = readers.execute(query).fetchall(), readers.execute(agreement).fetchall()
    assert two_backbones("forget", sample).code == 0
    hits = readers.execute(
        "SELECT rank, frame_id, media_id, path, timestamp_s FROM bi.fact_match "
        "WHERE query_id = %s AND backbone = 'mobilenet_025' ORDER BY rank",
        [told["queries"][0]["query_id"]],
    ).fetchall()
    assert [hit["rank"] for hit in hits] == list(range(1, 11))
    assert hits[0] == {
        "rank": 1,
        "frame_id": None,
        "media_id": None,
        "path": str(sample),
        "timestamp_s": pytest.approx(0.88),
    }
    assert (readers.execute(query).fetchall(), readers.execute(agreement).fetchall()) == before
    (asked,) = readers.execute(
        "SELECT truth_frame_id, truth_path, truth_frame_index FROM bi.dim_query WHERE position = 1"
    ).fetchall()
    assert asked == {"truth_frame_id": None, "truth_path": str(sample), "truth_frame_index": 22}


def test_a_search_may_be_saved(
    two_backbones: Imgsim, stills: list[Path], readers: psycopg.Connection[dict[str, Any]]
) -> None:
    ran = two_backbones("search", stills[0], "-k", 3, "--save", "--format", "json")
    assert "saved as search 1" in ran.err
    (result,) = ran.json()
    rows = readers.execute(
        "SELECT rank, frame_id, distance FROM imgsim.result_efficientnet_lite0 ORDER BY rank"
    ).fetchall()
    assert rows == [
        {key: hit[key] for key in ("rank", "frame_id", "distance")} for hit in result["hits"]
    ]
    (run,) = readers.execute("SELECT command, k FROM bi.dim_search").fetchall()
    assert run == {"command": "search", "k": 3}
    assert two_backbones("search", stills[0], "--truth", "a=b").code == 2


def test_many_queries_are_answered_like_one(two_backbones: Imgsim, stills: list[Path]) -> None:
    one = two_backbones("search", *stills, "--format", "json").json()
    many = two_backbones("search", *stills * 3, "--format", "json").json()
    for at, result in enumerate(many):
        expected = one[at % 3]["hits"]
        assert [hit["frame_id"] for hit in result["hits"]] == [hit["frame_id"] for hit in expected]
        assert [hit["distance"] for hit in result["hits"]] == pytest.approx(
            [hit["distance"] for hit in expected], abs=1e-5
        )


def test_csv_has_a_line_for_each_query_and_backbone(
    two_backbones: Imgsim, stills: list[Path]
) -> None:
    ran = two_backbones("compare", *stills, "--format", "csv")
    lines = list(csv.DictReader(io.StringIO(ran.out)))
    assert len(lines) == 6
    assert lines[0]["match_found"] == "true"
    assert lines[0]["query"] == str(stills[0])
    table = two_backbones("compare", *stills).out
    assert table.count("still_22.png@") == 0
    assert table.count("bigbuckbunny.mp4@22") == 2


def test_a_query_that_cannot_be_read_costs_that_query(
    two_backbones: Imgsim, stills: list[Path], tmp_path: Path
) -> None:
    (tmp_path / "none.png").write_bytes(b"")
    ran = two_backbones("compare", tmp_path / "none.png", stills[0], "--format", "json")
    assert ran.code == 4
    assert "none.png" in ran.err
    assert len(ran.json()["queries"]) == 2
    alone = two_backbones("compare", tmp_path / "none.png")
    assert (alone.code, alone.out) == (1, "")


def test_an_empty_gallery_says_how_to_fill_it(imgsim: Imgsim, picture: Path) -> None:
    ran = imgsim("compare", picture)
    assert ran.code == 1
    assert "imgsim ingest PATH... -b vgg16 -b inception_v3" in ran.err
