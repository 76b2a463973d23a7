"""The page as a value: what it shows of what it is given, and that names cannot break it."""

from __future__ import annotations

import random
import re
import subprocess
import sys
from dataclasses import replace

import matplotlib
import pytest

from imgsim import metrics
from imgsim.comparison import QueryMetrics
from imgsim.pipeline.report import most_disputed
from imgsim.report_values import EvaluationSummary, GalleryContents
from imgsim.reports.columns import printable
from imgsim.reports.html import names
from imgsim.reports.html.hits_section import unbroken_run
from imgsim.reports.html.looks import looks_of
from imgsim.reports.html.page import render
from imgsim.reports.html.pictures import PicturePool
from tests.html_page import Element, require_self_contained, rows
from tests.report_contents import BACKBONES, WHEN, answer, contents, evaluation, gallery, run

NASTY = (
    "<script>alert(1)</script>.jpg",
    '"><img src=x onerror=alert(1)>.jpg',
    "' onmouseover='alert(1)'.jpg",
    "{{ 7 * 7 }}{% raw %}$x^{2$ & &lt;.jpg",
    "</style></svg>\x1b]0;\u202e\x00.jpg",
    "中文 #010101 🎬.jpg",
)


def _section(document: Element, name: str) -> Element:
    (found,) = (each for each in document.all("section") if each.attributes["id"] == name)
    return found


def _table(section: Element, title: str) -> Element:
    (found,) = (
        each for each in section.all("figure", "table") if each.one("figcaption").text == title
    )
    return found.one("table")


@pytest.mark.parametrize("name", NASTY)
def test_names_are_text_wherever_they_stand(name: str) -> None:
    page = contents(
        run(BACKBONES, [name, f"other {name}"]),
        evaluations=(evaluation(name),),
        other_evaluations=(
            EvaluationSummary(evaluation_id=1, kind="pairs", source=name, started_at=WHEN),
        ),
        held=gallery(f"/p/{name}"),
    )
    document = require_self_contained(render(page))
    shown = names.file_name(name)
    for section in ("comparison", "hits", "gallery"):
        assert shown in _section(document, section).text
    quality = _section(document, "quality").text
    assert printable(name) in quality
    chart = next(_section(document, "comparison").one("figure", "chart").all("svg"))
    labels = " ".join(each.text for each in chart.all("text"))
    assert shown[-8:] in labels
    (failed,) = rows(_table(_section(document, "gallery"), "Failed and partial media: 1 of 2"))
    assert failed == [shown, "failed", printable(f"/p/{name}"), "-", "7"]


def test_the_comparison_shows_the_measures() -> None:
    document = require_self_contained(render(contents(run(BACKBONES, ["a.jpg", "b.jpg"]))))
    section = _section(document, "comparison")
    assert rows(_table(section, "Queries")) == [
        ["a.jpg is a.jpg.mp4@5", "lite0", "✓ yes", "✓ yes", "2", "0.0000", "0.2500"],
        ["vgg16", "✓ yes", "✗ no", "2", "0.0000", "0.2500"],
        ["b.jpg is b.jpg.mp4@5", "lite0", "✓ yes", "✓ yes", "2", "0.0000", "0.2500"],
        ["vgg16", "✓ yes", "✗ no", "2", "0.0000", "0.2500"],
    ]
    card = next(section.all("div", "card"))
    assert [each.text for each in card.all("dd")] == ["1 of 1", "1 of 1", "2.0 of 4"]


def test_hits_are_marked_and_carry_distance_time_and_file() -> None:
    document = require_self_contained(render(contents(run(BACKBONES, ["a.jpg"]))))
    first, second = _section(document, "hits").one("table").one("tbody").all("tr")
    assert [each.text for each in first.all("td")] == [
        "0.1000 0:00:01.500 a.jpg.mp4 true frame",
        "0.2000 0:00:01.500 a.jpg.mp4 neighbour",
        "0.3000 0:00:01.500 a.jpg.mp4",
        "no picture 0.4000 0:00:01.500 a.jpg.mp4",
    ]
    assert [each.attributes.get("class") for each in first.all("td")] == [
        "true",
        "neighbour",
        None,
        None,
    ]
    assert "true frame at rank 1" in first.text
    assert "true frame not among 4 hits" in second.text


def test_quality_shows_values_and_intervals() -> None:
    page = contents(run(BACKBONES, ["a.jpg"]), evaluations=(evaluation("cropped"),))
    section = _section(require_self_contained(render(page)), "quality")
    whole = _table(section, "Means over the queries, with 95 % bootstrap intervals")
    assert rows(whole) == [
        ["hit_rate_at_1", "0.500 0.490 to 0.510", "0.500 0.490 to 0.510", "40"],
        ["hit_rate_at_5", "0.750 0.740 to 0.760", "0.750 0.740 to 0.760", "40"],
        ["map", "0.625 0.615 to 0.635", "0.625 0.615 to 0.635", "40"],
    ]
    assert rows(_table(section, "hit_rate_at_1 by part")) == [
        ["cropped", "0.500 0.490 to 0.510", "0.500 0.490 to 0.510", "40"]
    ]
    assert len(rows(_table(section, "All other measures by part"))) == 2
    costs = _table(section, "Times are means over the queries, without loading the network")
    assert rows(costs)[0] == ["lite0", "12.3", "0.56", "512", "1,032", "1,234", "exact"]
    agreement = _table(section, "Agreement, mean over the queries")
    assert rows(agreement) == [["lite0 vgg16", "50.0 %", "-"]]


