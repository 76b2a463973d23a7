"""`imgsim evaluate` against plain numpy on the vectors in the database."""

from __future__ import annotations

import csv
import io
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import psycopg
import pytest

from imgsim import metrics
from imgsim.copies import COPIES
from imgsim.domain import Vectors
from imgsim.sampling import Sampling
from imgsim.sources import open_media
from imgsim.store.server import EmbeddedServer
from imgsim.vectors import l2_normalize
from tests.databases import clone
from tests.integration.command import Imgsim, calling, run

FRAMES = range(0, 132, 11)


@pytest.fixture(scope="module")
def pictures(sample: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve frames of the sample in three folders, and one directly beside them."""
    root = tmp_path_factory.mktemp("labelled")
    with open_media(sample) as media:
        for frame in media.frames(Sampling(every=11)):
            folder = root / "abc"[frame.index // 44]
            folder.mkdir(exist_ok=True)
            small = cv2.resize(frame.pixels, (256, 144), interpolation=cv2.INTER_AREA)
            jpeg = cv2.imencode(".jpg", small[..., ::-1])[1]
            (folder / f"{frame.index:03d}.jpg").write_bytes(jpeg.tobytes())
    shutil.copy(root / "a" / "000.jpg", root / "beside.jpg")
    return root


@pytest.fixture(scope="module")
def labelled(
    server: EmbeddedServer, template: str, pictures: Path, sample: Path, random_weights: Path
) -> Iterator[str]:
    """The conninfo of a gallery with these and the sample, by two backbones."""
    with clone(server, template) as conninfo:
        second = ("-b", "mobilenet_025", "--weights", random_weights)
        for options in ((), second):
            code = run("ingest", pictures, sample, *options, "--database-url", conninfo, "--quiet")
            assert code == 0
        yield conninfo


@pytest.fixture
def evaluate(labelled: str, capfd: pytest.CaptureFixture[str]) -> Imgsim:
    """Runs `imgsim evaluate ARGUMENTS` on that gallery."""
    call = calling(labelled, capfd)
    return lambda *arguments: call("evaluate", *arguments)


def _vectors(conninfo: str, slug: str, paths: list[Path]) -> Vectors:
    """The unit vectors of pictures, in order of their paths."""
    with psycopg.connect(conninfo) as connection:
        rows = connection.execute(
            "SELECT p.path, e.embedding::real[] FROM imgsim.media_path p "  # noqa: S608 - a slug
            "JOIN imgsim.frame f USING (media_id) "
            f"JOIN imgsim.embedding_{slug} e USING (frame_id) WHERE f.timestamp_s IS NULL"
        )
        found = {Path(path): np.array(vector, np.float32) for path, vector in rows}
    return l2_normalize(np.stack([found[path] for path in paths]))


def _value(told: dict[str, Any], backbone: str, metric: str, k: int, part: str = "all") -> float:
    (value,) = (
        each["value"]
        for each in told["measurements"]
        if (each["backbone"], each["metric"], each["k"], each["part"])
        == (backbone, metric, k, part)
    )
    return float(value)


@pytest.mark.parametrize("backbone", ["efficientnet_lite0", "mobilenet_025"])
def test_folders_are_measured_as_numpy_measures_them(
    evaluate: Imgsim, labelled: str, pictures: Path, backbone: str
) -> None:
    ran = evaluate(pictures, "-k", 2, "-k", 3, "--format", "json")
    assert ran.code == 0, ran.err
    assert "1 file left out: directly in" in ran.err
    told = ran.json()
    paths = sorted(pictures.glob("?/*.jpg"))
    vectors = _vectors(labelled, backbone, paths)
    far = 1 - vectors @ vectors.T
    recalls, rates, precisions = [], [], []
    for at, path in enumerate(paths):
        ranking = [int(each) for each in np.argsort(far[at], kind="stable") if each != at]
        wanted = {
            other for other, each in enumerate(paths) if each.parent == path.parent and other != at
        }
        recalls.append(metrics.recall_at_k(wanted, ranking, 3))
        rates.append(metrics.hit_rate_at_k(wanted, ranking, 2))
        precisions.append(metrics.average_precision(wanted, ranking))
    assert _value(told, backbone, "recall", 3) == pytest.approx(np.mean(recalls))
    assert _value(told, backbone, "hit_rate", 2) == pytest.approx(np.mean(rates))
    assert _value(told, backbone, "map", 0) == pytest.approx(np.mean(precisions))
    for each in told["measurements"]:
        assert each["low"] <= each["value"] <= each["high"]
        assert (each["queries"], each["gallery_rows"]) == (12, 12)


def test_the_tables_have_what_is_printed(evaluate: Imgsim, labelled: str, pictures: Path) -> None:
    told = evaluate(pictures, "--format", "json").json()
    with psycopg.connect(labelled) as connection:
        rows = connection.execute(
            "SELECT b.label, e.part, e.metric, e.k, e.value, e.low, e.high, e.queries, "
            "e.gallery_rows FROM bi.fact_evaluation e JOIN bi.dim_backbone b USING (backbone_id) "
            "WHERE e.evaluation_id = %s",
            [told["evaluation_id"]],
        ).fetchall()
        run_ = connection.execute(
            "SELECT kind, source, seed FROM bi.dim_evaluation WHERE evaluation_id = %s",
            [told["evaluation_id"]],
        ).fetchone()
    names = ("backbone", "part", "metric", "k", "value", "low", "high", "queries", "gallery_rows")
    assert sorted(rows) == sorted(
        tuple(each[name] for name in names) for each in told["measurements"]
    )
    assert run_ == ("folders", str(pictures), 0)


def test_distractors_are_all_other_frames(evaluate: Imgsim, pictures: Path) -> None:
    among_few = evaluate(pictures, "--format", "json").json()
    among_all = evaluate(pictures, "--distractors", "--format", "json").json()
    assert {each["gallery_rows"] for each in among_all["measurements"]} == {12 + 132}
    for backbone in ("efficientnet_lite0", "mobilenet_025"):
        few, many = (_value(told, backbone, "recall", 5) for told in (among_few, among_all))
        assert many <= few


def test_a_video_is_one_item(
    evaluate: Imgsim, pictures: Path, sample: Path, tmp_path: Path
) -> None:
    pairs = tmp_path / "pairs.tsv"
    pairs.write_text(f"query\tvideo\n{pictures / 'a' / '011.jpg'}\t{sample}\n")
    told = evaluate("--pairs", pairs, "--distractors", "--format", "json").json()
    assert _value(told, "efficientnet_lite0", "recall", 1) == 1
    assert _value(told, "efficientnet_lite0", "map", 0) == 1
    assert {each["queries"] for each in told["measurements"]} == {1}


def test_what_is_not_ingested_is_left_out_and_named(
    evaluate: Imgsim, pictures: Path, tmp_path: Path
) -> None:
    groups = tmp_path / "groups.tsv"
    inside = [*sorted(pictures.glob("a/*.jpg"))[:2], *sorted(pictures.glob("b/*.jpg"))[:1]]
    lines = [f"{path}\t{path.parent.name}" for path in inside] + [f"{tmp_path}/none.jpg\tb"]
    groups.write_text("\n".join(lines))
    ran = evaluate("--groups", groups, "--format", "json")
    assert ran.code == 0
    assert "1 labelled files left out" in ran.err
    assert "none.jpg" in ran.err
    assert "imgsim ingest PATH... -b efficientnet_lite0 -b mobilenet_025" in ran.err
    assert {each["queries"] for each in ran.json()["measurements"]} == {2}
    groups.write_text(f"{tmp_path}/x.jpg\ta\n{tmp_path}/y.jpg\ta\n")
    nothing = evaluate("--groups", groups)
    assert (nothing.code, nothing.out) == (1, "")
    assert "None of the 2 labelled files is in the gallery" in nothing.err


def test_copies_are_found_and_repeat_by_seed(evaluate: Imgsim) -> None:
    options = ("--copies", 3, "--seed", 5, "-b", "efficientnet_lite0", "--format", "json")
    told = evaluate(*options).json()
    parts = {each["part"] for each in told["measurements"]}
    assert parts == {"all", *COPIES}
    counts = {each["part"]: each["queries"] for each in told["measurements"]}
    assert counts["all"] == sum(counts[name] for name in COPIES) == 3 * len(COPIES)
    assert _value(told, "efficientnet_lite0", "hit_rate", 10, "texted") == 1
    values = [_value(told, "efficientnet_lite0", "hit_rate", 1, name) for name in COPIES]
    assert _value(told, "efficientnet_lite0", "hit_rate", 1) == pytest.approx(np.mean(values))
    again = evaluate(*options).json()
    assert again["measurements"] == told["measurements"]
    other = evaluate(*options[:3], 6, *options[4:]).json()
    assert other["measurements"] != told["measurements"]


def test_the_index_is_measured_where_there_is_one(
    evaluate: Imgsim, labelled: str, pictures: Path
) -> None:
    without = evaluate(pictures, "-b", "mobilenet_025", "--format", "json")
    assert "mobilenet_025 has no index" in without.err
    assert not any(each["metric"] == "ann_recall" for each in without.json()["measurements"])
    assert run("index", "rebuild", "-b", "mobilenet_025", "--database-url", labelled) == 0
    told = evaluate(pictures, "-b", "mobilenet_025", "--format", "json").json()
    assert _value(told, "mobilenet_025", "ann_recall", 10) >= 0.9


def test_stored_embeddings_need_no_tensorflow(labelled: str, pictures: Path) -> None:
    code = (
        "import sys\n"
        "from tests.integration.command import run\n"
        f"assert run('evaluate', {str(pictures)!r}, '--database-url', {labelled!r}) == 0\n"
        "assert not {'tensorflow', 'keras'} & set(sys.modules), 'loaded'\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(__file__).parents[2])


def test_table_and_csv(evaluate: Imgsim, pictures: Path) -> None:
    table = evaluate(pictures).out.splitlines()
    assert table[0].split() == ["part", "measure", "efficientnet_lite0", "mobilenet_025"]
    assert table[1].split()[:2] == ["all", "map"]
    assert "12 queries among 12 frames" in table[-1]
    only = ("-b", "efficientnet_lite0", "--format", "csv")
    lines = list(csv.DictReader(io.StringIO(evaluate(pictures, *only).out)))
    assert len(lines) == 1 + 2 * 3
    assert {line["metric"] for line in lines} == {"map", "recall", "hit_rate"}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "exactly one"),
        (("somewhere", "--copies", "3"), "exactly one"),
        (("--copies", "0"), "1 or more: 0"),
        (("nowhere",), "is no folder"),
        (("--groups", "nowhere.tsv"), "cannot be read"),
        (("--copies", "1", "-k", "0"), "-k must be 1 or more"),
    ],
)
def test_what_makes_no_sense_is_refused(
    evaluate: Imgsim, arguments: tuple[str, ...], message: str
) -> None:
    ran = evaluate(*arguments)
    assert (ran.code, ran.out) == (2, "")
    assert message in ran.err


def test_an_empty_gallery_says_how_to_fill_it(imgsim: Imgsim) -> None:
    ran = imgsim("evaluate", "--copies", "1")
    assert ran.code == 1
    assert "imgsim ingest PATH..." in ran.err
