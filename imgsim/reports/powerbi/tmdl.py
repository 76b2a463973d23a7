"""The semantic model as TMDL, the text form in which Power BI Desktop keeps models.

Indentation is by tabs and has a meaning; a description is a line that begins with `///`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from imgsim.reports.powerbi.identity import tag
from imgsim.reports.powerbi.measures import Measure
from imgsim.reports.powerbi.model import RELATIONSHIPS, TABLES, Label, Relationship, Table
from imgsim.reports.powerbi.views import View, ViewColumn

SCHEMA = "bi"
PARAMETERS = ("Server", "Database")

_COMPATIBILITY = 1600  # of Analysis Services; every Power BI Desktop since 2023 knows it
_PICTURE = "image"  # the name of every column that holds one
_KEY = "_id"
_WHOLE, _REAL = ("int64", "#,##0"), ("double", "0.0000")
_TYPES: dict[str, tuple[str, str | None]] = {  # of PostgreSQL: of the model, how it is written
    "text": ("string", None),
    "integer": _WHOLE,
    "bigint": _WHOLE,
    "double precision": _REAL,
    "boolean": ("boolean", None),
    "date": ("dateTime", "yyyy-mm-dd"),
    "timestamp without time zone": ("dateTime", "yyyy-mm-dd hh:nn:ss"),
}


def model_files(views: Mapping[str, View], *, server: str, database: str) -> dict[str, str]:
    """The files of the folder `definition`, by path in it.

    Args:
        views: by name; all that the model imports.
        server: host:port that the model reads from, until somebody changes the parameter.
        database: name of the database, likewise.
    """
    return {
        "database.tmdl": f"database\n\tcompatibilityLevel: {_COMPATIBILITY}\n",
        "model.tmdl": _model(),
        "expressions.tmdl": "\n".join(
            _parameter(name, value)
            for name, value in zip(PARAMETERS, (server, database), strict=True)
        ),
        "relationships.tmdl": "\n".join(_relationship(each) for each in RELATIONSHIPS),
        **{f"tables/{table.name}.tmdl": _table(table, views[table.view]) for table in TABLES},
    }


def data_type(column: ViewColumn) -> str:
    """The model's type for a view's column.

    Raises:
        KeyError: the model has no type for it.
    """
    return _TYPES[column.type][0]


def _model() -> str:
    names = [table.name for table in TABLES]
    order = ",".join(f'"{name}"' for name in (*PARAMETERS, *names))
    return (
        "model Model\n"
        "\tculture: en-US\n"
        "\tdefaultPowerBIDataSourceVersion: powerBI_V3\n"
        "\tdiscourageImplicitMeasures\n"
        "\tsourceQueryCulture: en-US\n"
        "\n"
        # No hidden table of dates for every column that holds one.
        "annotation __PBI_TimeIntelligenceEnabled = 0\n"
        "\n"
        f"annotation PBI_QueryOrder = [{order}]\n"
        "\n" + "".join(f"ref table {name}\n" for name in names)
    )


def _parameter(name: str, value: str) -> str:
    # In M, a quote is written twice, and #( begins an escape.
    text = value.replace("#(", "#(#)(").replace('"', '""')
    return (
        f'expression {name} = "{text}" meta '
        '[IsParameterQuery=true, Type="Text", IsParameterQueryRequired=true]\n'
        f"\tlineageTag: {tag('expression', name)}\n"
        "\n"
        "\tannotation PBI_ResultType = Text\n"
    )


def _relationship(relationship: Relationship) -> str:
    ends = (
        f"{relationship.table}.{relationship.column}",
        f"{relationship.one_table}.{relationship.one_column}",
    )
    return (
        f"relationship {tag('relationship', *ends)}\n"
        f"\tfromColumn: {ends[0]}\n"
        f"\ttoColumn: {ends[1]}\n"
    )


def _table(table: Table, view: View) -> str:
    parts = [
        _described(
            0,
            view.description + table.addition,
            f"table {table.name}",
            f"\tlineageTag: {tag('table', table.name)}",
        ),
        *(_measure(measure) for measure in table.measures),
        *(_column(table, column) for column in view.columns),
        *([_label(table, table.label)] if table.label else []),
        _partition(table),
    ]
    return "\n".join(parts)


def _measure(measure: Measure) -> str:
    return _described(
        1,
        measure.description,
        f"measure {_quoted(measure.name)} ={_expression(measure.dax)}",
        *([f"\tformatString: {measure.format}"] if measure.format else []),
        f"\tlineageTag: {tag('measure', measure.name)}",
        *(["\tdataCategory: ImageUrl"] if measure.is_picture else []),
    )


def _column(table: Table, column: ViewColumn) -> str:
    is_key = column.name.endswith(_KEY)
    format_ = "0" if is_key else _TYPES[column.type][1]
    return _described(
        1,
        column.description,
        f"column {_quoted(column.name)}",
        f"\tdataType: {data_type(column)}",
        *(["\tisHidden"] if is_key else []),
        *([f"\tformatString: {format_}"] if format_ else []),
        f"\tlineageTag: {tag('column', table.name, column.name)}",
        *(["\tdataCategory: ImageUrl"] if column.name == _PICTURE else []),
        "\tsummarizeBy: none",
        f"\tsourceColumn: {column.name}",
        "",
        "\tannotation SummarizationSetBy = User",
    )


def _label(table: Table, label: Label) -> str:
    return _described(
        1,
        label.description,
        f"column {label.name} ={_expression(label.dax)}",
        "\tdataType: string",
        f"\tlineageTag: {tag('column', table.name, label.name)}",
        "\tsummarizeBy: none",
        f"\tsortByColumn: {label.sort_by}",
        "",
        "\tannotation SummarizationSetBy = User",
    )


def _partition(table: Table) -> str:
    return _indented(
        1,
        (
            f"partition {table.name} = m",
            "\tmode: import",
            "\tsource =",
            "\t\t\tlet",
            "\t\t\t    Source = PostgreSQL.Database("
            f"{', '.join(PARAMETERS)}, [CreateNavigationProperties = false]),",
            f'\t\t\t    Data = Source{{[Schema = "{SCHEMA}", Item = "{table.view}"]}}[Data]',
            "\t\t\tin",
            "\t\t\t    Data",
        ),
    ) + _indented(0, ("", "\tannotation PBI_ResultType = Table"))


def _expression(dax: str) -> str:
    """What follows the equals sign: on the same line, or on lines of their own, further in."""
    lines = dax.strip("\n").split("\n")
    if len(lines) == 1:
        return f" {lines[0]}"
    return "".join(f"\n\t\t{line}" for line in lines)


def _quoted(name: str) -> str:
    return name if re.fullmatch(r"[A-Za-z_]\w*", name) else "'" + name.replace("'", "''") + "'"


def _described(depth: int, description: str, *lines: str) -> str:
    text = " ".join(description.split())
    return _indented(depth, (*([f"/// {text}"] if text else []), *lines))


def _indented(depth: int, lines: Iterable[str]) -> str:
    text = "\n".join(lines).split("\n")
    return "".join(("\t" * depth + line if line else "") + "\n" for line in text)
