"""The notebook, run from top to bottom with the backbones at hand and without a network."""

from __future__ import annotations

import base64
import csv
import io
from pathlib import Path
from typing import Any

import cv2
import nbformat
import numpy as np
import pytest
from nbclient import NotebookClient

from imgsim.store.server import EmbeddedServer

NOTEBOOK = Path(__file__).resolve().parents[2] / "notebooks" / "imgsim.ipynb"
BACKBONES = ("efficientnet_lite0", "efficientnet_lite1", "efficientnet_lite2")


def _executed(folder: Path) -> dict[str, Any]:
    """Run the notebook in this folder; gives its code cells by id."""
    notebook: Any = nbformat.read(NOTEBOOK, as_version=4)  # type: ignore[no-untyped-call]  # half typed
    NotebookClient(
        notebook,
        timeout=240,
        resources={"metadata": {"path": str(folder)}},
        kernel_name="python3",
    ).execute()
    return {cell.id: cell for cell in notebook.cells if cell.cell_type == "code"}


def _printed(cell: Any) -> str:  # noqa: ANN401 - nbformat's own type has none
    return "".join(str(output.get("text", "")) for output in cell.outputs)


def _shown(cell: Any, kind: str) -> list[str]:  # noqa: ANN401 - as above
    return [output.data[kind] for output in cell.outputs if kind in output.get("data", {})]


def _check_comparison(text: str) -> None:
    lines = list(csv.DictReader(io.StringIO(text)))
    assert [line["backbone"] for line in lines] == list(BACKBONES) * 6
    *stills, stranger = (lines[at : at + 3] for at in range(0, 18, 3))
    for still in stills:
        index = int(Path(still[0]["query"]).name.split("_")[1])  # as `imgsim frames` named it
        for line in still:
            assert line["match_found"] == line["first_match"] == "true"
            assert Path(line["truth"]).name == "bigbuckbunny.mp4"
            assert int(line["truth_frame_index"]) == index
    assert {line["match_found"] for line in stranger} == {""}
    nearest = min(float(line["best_distance"]) for line in stranger)
    assert nearest > 10 * max(float(line["best_distance"]) for each in stills for line in each)


def test_it_compares_three_backbones(
    server_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = server_root / "data"
    monkeypatch.setenv("IMGSIM_DATA_DIR", str(data))
    monkeypatch.setenv("IMGSIM_BACKBONES", " ".join(BACKBONES))
    monkeypatch.setenv("IMGSIM_SOURCE", str(tmp_path / "none"))  # installing would fail
    monkeypatch.delenv("IMGSIM_DATABASE_URL", raising=False)
    monkeypatch.delenv("IMGSIM_VIDEO", raising=False)
    monkeypatch.setenv("PYTHONPATH", str(NOTEBOOK.parents[1]))
    monkeypatch.setenv("TMPDIR", str(tmp_path))  # where it puts stills
    for name in ("IPYTHONDIR", "JUPYTER_DATA_DIR", "JUPYTER_CONFIG_DIR"):  # not this user's own
        monkeypatch.setenv(name, str(tmp_path / name))
    try:
        cells = _executed(tmp_path)
    finally:
        was_running = EmbeddedServer(data).stop()
    assert not was_running  # the last cell has stopped it
    assert "stopped" in _printed(cells["stop"])
    assert "networks   Keras" in _printed(cells["install"])
    assert "1 ingested; 132 frames" in _printed(cells["ingest"])
    assert "\x1b" not in _printed(cells["ingest"])  # no bar that a page cannot draw
    _check_comparison((tmp_path / "comparison.csv").read_text())

    for name in ("compare", "means", "sql", "agreement"):
        assert len(_shown(cells[name], "text/html")) == 1, name
    (table,) = _shown(cells["sql"], "text/html")
    assert table.count("<td>True</td>") == 2 * 5 * len(BACKBONES)
    (picture,) = _shown(cells["pictures"], "image/png")
    sheet = cv2.imdecode(np.frombuffer(base64.b64decode(picture), np.uint8), cv2.IMREAD_COLOR)
    assert sheet is not None
    assert sheet.shape[0] > sheet.shape[1]  # two queries, asked of three backbones each