def test_the_gallery_shows_totals_and_coverage() -> None:
    section = _section(require_self_contained(render(contents())), "gallery")
    assert [each.text for each in section.one("div", "totals").all("dd")] == [
        *("5", "1,200", "200", "2 media", "0:01:01.500")
    ]
    covered = _table(
        section,
        "What each backbone has embedded; of a media sampled several times, by the largest sample",
    )
    assert rows(covered) == [["lite0", "512", "3", "0", "900", "90.0 %"]]


def test_what_is_missing_names_the_command_that_fills_it() -> None:
    nothing = GalleryContents(counts=(), coverage=(), damaged=())
    document = require_self_contained(render(contents(held=nothing)))
    told = {
        each.attributes["id"]: [note.text for note in each.all("p", "empty")]
        for each in document.all("section")
    }
    assert "imgsim compare QUERY..." in told["comparison"][0]
    assert "imgsim compare QUERY..." in told["hits"][0]
    assert "imgsim evaluate" in told["quality"][0]
    assert "imgsim ingest PATH..." in told["gallery"][0]


def test_without_true_frames_there_is_no_chart_of_adjacent_hits() -> None:
    document = require_self_contained(render(contents(run(BACKBONES, ["a.jpg"], adjacent=None))))
    section = _section(document, "comparison")
    assert "imgsim compare --truth" in section.one("figure", "chart").text
    (first, _) = rows(_table(section, "Queries"))
    assert first == ["a.jpg no true frame known", "lite0", "-", "-", "-", "0.0000", "0.2500"]


def test_a_backbone_has_one_colour_in_all_sections_and_charts() -> None:
    page = contents(run(BACKBONES, ["a.jpg"]), evaluations=(evaluation("cropped"),))
    html = render(page)
    colours = {
        each.text: next(each.all("i")).attributes["style"].removeprefix("background-color: ")
        for each in require_self_contained(html).all("span", "backbone")
    }
    assert colours == {name: look.colour for name, look in looks_of(BACKBONES).items()}
    charts = [
        svg
        for figure in require_self_contained(html).all("figure", "chart")
        for svg in figure.all("svg")
    ]
    assert len(charts) == 6
    drawn = [
        set(
            re.findall(
                r"fill: (#[0-9a-f]{6})",
                " ".join(each.attributes.get("style", "") for each in svg.all()),
            )
        )
        for svg in charts
    ]
    both = set(colours.values())
    assert drawn == [both, both, both, both, set(), {colours["lite0"]}]


def test_sixteen_backbones_are_told_apart() -> None:
    many = [f"net{number}" for number in range(16)]
    looks = looks_of(many)
    assert len({(look.colour, look.is_striped) for look in looks.values()}) == 16
    document = require_self_contained(render(contents(run(many, ["a.jpg"]))))
    assert len(list(document.all("pattern"))) >= 8
    assert len(list(_section(document, "comparison").all("div", "card"))) == 16


def test_charts_heed_no_settings_of_the_user() -> None:
    page = contents(run(BACKBONES, ["a.jpg"]))
    plain = render(page)
    with matplotlib.rc_context({"font.size": 40, "text.color": "red", "svg.fonttype": "path"}):
        assert render(page) == plain


def test_a_picture_is_embedded_once() -> None:
    html = render(contents(run(BACKBONES, ["a.jpg", "b.jpg"])))
    uris = re.findall(r"data:image/jpeg[^\"]+", html)
    assert len(uris) == len(set(uris)) == 4  # two queries; two of three frames look the same
    pool = PicturePool()
    assert pool.add(None) is None
    with pytest.raises(ValueError, match="not a JPEG"):
        pool.add('data:image/jpeg;base64,AA"/><script>')


def test_neighbours_are_those_that_are_counted() -> None:
    draw = random.Random(5)
    for _ in range(200):
        offsets = {draw.randint(-6, 6) for _ in range(draw.randint(0, 10))}
        assert len(unbroken_run(offsets)) - 1 == metrics.adjacent_hits(list(offsets), 0)


def test_the_most_disputed_queries_come_first() -> None:
    def answers(query_id: int, *told: tuple[bool, bool, int]) -> list[QueryMetrics]:
        return [
            replace(
                answer(query_id, f"net{at}", "a"),
                match_found=found,
                first_match=first,
                adjacent_hits=adjacent,
            )
            for at, (found, first, adjacent) in enumerate(told)
        ]

    assert most_disputed(
        [
            *answers(1, (True, True, 4), (True, True, 4)),
            *answers(2, (True, True, 9), (True, True, 0)),
            *answers(3, (True, True, 4), (True, False, 4)),
            *answers(4, (True, True, 4), (False, False, 4)),
            *answers(5, (False, False, 0), (False, False, 0)),
        ]
    ) == [4, 3, 2, 1, 5]


def test_names_that_are_alike_are_told_by_their_folders() -> None:
    assert names.distinct_names(["/a/x.jpg", "/b/y.jpg"]) == {
        "/a/x.jpg": "x.jpg",
        "/b/y.jpg": "y.jpg",
    }
    assert names.distinct_names(["/a/x.jpg", "/b/x.jpg"])["/a/x.jpg"] == "/a/x.jpg"
    assert names.file_name("C:\\films\\x.mp4") == "x.mp4"
    assert names.shortened("a_very_long_name_0001.png", 15) == "a_ver…_0001.png"
    assert len(names.shortened("x" * 99, 15)) == 15


def test_no_other_command_loads_the_drawing_library() -> None:
    probe = (
        "import sys, imgsim.cli.app, imgsim.cli.report; "
        "sys.exit(' '.join({'matplotlib', 'jinja2'} & set(sys.modules)) or 0)"
    )
    ran = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
