"""The Power BI project as files: sound in itself, and by Microsoft's schemas and serializer.

The views it is made from are those in tests/golden/bi_views.json, which an integration test
compares with the database.
"""

from __future__ import annotations

import importlib.util
import json
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import cache
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest

from imgsim.errors import GalleryError
from imgsim.reports.powerbi.layout import HEIGHT, WIDTH
from imgsim.reports.powerbi.measures import MEASURES, Measure
from imgsim.reports.powerbi.model import RELATIONSHIPS, TABLES
from imgsim.reports.powerbi.project import write_project
from imgsim.reports.powerbi.report import pages
from imgsim.reports.powerbi.tmdl import data_type, model_files
from imgsim.reports.powerbi.views import View, ViewColumn

GOLDEN = Path(__file__).resolve().parents[1] / "golden" / "bi_views.json"
SCHEMA_ROOT = "https://developer.microsoft.com/json-schemas/"
TMDL_CHECK = Path(__file__).resolve().parent / "tmdl_round_trip.py"
TMDL_LIBRARIES = ("dotnetcore2", "pbi_cli", "pythonnet")


@cache
def views() -> tuple[View, ...]:
    return tuple(
        View(
            name=view["name"],
            description=view["description"],
            columns=tuple(ViewColumn(**column) for column in view["columns"]),
        )
        for view in json.loads(GOLDEN.read_text(encoding="utf-8"))
    )


@cache
def columns() -> dict[str, dict[str, str]]:
    """The columns of each table of the model, labels too, and their types."""
    by_name = {view.name: view for view in views()}
    return {
        table.name: {each.name: data_type(each) for each in by_name[table.view].columns}
        | ({table.label.name: "string"} if table.label else {})
        for table in TABLES
    }


def measures() -> Iterator[tuple[str, Measure]]:
    for table, each in MEASURES.items():
        yield from ((table, measure) for measure in each)


def write(folder: Path, given: Sequence[View] | None = None) -> Path:
    folder.mkdir(exist_ok=True)
    chosen = views() if given is None else given
    return write_project(folder, server="db.example.org:5432", database="imgsim", views=chosen)


