"""The Power BI model against the live views, and the command that writes it."""

from __future__ import annotations

import json
import re
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

from imgsim.errors import GalleryError, InvalidArgument
from imgsim.pipeline.powerbi import write_power_bi
from imgsim.reports.powerbi.model import TABLES
from imgsim.store.bi_columns import bi_columns, by_tcp
from imgsim.store.engine import Session
from tests.integration.command import Imgsim

GOLDEN = Path(__file__).resolve().parents[1] / "golden" / "bi_views.json"
# What Power BI's types may be filled from.
FITTING = {
    "int64": {"integer", "bigint"},
    "double": {"double precision"},
    "string": {"text"},
    "boolean": {"boolean"},
    "dateTime": {"date", "timestamp without time zone"},
}
ALL_COLUMNS = (
    "SELECT table_name, column_name, data_type FROM information_schema.columns "
    "WHERE table_schema = 'bi'"
)


def model_columns(folder: Path) -> dict[tuple[str, str], str]:
    """View and source column of every column in the written model, and its type there."""
    found = {}
    for file in (folder / "imgsim.SemanticModel/definition/tables").glob("*.tmdl"):
        text = file.read_text(encoding="utf-8")
        view = re.search(r'Item = "(\w+)"', text)
        assert view is not None, file
        for type_, source in re.findall(
            r"dataType: (\w+)\n(?:\t\t\w.*\n)*?\t\tsourceColumn: (\w+)\n", text
        ):
            found[view[1], source] = type_
    return found


def test_every_column_of_the_model_is_in_the_live_views_with_a_fitting_type(
    session: Session, database: str, tmp_path: Path
) -> None:
    write_power_bi(session, tmp_path / "out")
    with psycopg.connect(database) as connection:
        live = {(view, name): type_ for view, name, type_ in connection.execute(ALL_COLUMNS)}
    model = model_columns(tmp_path / "out")
    assert {view for view, _ in model} == {table.view for table in TABLES}
    assert len(model) > 80
    for key, type_ in model.items():
        assert live[key] in FITTING[type_], key
    # and nothing of these views is left out
    views = {table.view for table in TABLES}
    assert {key for key in live if key[0] in views} == model.keys()


def test_the_views_are_as_the_unit_tests_take_them_to_be(
    session: Session, update_golden: bool
) -> None:
    found: dict[str, dict[str, object]] = {}
    for column in bi_columns(session):
        view = found.setdefault(
            column.view,
            {"name": column.view, "description": column.view_comment, "columns": []},
        )
        columns = view["columns"]
        assert isinstance(columns, list)
        columns.append({"name": column.name, "type": column.type, "description": column.comment})
    text = json.dumps(list(found.values()), indent=1, ensure_ascii=False) + "\n"
    if update_golden:
        GOLDEN.write_text(text, encoding="utf-8")
    assert json.loads(GOLDEN.read_text(encoding="utf-8")) == list(found.values())


def test_a_dropped_view_is_named(session: Session, database: str, tmp_path: Path) -> None:
    with psycopg.connect(database) as connection:
        connection.execute("DROP VIEW bi.fact_coverage")
    with pytest.raises(GalleryError, match="fact_coverage in schema bi"):
        write_power_bi(session, tmp_path / "out")


def test_nothing_is_written_into_a_folder_that_holds_something(
    session: Session, tmp_path: Path
) -> None:
    (tmp_path / "mine.txt").write_text("mine", encoding="utf-8")
    with pytest.raises(InvalidArgument, match="not empty"):
        write_power_bi(session, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_the_project_reads_this_database_and_holds_no_password(
    session: Session, database: str, tmp_path: Path
) -> None:
    write_power_bi(session, tmp_path / "out")
    parts = conninfo_to_dict(database)
    texts = [
        path.read_text(encoding="utf-8") for path in (tmp_path / "out").rglob("*") if path.is_file()
    ]
    everything = "\n".join(texts)
    assert f'expression Server = "{parts["host"]}:{parts["port"]}" meta' in everything
    assert f'expression Database = "{parts["dbname"]}" meta' in everything
    assert len(str(parts["password"])) > 8
    assert str(parts["password"]) not in everything


@pytest.mark.parametrize(
    ("host", "server"),
    [
        ("db.example.org", "db.example.org:5432"),
        ("", "localhost:5432"),
        ("/var/run/postgresql", "localhost:5432"),
        ("@/abstract", "localhost:5432"),
        ("::1", "[::1]:5432"),
    ],
)
def test_power_bi_knows_no_sockets(host: str, server: str) -> None:
    assert by_tcp(host, 5432) == server


def test_the_command_prints_the_file_and_says_how_to_open_it(
    imgsim: Imgsim, tmp_path: Path
) -> None:
    ran = imgsim("powerbi", "--out", tmp_path / "out")
    assert ran.code == 0
    assert ran.out == f"{tmp_path / 'out' / 'imgsim.pbip'}\n"
    assert (tmp_path / "out" / "imgsim.pbip").is_file()
    assert "imgsim db bi-user" in ran.err
    again = imgsim("powerbi", "--out", tmp_path / "out")
    assert again.code == 2
    assert "not empty" in again.err
