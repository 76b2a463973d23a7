"""`imgsim report`: one page, and its numbers are those of the views."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import psycopg
import pytest
from psycopg.rows import dict_row

from imgsim.sampling import Sampling
from imgsim.sources import open_media
from tests.html_page import Element, require_self_contained, rows
from tests.integration.command import Imgsim, Ran

NASTY = "<script>alert(1)<script>.jpg"
COVERED = "What each backbone has embedded; of a media sampled several times, by the largest sample"
YES = {True: "✓ yes", False: "✗ no", None: "-"}


@pytest.fixture(scope="module")
def stills(sample: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Frames 0, 44 and 88 of the sample at half size; one has a name that is markup."""
    folder = tmp_path_factory.mktemp("stills")
    paths = [folder / name for name in ("first.jpg", NASTY, "third.jpg")]
    with open_media(sample) as media:
        frames = list(media.frames(Sampling(every=44)))
    for path, frame in zip(paths, frames, strict=True):
        small = cv2.resize(frame.pixels, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
        path.write_bytes(cv2.imencode(".jpg", small[..., ::-1])[1].tobytes())
    return paths


@pytest.fixture
def readers(filled_database: str) -> Iterator[psycopg.Connection[dict[str, Any]]]:
    """A plain connection, as a reader of the views has it."""
    with psycopg.connect(filled_database, autocommit=True, row_factory=dict_row) as connection:
        yield connection


def _page(ran: Ran, out: Path) -> Element:
    assert ran.code == 0, ran.err
    assert ran.out == f"{out}\n"
    return require_self_contained(out.read_text(encoding="utf-8"))


def _section(document: Element, name: str) -> Element:
    (found,) = (each for each in document.all("section") if each.attributes["id"] == name)
    return found


def _tables(section: Element) -> dict[str, list[list[str]]]:
    """The bodies of tables by their titles."""
    return {
        each.one("figcaption").text: rows(each.one("table"))
        for each in section.all("figure", "table")
    }


def test_the_measures_are_those_of_the_views(
    two_backbones: Imgsim,
    stills: list[Path],
    readers: psycopg.Connection[dict[str, Any]],
    tmp_path: Path,
) -> None:
    assert two_backbones("compare", *stills, "-k", 5).code == 0
    out = tmp_path / "page.html"
    section = _section(_page(two_backbones("report", "--out", out), out), "comparison")
    answers = readers.execute(
        "SELECT q.file_name, b.label, m.* FROM bi.fact_query_metrics m "
        "JOIN bi.dim_query q USING (query_id) JOIN bi.dim_backbone b USING (backbone_id)"
    ).fetchall()
    expected = {
        (each["file_name"], each["label"]): [
            YES[each["match_found"]],
            YES[each["first_match"]],
            str(each["adjacent_hits"]),
            f"{each['best_distance']:z.4f}",
            f"{each['margin']:.4f}",
        ]
        for each in answers
    }
    shown = {}
    for cells in _tables(section)["Queries"]:
        if len(cells) == 7:
            query = cells.pop(0).partition(" is ")[0]
        shown[query, cells[0]] = cells[1:]
    assert shown == expected
    for card in section.all("div", "card"):
        own = [each for each in answers if each["label"] == card.one("h4").text]
        matches, first_matches, mean = (each.text for each in card.all("dd"))
        assert matches == f"{sum(each['match_found'] for each in own)} of 3"
        assert first_matches == f"{sum(each['first_match'] for each in own)} of 3"
        assert mean == f"{sum(each['adjacent_hits'] for each in own) / 3:.1f} of 5"


def test_hits_are_those_of_the_views_with_their_pictures(
    two_backbones: Imgsim,
    stills: list[Path],
    readers: psycopg.Connection[dict[str, Any]],
    tmp_path: Path,
) -> None:
    assert two_backbones("compare", *stills, "-k", 5).code == 0
    out = tmp_path / "page.html"
    document = _page(two_backbones("report", "--out", out), out)
    pool = {each.attributes["id"]: each.attributes["href"] for each in document.all("image")}
    marked = 0
    for block in _section(document, "hits").all("details"):
        name = next(block.all("summary")).one("span", "file").text
        for row in block.one("tbody").all("tr"):
            hits = readers.execute(
                "SELECT f.distance, f.is_match, i.image FROM bi.fact_match f "
                "JOIN bi.dim_query q USING (query_id) JOIN bi.dim_backbone b USING (backbone_id) "
                "JOIN bi.dim_frame_image i ON i.frame_id = f.frame_id "
                "WHERE q.file_name = %s AND b.label = %s ORDER BY f.rank",
                [name, next(row.all("span", "backbone")).text],
            ).fetchall()
            cells = list(row.all("td"))
            assert [cell.one("span", "number").text for cell in cells] == [
                f"{hit['distance']:z.4f}" for hit in hits
            ]
            assert [pool[cell.one("use").attributes["href"][1:]] for cell in cells] == [
                hit["image"] for hit in hits
            ]
            assert [cell.attributes.get("class") == "true" for cell in cells] == [
                hit["is_match"] for hit in hits
            ]
            (counted,) = readers.execute(
                "SELECT m.adjacent_hits FROM bi.fact_query_metrics m "
                "JOIN bi.dim_query q USING (query_id) JOIN bi.dim_backbone b USING (backbone_id) "
                "WHERE q.file_name = %s AND b.label = %s",
                [name, next(row.all("span", "backbone")).text],
            ).fetchall()
            neighbours = [cell for cell in cells if cell.attributes.get("class") == "neighbour"]
            assert len(neighbours) == counted["adjacent_hits"]
            marked += len(neighbours)
    assert marked > 0


def test_quality_is_that_of_the_views(
    two_backbones: Imgsim,
    stills: list[Path],
    readers: psycopg.Connection[dict[str, Any]],
    tmp_path: Path,
) -> None:
    assert two_backbones("compare", *stills).code == 0
    assert two_backbones("evaluate", "--copies", 3, "-k", 1, "-k", 5).code == 0
    out = tmp_path / "page.html"
    section = _section(_page(two_backbones("report", "--out", out), out), "quality")
    tables = _tables(section)
    measured = readers.execute("SELECT * FROM bi.fact_evaluation ORDER BY backbone_id").fetchall()

    def expected(part: str, metric: str, k: int) -> list[str]:
        return [
            f"{each['value']:.3f} {each['low']:.3f} to {each['high']:.3f}"
            for each in measured
            if (each["part"], each["metric"], each["k"]) == (part, metric, k)
        ]

    whole = {
        cells[0]: cells[1:3]
        for cells in tables["Means over the queries, with 95 % bootstrap intervals"]
    }
    assert whole["hit_rate_at_5"] == expected("all", "hit_rate", 5)
    assert whole["map"] == expected("all", "map", 0)
    parts = {cells[0]: cells[1:3] for cells in tables["hit_rate_at_1 by part"]}
    assert parts["rotated_90"] == expected("rotated_90", "hit_rate", 1)
    assert len(parts) == len({each["part"] for each in measured}) - 1

    costs = readers.execute("SELECT * FROM bi.fact_search_backbone ORDER BY backbone_id").fetchall()
    times = tables["Times are means over the queries, without loading the network"]
    assert [cells[1:3] for cells in times] == [
        [f"{each['embed_ms']:,.1f}", f"{each['search_ms']:,.2f}"] for each in costs
    ]
    assert [cells[3:6] for cells in times] == [["1,280", "2,568", "132"], ["256", "520", "132"]]
    (agreement,) = readers.execute(
        "SELECT avg(overlap) AS overlap, avg(rank_correlation) AS rank FROM bi.fact_agreement"
    ).fetchall()
    assert tables["Agreement, mean over the queries"] == [
        [
            "efficientnet_lite0 mobilenet_025",
            f"{100 * agreement['overlap']:.1f} %",
            f"{agreement['rank']:z.2f}",
        ]
    ]


def test_without_a_run_the_gallery_is_shown_and_what_fills_the_rest(
    two_backbones: Imgsim, tmp_path: Path
) -> None:
    (tmp_path / NASTY).write_bytes(b"no picture")
    assert two_backbones("ingest", tmp_path / NASTY).code == 1
    out = tmp_path / "page.html"
    document = _page(two_backbones("report", "--out", out), out)
    gallery = _section(document, "gallery")
    assert [each.text for each in gallery.one("div", "totals").all("dd")] == [
        *("2", "132", "0", "1 media", "0:00:05.280")
    ]
    tables = _tables(gallery)
    assert tables["Media by status and kind"][0][:4] == ["complete", "video", "1", "132"]
    assert tables[COVERED] == [
        ["efficientnet_lite0", "1,280", "1", "0", "132", "100.0 %"],
        ["mobilenet_025", "256", "1", "0", "132", "100.0 %"],
    ]
    (failed,) = tables["Failed and partial media"]
    assert failed[:2] == [NASTY, "failed"]
    assert len(failed[2]) > 10
    assert "imgsim compare QUERY..." in _section(document, "comparison").text
    assert "imgsim evaluate" in _section(document, "quality").text


def test_a_run_is_chosen_by_number_and_others_are_named(
    two_backbones: Imgsim, stills: list[Path], tmp_path: Path
) -> None:
    assert two_backbones("compare", stills[0], "-k", 3).code == 0
    assert two_backbones("compare", *stills, "-k", 4).code == 0
    assert two_backbones("search", stills[0], "-k", 2, "--save").code == 0
    out = tmp_path / "page.html"
    newest = _section(_page(two_backbones("report", "--out", out), out), "comparison")
    assert "Run 2" in newest.one("h3").text
    assert "k = 4" in newest.one("h3").text
    assert "imgsim report --search 1" in newest.text
    assert "imgsim report --search 3" in newest.text
    chosen = two_backbones("report", "--out", out, "--search", 1, "--search", 3, "--force")
    titles = [each.text for each in _section(_page(chosen, out), "comparison").all("h3")]
    assert ["Run 3" in title or "Run 1" in title for title in titles] == [True, True]
    ran = two_backbones("report", "--out", out, "--search", 4, "--force")
    assert ran.code == 1
    assert "No run is saved with the number 4; there is: 1, 2, 3." in ran.err


def test_many_queries_are_counted_but_few_are_shown(
    two_backbones: Imgsim, stills: list[Path], tmp_path: Path
) -> None:
    assert two_backbones("compare", *stills).code == 0
    out = tmp_path / "page.html"
    ran = two_backbones("report", "--out", out, "--queries", 1)
    document = _page(ran, out)
    assert "with the hits of 1 of 3 queries" in ran.err
    tables = _tables(_section(document, "comparison"))
    assert len(tables["Queries"]) == 2
    assert len(tables["Queries without pictures"]) == 4
    assert len(list(_section(document, "hits").all("details"))) == 1
    assert two_backbones("report", "--out", out, "--queries", 0, "--force").code == 0
    assert two_backbones("report", "--out", out, "--queries", -1, "--force").code == 2


def test_results_are_shown_when_their_media_are_forgotten(
    two_backbones: Imgsim, stills: list[Path], sample: Path, tmp_path: Path
) -> None:
    assert two_backbones("compare", stills[0], "-k", 5).code == 0
    assert two_backbones("forget", sample).code == 0
    out = tmp_path / "page.html"
    document = _page(two_backbones("report", "--out", out), out)
    cells = list(_section(document, "hits").one("tbody").all("td"))
    assert len(cells) == 10
    assert all("no picture" in cell.text and sample.name in cell.text for cell in cells)
    assert "The gallery is empty." in _section(document, "gallery").text


def test_no_file_is_overwritten_unasked(two_backbones: Imgsim, tmp_path: Path) -> None:
    out = tmp_path / "page.html"
    out.write_text("mine")
    ran = two_backbones("report", "--out", out)
    assert (ran.code, ran.out, out.read_text()) == (1, "", "mine")
    assert "exists already; --force replaces it." in ran.err
    assert two_backbones("report", "--out", out, "--force").code == 0
    assert out.read_text(encoding="utf-8").startswith("<!DOCTYPE html>")
    nowhere = two_backbones("report", "--out", tmp_path / "none" / "page.html")
    assert nowhere.code == 1
    assert "cannot be written to: No such file or directory" in nowhere.err


def test_an_empty_gallery_says_how_to_fill_it(imgsim: Imgsim, tmp_path: Path) -> None:
    ran = imgsim("report", "--out", tmp_path / "page.html")
    assert ran.code == 1
    assert "imgsim ingest PATH..." in ran.err
    assert not (tmp_path / "page.html").exists()