def contents(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def json_files(folder: Path) -> dict[str, Any]:
    return {
        path: json.loads(content)
        for path, content in contents(folder).items()
        if path.endswith((".json", ".pbip", ".pbir", ".pbism", ".platform"))
    }


def fields(part: object) -> Iterator[tuple[str, str, str]]:
    """Kind, table and name of every column and measure in a piece of PBIR."""
    if isinstance(part, list):
        for each in part:
            yield from fields(each)
    elif isinstance(part, dict):
        for kind in part.keys() & {"Column", "Measure"}:
            source = part[kind]["Expression"]["SourceRef"]
            if "Entity" in source:
                yield kind, source["Entity"], part[kind]["Property"]
        for each in part.values():
            yield from fields(each)


def test_the_pages_are_there_and_the_project_opens_them(tmp_path: Path) -> None:
    opener = write(tmp_path)
    assert opener == tmp_path / "imgsim.pbip"
    (artifact,) = json.loads(opener.read_text(encoding="utf-8"))["artifacts"]
    report = tmp_path / artifact["report"]["path"]
    properties = json.loads((report / "definition.pbir").read_text(encoding="utf-8"))
    model = report / properties["datasetReference"]["byPath"]["path"]
    assert (model / "definition" / "model.tmdl").is_file()
    order = json.loads((report / "definition/pages/pages.json").read_text(encoding="utf-8"))
    titles = [
        json.loads((report / "definition/pages" / name / "page.json").read_text(encoding="utf-8"))[
            "displayName"
        ]
        for name in order["pageOrder"]
    ]
    assert titles == ["Comparison", "Hits", "Quality", "Gallery"]


def test_a_second_run_gives_the_same_bytes(tmp_path: Path) -> None:
    write(tmp_path / "one")
    write(tmp_path / "two")
    assert contents(tmp_path / "one") == contents(tmp_path / "two")


def test_no_two_things_have_the_same_lineage_tag_or_name(tmp_path: Path) -> None:
    write(tmp_path)
    files = contents(tmp_path)
    tags = re.findall(r"lineageTag: (\S+)", b"\n".join(files.values()).decode())
    assert len(tags) > 100
    assert len(tags) == len(set(tags))
    folders = [path.split("/")[-2] for path in files if path.endswith(("visual.json", "page.json"))]
    assert len(folders) == len(set(folders))


def test_everything_that_a_page_shows_is_in_the_model(tmp_path: Path) -> None:
    write(tmp_path)
    shown = set(fields(list(json_files(tmp_path).values())))
    assert ("Column", "dim_query", "image") in shown
    assert ("Measure", "fact_match", "Hit picture") in shown
    known = {("Column", table, name) for table, each in columns().items() for name in each}
    known |= {("Measure", table, measure.name) for table, measure in measures()}
    assert shown <= known


def test_every_measure_speaks_of_columns_and_measures_that_exist() -> None:
    names = {measure.name for _, measure in measures()}
    labels = [table.label.dax for table in TABLES if table.label]
    for dax in (*(measure.dax for _, measure in measures()), *labels):
        named = re.findall(r"(\w*)\[([^\]]+)\]", dax)
        tables = set(re.findall(r"\b(?:dim|fact)_\w+", dax))
        assert tables <= columns().keys()
        assert named or tables
        for table, name in named:
            assert name in (columns()[table] if table else names), dax


def test_names_differ_by_more_than_case() -> None:
    """Power BI opens no model with a measure that is called like a column of its table."""
    for name, count in Counter(measure.name.casefold() for _, measure in measures()).items():
        assert count == 1, name
    for table, measure in measures():
        assert measure.name.casefold() not in {name.casefold() for name in columns()[table]}
    by_name = {view.name: view for view in views()}
    for each in TABLES:
        if each.label:
            assert each.label.name not in {c.name for c in by_name[each.view].columns}
            assert each.label.sort_by in columns()[each.name]


def test_relationships_join_whole_numbers_by_one_path_at_most() -> None:
    onward: dict[str, list[str]] = {}
    for each in RELATIONSHIPS:
        assert columns()[each.table][each.column] == "int64"
        assert columns()[each.one_table][each.one_column] == "int64"
        onward.setdefault(each.one_table, []).append(each.table)

    def reached(table: str) -> Iterator[str]:
        for following in onward.get(table, ()):
            yield following
            yield from reached(following)

    for table in columns():
        counts = Counter(reached(table))
        assert all(count == 1 for count in counts.values()), (table, counts)
    assert "fact_match" in set(reached("dim_search"))


def test_keys_are_hidden_and_pictures_are_shown_as_pictures(tmp_path: Path) -> None:
    write(tmp_path)
    folder = tmp_path / "imgsim.SemanticModel/definition/tables"
    query = (folder / "dim_query.tmdl").read_text(encoding="utf-8")
    assert re.search(r"column query_id\n\t\tdataType: int64\n\t\tisHidden\n", query)
    assert re.search(r"column image\n(\t\t.*\n)*?\t\tdataCategory: ImageUrl\n", query)
    assert not re.search(r"column file_name\n(\t\t.*\n)*?\t\tisHidden\n", query)
    assert '[Schema = "bi", Item = "dim_query"]' in query
    other = (folder / "dim_other_backbone.tmdl").read_text(encoding="utf-8")
    assert 'Item = "dim_backbone"' in other


def test_everything_is_described() -> None:
    for path, text in model_files(
        {view.name: view for view in views()}, server="s:1", database="d"
    ).items():
        lines = text.split("\n")
        for before, line in zip(["", *lines], lines, strict=False):
            if re.match(r"(table|\t(column|measure)) ", line):
                assert before.strip().startswith("/// "), (path, line)


def test_a_name_with_quotes_stays_a_text_in_the_query() -> None:
    files = model_files({view.name: view for view in views()}, server='a"b', database="#(lf) x")
    assert 'expression Server = "a""b" meta' in files["expressions.tmdl"]
    assert 'expression Database = "#(#)(lf) x" meta' in files["expressions.tmdl"]


def test_a_missing_view_is_named(tmp_path: Path) -> None:
    rest = [view for view in views() if view.name != "fact_match"]
    with pytest.raises(GalleryError, match="fact_match in schema bi"):
        write(tmp_path, rest)
    assert contents(tmp_path) == {}


def test_visuals_lie_on_the_page_and_do_not_overlap() -> None:
    for page in pages():
        boxes = [visual.box for visual in page.visuals]
        for box in boxes:
            assert min(box.x, box.y) >= 0
            assert min(box.width, box.height) > 50
            assert box.x + box.width <= WIDTH
            assert box.y + box.height <= HEIGHT
        for one, other in combinations(boxes, 2):
            assert (
                one.x + one.width <= other.x
                or other.x + other.width <= one.x
                or one.y + one.height <= other.y
                or other.y + other.height <= one.y
            ), page.title


def test_headings_are_unique_in_a_visual() -> None:
    for page in pages():
        for visual in page.visuals:
            headings = [field.heading for role in visual.roles.values() for field in role]
            assert len(headings) == len(set(headings)), (page.title, headings)


def test_the_first_two_pages_show_one_run_at_a_time() -> None:
    for page in pages()[:2]:
        (choice,) = [
            visual
            for visual in page.visuals
            if visual.kind == "slicer" and visual.roles["Values"][0].name == "run"
        ]
        assert choice.settings["selection"]["strictSingleSelect"] is True
        assert choice.sort is not None
        assert choice.sort[1] is False  # the newest first


def test_json_keeps_to_the_published_schemas(tmp_path: Path, shared: Path) -> None:
    jsonschema = pytest.importorskip("jsonschema")
    referencing = pytest.importorskip("referencing")
    root = shared.parent / "schemas" / "powerbi"
    if not root.is_dir():
        pytest.skip("the schemas are not beside this checkout")

    def retrieve(uri: str) -> Any:  # noqa: ANN401 - a type of an optional library
        text = (root / uri.removeprefix(SCHEMA_ROOT)).read_text(encoding="utf-8")
        return referencing.Resource.from_contents(json.loads(text))

    registry = referencing.Registry(retrieve=retrieve)
    write(tmp_path)
    checked = json_files(tmp_path)
    assert len(checked) > 30
    for path, content in checked.items():
        schema = retrieve(content["$schema"]).contents
        problems = jsonschema.Draft7Validator(schema, registry=registry).iter_errors(content)
        assert [problem.message for problem in problems] == [], path


@pytest.mark.skipif(
    not all(importlib.util.find_spec(name) for name in TMDL_LIBRARIES),
    reason=f"needs {', '.join(TMDL_LIBRARIES)}, which bring Microsoft's serializer",
)
def test_microsofts_serializer_reads_the_model_and_writes_the_same(tmp_path: Path) -> None:
    write(tmp_path / "ours")
    ours, theirs = tmp_path / "ours/imgsim.SemanticModel/definition", tmp_path / "theirs"
    theirs.mkdir()
    ran = subprocess.run(
        [sys.executable, TMDL_CHECK, ours, theirs], capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stderr
    written, expected = contents(theirs), contents(ours)
    del expected["database.tmdl"]  # it writes the model only
    assert {path: text.decode().split() for path, text in written.items()} == {
        path: text.decode().split() for path, text in expected.items()
    }
