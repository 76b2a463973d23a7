"""A Power BI project: a semantic model, a report, and the .pbip file that opens both."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from imgsim.errors import GalleryError
from imgsim.reports.powerbi.identity import tag
from imgsim.reports.powerbi.model import TABLES
from imgsim.reports.powerbi.pbir import report_files
from imgsim.reports.powerbi.report import pages
from imgsim.reports.powerbi.tmdl import model_files
from imgsim.reports.powerbi.views import View

NAME = "imgsim"

_SCHEMAS = "https://developer.microsoft.com/json-schemas/fabric"
_MODEL, _REPORT = f"{NAME}.SemanticModel", f"{NAME}.Report"
# What Power BI Desktop writes there belongs to one person's machine; the cache holds the data.
_IGNORED = "**/.pbi/localSettings.json\n**/.pbi/cache.abf\n"


def write_project(folder: Path, *, server: str, database: str, views: Sequence[View]) -> Path:
    """Write the project into a folder; the same arguments give the same bytes.

    Args:
        folder: empty.
        server: host:port that the report reads from, until somebody changes it.
        database: name of the database, likewise.
        views: those of schema bi; what the model does not need is left out.

    Returns:
        The .pbip file.

    Raises:
        GalleryError: a view that the model needs is not there.
        OSError: the folder cannot be written to.
    """
    by_name = {view.name: view for view in views}
    missing = sorted({table.view for table in TABLES} - by_name.keys())
    if missing:
        raise GalleryError(
            f"Power BI reads views that the database has not: {', '.join(missing)} in schema bi. "
            "They were dropped or renamed after imgsim made them: give them their names back, or "
            "restore a backup from before."
        )
    opener = folder / f"{NAME}.pbip"
    _write(folder / ".gitignore", _IGNORED)
    _write(opener, _json(_opener()))
    _write(folder / _MODEL / ".platform", _json(_platform("SemanticModel")))
    _write(folder / _MODEL / "definition.pbism", _json(_model_properties()))
    for path, text in model_files(by_name, server=server, database=database).items():
        _write(folder / _MODEL / "definition" / path, text)
    _write(folder / _REPORT / ".platform", _json(_platform("Report")))
    _write(folder / _REPORT / "definition.pbir", _json(_report_properties()))
    for path, content in report_files(pages()).items():
        _write(folder / _REPORT / "definition" / path, _json(content))
    return opener


def _opener() -> dict[str, Any]:
    return {
        "$schema": f"{_SCHEMAS}/pbip/pbipProperties/1.0.0/schema.json",
        "version": "1.0",
        "artifacts": [{"report": {"path": _REPORT}}],
        "settings": {"enableAutoRecovery": True},
    }


def _platform(kind: str) -> dict[str, Any]:
    """Without this file, Power BI Desktop does not take a folder for a model or report."""
    return {
        "$schema": f"{_SCHEMAS}/gitIntegration/platformProperties/2.0.0/schema.json",
        "metadata": {"type": kind, "displayName": NAME},
        "config": {"version": "2.0", "logicalId": tag("item", kind)},
    }


def _model_properties() -> dict[str, Any]:
    return {
        "$schema": f"{_SCHEMAS}/item/semanticModel/definitionProperties/1.0.0/schema.json",
        "version": "4.0",  # from which on a model may be TMDL
        "settings": {},
    }


def _report_properties() -> dict[str, Any]:
    return {
        "$schema": f"{_SCHEMAS}/item/report/definitionProperties/1.0.0/schema.json",
        "version": "4.0",  # from which on a report may be PBIR
        "datasetReference": {"byPath": {"path": f"../{_MODEL}"}},
    }


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8", newline="\n")


def _json(content: dict[str, Any]) -> str:
    return json.dumps(content, indent=2, ensure_ascii=False) + "\n"
