"""Commands with one engine or the other: equal answers, no TensorFlow where it is not needed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.integration.command import Imgsim
from tests.unit.test_import_hygiene import NETWORKS, PROBE


def test_ingest_and_search_load_no_tensorflow_once_a_network_is_exported(
    imgsim: Imgsim, database: str, sample: Path, picture: Path
) -> None:
    assert imgsim("ingest", sample, "--every", "60").code == 0  # exports, unless it was before
    for unwanted, *arguments in (
        [NETWORKS, "ingest", str(sample), "--every", "44"],
        # Each takes longer to load than a search to answer.
        [f"{NETWORKS},alembic,av,rich,jinja2,matplotlib", "search", str(picture), "-k", "1"],
    ):
        command = [sys.executable, "-c", PROBE, unwanted, *arguments, "--database-url", database]
        ran = subprocess.run(
            command,
            env=os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
            capture_output=True,
            text=True,
            check=False,
        )
        assert ran.returncode == 0, ran.stderr
        assert ran.stdout


def test_engines_give_the_same_answers(imgsim: Imgsim, sample: Path, picture: Path) -> None:
    assert imgsim("ingest", sample, "--every", "2", "--engine", "openvino").code == 0
    assert imgsim("ingest", sample, "--engine", "tensorflow").code == 0, "adds the other frames"
    answers = [
        imgsim("search", picture, "-k", "20", "--engine", engine, "--format", "json").json()
        for engine in ("openvino", "tensorflow")
    ]
    hits = [[hit["frame_index"] for hit in answer[0]["hits"]] for answer in answers]
    assert hits[0] == hits[1]
    assert any(index % 2 for index in hits[0]), "frames by both engines are among them"
    far = [[hit["distance"] for hit in answer[0]["hits"]] for answer in answers]
    assert max(abs(one - other) for one, other in zip(*far, strict=True)) < 1e-5


def test_an_engine_that_does_not_fit_the_device_is_refused(imgsim: Imgsim, sample: Path) -> None:
    ran = imgsim("ingest", sample, "--engine", "openvino", "--device", "gpu")
    assert ran.code == 2
    assert "--engine tensorflow" in ran.err
