"""The notebook, run from top to bottom with the backbones at hand."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

from imgsim.store.server import EmbeddedServer

NOTEBOOK = Path(__file__).resolve().parents[2] / "notebooks" / "imgsim.ipynb"
BACKBONES = ("efficientnet_lite0", "efficientnet_lite1", "efficientnet_lite2")


def _read() -> Any:  # noqa: ANN401 - nbformat's own type has none
    return nbformat.read(NOTEBOOK, as_version=4)  # type: ignore[no-untyped-call]  # half typed


def _code(notebook: Any) -> list[Any]:  # noqa: ANN401 - nbformat's own type has none
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def _text(cell: Any) -> str:  # noqa: ANN401 - as above
    return "".join(str(output.get("text", "")) for output in cell.outputs)


def test_it_is_stored_without_results() -> None:
    notebook: Any = _read()
    nbformat.validate(notebook)
    assert notebook.metadata["accelerator"] == "GPU"
    for cell in _code(notebook):
        assert cell.outputs == []
        assert cell.execution_count is None


def test_it_compares_three_backbones(
    server_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = server_root / "data"
    monkeypatch.setenv("IMGSIM_DATA_DIR", str(data))
    monkeypatch.setenv("IMGSIM_BACKBONES", " ".join(BACKBONES))
    monkeypatch.delenv("IMGSIM_DATABASE_URL", raising=False)
    monkeypatch.setenv("PYTHONPATH", str(NOTEBOOK.parents[1]))
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    notebook: Any = _read()
    client = NotebookClient(
        notebook,
        timeout=240,
        resources={"metadata": {"path": str(tmp_path)}},
        kernel_name="python3",
    )
    try:
        client.execute()
    finally:
        was_running = EmbeddedServer(data).stop()
    assert not was_running  # the last cell has stopped it
    said = [_text(cell) for cell in _code(notebook)]
    assert any("networks   Keras" in text for text in said)
    shown = [output for cell in _code(notebook) for output in cell.outputs if "data" in output]
    assert sum("image/png" in output["data"] for output in shown) == 1
    lines = list(csv.DictReader(io.StringIO((tmp_path / "comparison.csv").read_text())))
    assert [line["backbone"] for line in lines] == list(BACKBONES) * 5
    assert all(line["first_match"] == "true" for line in lines)
    table = next(text for text in said if "1st_match" in text)
    assert table.count("True                 True") == 15, json.dumps(said)
