"""`imgsim evaluate` against plain numpy on the vectors in the database."""

from __future__ import annotations

import csv
import io
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import psycopg
import pytest

from imgsim import metrics
from imgsim.domain import Vectors
from imgsim.sampling import Sampling
from imgsim.sources import open_media
from imgsim.store.server import EmbeddedServer
from imgsim.vectors import l2_normalize
from tests.databases import clone
from tests.integration.command import Imgsim, calling, measured, run


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


@pytest.mark.parametrize("backbone", ["efficientnet_lite0", "mobilenet_025"])
def test_folders_are_measured_as_numpy_measures_them(
    evaluate: Imgsim, labelled: str, pictures: Path, backbone: str
) -> None:
    ran = evaluate(pictures, "-k", 2, "-k", 3, "--format", "json")
    assert ran.code == 0, ran.err
    assert "1 file left out: directly in" in ran.err  # and not ranked, see gallery_rows below
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
    assert measured(told, backbone, "recall_at_k", 3) == pytest.approx(np.mean(recalls))
    assert measured(told, backbone, "hit_rate_at_k", 2) == pytest.approx(np.mean(rates))
    assert measured(told, backbone, "map", 0) == pytest.approx(np.mean(precisions))
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
        tuple(
            each[name].removesuffix("_at_k") if name == "metric" else each[name] for name in names
        )
        for each in told["measurements"]
    )
    assert run_ == ("folders", str(pictures), 0)


def test_distractors_are_all_other_frames(evaluate: Imgsim, pictures: Path) -> None:
    among_few = evaluate(pictures, "--format", "json").json()
    among_all = evaluate(pictures, "--distractors", "--format", "json").json()
    assert {each["gallery_rows"] for each in among_all["measurements"]} == {12 + 132}
    for backbone in ("efficientnet_lite0", "mobilenet_025"):
        few, many = (measured(told, backbone, "recall_at_k", 5) for told in (among_few, among_all))
        assert many <= few


def test_a_video_is_one_item(
    evaluate: Imgsim, pictures: Path, sample: Path, tmp_path: Path
) -> None:
    pairs = tmp_path / "pairs.tsv"
    pairs.write_text(f"query\tvideo\n{pictures / 'a' / '011.jpg'}\t{sample}\n")
    told = evaluate("--pairs", pairs, "--distractors", "--format", "json").json()
    assert measured(told, "efficientnet_lite0", "recall_at_k", 1) == 1
    assert measured(told, "efficientnet_lite0", "map", 0) == 1
    assert {each["queries"] for each in told["measurements"]} == {1}


def test_what_is_not_ingested_is_left_out_and_named(
    evaluate: Imgsim, pictures: Path, tmp_path: Path
) -> None:
    groups = tmp_path / "groups.tsv"
    inside = [*sorted(pictures.glob("a/*.jpg"))[:2], *sorted(pictures.glob("b/*.jpg"))[:1]]
    lines = [f"{path}\t{path.parent.name}" for path in inside] + [f"{tmp_path}/no ne.jpg\tb"]
    groups.write_text("\n".join(lines))
    ran = evaluate("--groups", groups, "--format", "json")
    assert ran.code == 0
    assert (
        f"1 labelled file ({tmp_path}/no ne.jpg) left out: not in the gallery (no such "
        f"file: 1). To include: imgsim ingest '{tmp_path}/no ne.jpg' -b efficientnet_lite0 "
        "-b mobilenet_025" in ran.err
    )
    assert f"1 labelled file ({inside[2]}) not asked: no other content" in ran.err
    assert {each["queries"] for each in ran.json()["measurements"]} == {2}
    groups.write_text("".join(f"{tmp_path}/{n}/{n}.jpg\ta\n" for n in range(5)))
    nothing = evaluate("--groups", groups, "--quiet")
    assert (nothing.code, nothing.out) == (1, "")
    assert "Nothing can be asked: of 5 labelled files" in nothing.err
    assert f"{tmp_path}/2/2.jpg and 2 more) left out" in nothing.err
    assert f"imgsim ingest {tmp_path} -b" in nothing.err


def test_backbones_are_measured_on_what_all_of_them_embedded(
    two_backbones: Imgsim, pictures: Path, picture: Path, tmp_path: Path
) -> None:
    """Also among distractors: a frame that one backbone lacks would be a hit less for the other."""
    blank = tmp_path / "blank.png"
    blank.write_bytes(cv2.imencode(".png", np.full((90, 90, 3), 7, np.uint8))[1].tobytes())
    labelled = sorted(pictures.glob("a/*.jpg"))
    only = ("-b", "efficientnet_lite0", "--quiet")
    assert two_backbones("ingest", *labelled[:2], blank, "-b", "mobilenet_025", *only).code == 0
    assert two_backbones("ingest", labelled[2], picture, *only).code == 0
    groups = tmp_path / "groups.tsv"
    groups.write_text("".join(f"{path}\ta\n" for path in (*labelled[:3], blank)))
    ran = two_backbones("evaluate", "--groups", groups, "--distractors", "--format", "json")
    assert ran.code == 0, ran.err
    assert {(m["queries"], m["gallery_rows"]) for m in ran.json()["measurements"]} == {(2, 2 + 132)}
    assert f"1 labelled file ({blank}) left out: damaged or nearly one colour." in ran.err
    assert (
        f"1 labelled file ({labelled[2]}) left out: not embedded by mobilenet_025. To include: "
        f"imgsim ingest {labelled[2]} -b mobilenet_025\n" in ran.err
    )
    alone = two_backbones(
        "evaluate", "--groups", groups, *only, "--distractors", "--format", "json"
    )
    assert {(m["queries"], m["gallery_rows"]) for m in alone.json()["measurements"]} == {
        (3, 4 + 132)
    }


