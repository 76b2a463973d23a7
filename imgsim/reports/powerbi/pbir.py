"""The report as PBIR, the JSON form in which Power BI Desktop keeps reports.

The schemas named here are those of June 2025: later versions of Power BI Desktop read them too.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

from imgsim.reports.powerbi.identity import short_name
from imgsim.reports.powerbi.layout import HEIGHT, WIDTH
from imgsim.reports.powerbi.visuals import Field, Page, Setting, Settings, Visual

Json: TypeAlias = dict[str, Any]

_SCHEMAS = "https://developer.microsoft.com/json-schemas/fabric/item/report/definition"
_ASCENDING, _DESCENDING = "Ascending", "Descending"
_ACTIVE_ROLES = ("Category", "Rows", "Columns")  # whose fields one can drill into


def report_files(pages: Sequence[Page]) -> dict[str, Json]:
    """The files of the folder `definition`, by path in it."""
    files: dict[str, Json] = {
        "version.json": {"$schema": _schema("versionMetadata/1.0.0"), "version": "2.0.0"},
        "report.json": {
            "$schema": _schema("report/2.1.0"),
            "themeCollection": {},  # wanted, though there is no theme
            "settings": {
                "useStylableVisualContainerHeader": True,
                "defaultDrillFilterOtherVisuals": True,
            },
        },
        "pages/pages.json": {
            "$schema": _schema("pagesMetadata/1.0.0"),
            "pageOrder": [_name(page) for page in pages],
            "activePageName": _name(pages[0]),
        },
    }
    for page in pages:
        folder = f"pages/{_name(page)}"
        files[f"{folder}/page.json"] = {
            "$schema": _schema("page/2.0.0"),
            "name": _name(page),
            "displayName": page.title,
            "displayOption": "FitToPage",
            "height": HEIGHT,
            "width": WIDTH,
        }
        for order, visual in enumerate(page.visuals):
            name = short_name("visual", page.title, str(order))
            files[f"{folder}/visuals/{name}/visual.json"] = _container(name, order, visual)
    return files


def _schema(path: str) -> str:
    return f"{_SCHEMAS}/{path}/schema.json"


def _name(page: Page) -> str:
    return short_name("page", page.title)


def _container(name: str, order: int, visual: Visual) -> Json:
    return {
        "$schema": _schema("visualContainer/2.1.0"),
        "name": name,
        "position": {
            "x": visual.box.x,
            "y": visual.box.y,
            "z": order,
            "height": visual.box.height,
            "width": visual.box.width,
            "tabOrder": order,
        },
        "visual": _visual(visual),
    }


def _visual(visual: Visual) -> Json:
    query: Json = {
        "queryState": {
            role: {
                **({"showAll": True} if visual.shows_all else {}),
                "projections": [_projection(field, role) for field in fields],
            }
            for role, fields in visual.roles.items()
        }
    }
    if visual.sort:
        field, is_upwards = visual.sort
        direction = _ASCENDING if is_upwards else _DESCENDING
        query["sortDefinition"] = {"sort": [{"field": _field(field), "direction": direction}]}
    objects = _objects(visual.settings)
    if visual.chosen is not None:
        (what,) = visual.roles["Values"]
        objects["general"] = [{"properties": {"filter": {"filter": _only(what, visual.chosen)}}}]
    made: Json = {
        "visualType": visual.kind,
        "query": query,
        "objects": objects,
        "drillFilterOtherVisuals": True,
    }
    if visual.title:
        made["visualContainerObjects"] = _objects({"title": {"show": True, "text": visual.title}})
    if visual.is_shared:
        (what,) = visual.roles["Values"]
        made["syncGroup"] = {"groupName": what.name, "fieldChanges": True, "filterChanges": True}
    return made


def _projection(field: Field, role: str) -> Json:
    return {
        "field": _field(field),
        "queryRef": f"{field.table}.{field.name}",
        "nativeQueryRef": field.heading,
        "displayName": field.heading,
        **({"active": True} if role in _ACTIVE_ROLES else {}),
    }


def _field(field: Field) -> Json:
    return _reference(field, {"Entity": field.table})


def _reference(field: Field, source: Mapping[str, str]) -> Json:
    kind = "Measure" if field.is_measure else "Column"
    return {kind: {"Expression": {"SourceRef": dict(source)}, "Property": field.name}}


def _only(field: Field, value: str) -> Json:
    """The filter of a slicer in which one value is chosen."""
    source = "s"
    return {
        "Version": 2,
        "From": [{"Name": source, "Entity": field.table, "Type": 0}],
        "Where": [
            {
                "Condition": {
                    "In": {
                        "Expressions": [_reference(field, {"Source": source})],
                        "Values": [[_literal(value)]],
                    }
                }
            }
        ],
    }


def _objects(settings: Settings) -> Json:
    return {
        name: [
            {"properties": {key: {"expr": _literal(value)} for key, value in properties.items()}}
        ]
        for name, properties in settings.items()
    }


def _literal(value: Setting) -> Json:
    if isinstance(value, bool):
        text = "true" if value else "false"
    elif isinstance(value, int):
        text = f"{value}D"
    else:
        text = "'" + value.replace("'", "''") + "'"
    return {"Literal": {"Value": text}}