def test_a_content_at_two_paths_is_one_media(
    evaluate: Imgsim, labelled: str, pictures: Path, tmp_path: Path
) -> None:
    """It never finds itself, and has the groups of both paths."""
    one, other, third = sorted(pictures.glob("a/*.jpg"))[:3]
    again = tmp_path / "again.jpg"
    shutil.copy(one, again)
    assert run("ingest", again, "--database-url", labelled, "--quiet") == 0
    groups = tmp_path / "groups.tsv"
    groups.write_text(f"{one}\tx\n{again}\tx\n{again}\ty\n{other}\ty\n{third}\ty\n")
    ran = evaluate("--groups", groups, "-b", "efficientnet_lite0", "--format", "json")
    told = ran.json()
    assert {(each["queries"], each["gallery_rows"]) for each in told["measurements"]} == {(3, 3)}
    assert measured(told, "efficientnet_lite0", "map", 0) == 1  # each finds both others
    groups.write_text(f"{one}\tx\n{again}\tx\n")
    nothing = evaluate("--groups", groups)
    assert nothing.code == 1
    assert "no two that belong together" in nothing.err


def test_a_folder_that_cannot_be_looked_into_is_told_by_the_exit_code(
    evaluate: Imgsim, pictures: Path, tmp_path: Path
) -> None:
    (tmp_path / "empty").mkdir()
    ran = evaluate(pictures, tmp_path / "empty", "-b", "mobilenet_025")
    assert ran.code == 4
    assert "the folder holds no image or video" in ran.err
    assert "12 queries" in ran.out


def test_the_index_is_measured_where_there_is_one(
    evaluate: Imgsim, labelled: str, pictures: Path
) -> None:
    without = evaluate(pictures, "-b", "mobilenet_025", "--format", "json")
    assert "No ann_recall_at_k of mobilenet_025: there is no HNSW index" in without.err
    assert not any(each["metric"] == "ann_recall_at_k" for each in without.json()["measurements"])
    assert run("index", "rebuild", "-b", "mobilenet_025", "--database-url", labelled) == 0
    ran = evaluate(pictures, "-b", "mobilenet_025", "-k", 10, "-k", 1000, "--format", "json")
    assert "No ann_recall_at_k for k over 999" in ran.err
    (each,) = (m for m in ran.json()["measurements"] if m["metric"] == "ann_recall_at_k")
    assert (each["k"], each["queries"], each["gallery_rows"]) == (10, 12, 12 + 132)
    assert each["value"] >= 0.9


def test_stored_embeddings_need_no_tensorflow(labelled: str, pictures: Path) -> None:
    code = (
        "import sys\n"
        "from tests.integration.command import run\n"
        f"assert run('evaluate', {str(pictures)!r}, '--database-url', {labelled!r}) == 0\n"
        "assert not {'tensorflow', 'keras'} & set(sys.modules), 'loaded'\n"
    )
    ended = subprocess.run([sys.executable, "-c", code], cwd=Path(__file__).parents[2], check=False)
    assert ended.returncode == 0


def test_table_and_csv(evaluate: Imgsim, pictures: Path) -> None:
    table = evaluate(pictures).out.splitlines()
    assert table[0].split() == ["measure", "efficientnet_lite0", "mobilenet_025"]
    names = [f"{metric}_at_{k}" for metric in ("recall", "hit_rate") for k in (1, 5, 10)]
    assert [line.split()[0] for line in table[1:8]] == [*names, "map"]
    assert table[-2].startswith("12 queries, 12 frames ranked")
    only = ("-b", "efficientnet_lite0", "--format", "csv")
    lines = list(csv.DictReader(io.StringIO(evaluate(pictures, *only).out)))
    assert len(lines) == 1 + 2 * 3
    assert {line["metric"] for line in lines} == {"map", "recall_at_k", "hit_rate_at_k"}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "given: none of them."),
        (("somewhere", "--copies", "3"), "given: FOLDER, --copies."),
        (("--groups", "a.tsv", "--pairs", "b.tsv"), "given: --groups, --pairs."),
        (("--copies", "0"), "1 or more, not 0"),
        (("nowhere",), "is no folder"),
        (("--groups", "nowhere.tsv"), "cannot be read"),
        (("--copies", "1", "-k", "0"), "-k must be 1 to 1,000,000, not 0"),
        (("--copies", "1", "--seed", "-1"), "--seed must be 0 to"),
        (("--copies", "1", "--seed", 2**63), "--seed must be 0 to"),
        (("--copies", "1", "-b", "resnet"), "There is no backbone 'resnet'"),
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
