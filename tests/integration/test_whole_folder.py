"""Everything that people have, in one run: what becomes of each file of the test media.

What must come out is derived from what FFmpeg and Pillow measured on each file when it was
collected (the manifest beside the media), not from imgsim.
"""

from __future__ import annotations

import csv
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.integration.command import Ran

# Where a measurement alone does not say what a careful person would do.
_EXPECTED = {
    "nasty/giant-image.jpg": "failed",  # 280 megapixels, over the limit
    "nasty/truncated.heic": "failed",  # half of it would be grey
    "nasty/broken_data_stream.png": "failed",
}


@pytest.fixture(scope="module")
def manifest(shared: Path) -> dict[str, dict[str, str]]:
    """What is known of each file, by its path below the folder."""
    with (shared / "MANIFEST.tsv").open(encoding="utf-8", newline="") as file:
        return {row["file"]: row for row in csv.DictReader(file, delimiter="\t")}


@pytest.fixture
def ran(shared: Path, database: str) -> Ran:
    """The ingest of both folders, in a process of its own, every frame."""
    done = subprocess.run(
        [
            *(sys.executable, "-m", "imgsim", "--database-url", database, "ingest"),
            *(shared / "nasty", shared / "videos" / "nasty"),
            *("--every", "1", "--format", "json"),
        ],
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )
    return Ran(code=done.returncode, out=done.stdout, err=done.stderr)


def decoded(measured: str) -> int | None:
    """How many frames FFmpeg decoded of a video."""
    found = re.search(r"pyav_decoded=(\d+)", measured)
    return int(found[1]) if found else None


def expected_status(name: str, measured: str) -> str:
    """What a careful person would expect of a file with these measurements."""
    if name in _EXPECTED:
        return _EXPECTED[name]
    if decoded(measured) == 0 or measured.startswith(("Pillow:", "PyAV:")):
        return "failed"
    return "partial" if "then InvalidDataError" in measured else "complete"


def test_every_file_ends_as_a_careful_person_would_have_it(
    ran: Ran, shared: Path, manifest: dict[str, dict[str, str]]
) -> None:
    assert ran.code == 4
    assert "Traceback" not in ran.err
    wrong = []
    media = {os.path.relpath(item["path"], shared): item for item in json.loads(ran.out)["media"]}
    for name, item in media.items():
        measured = manifest[name]["measured"]
        if item["status"] != expected_status(name, measured):
            wrong.append(f"{name}: {item['status']}, {item['detail']}; measured: {measured}")
        frames = decoded(measured)
        if frames is not None and item["frames"] != frames:
            wrong.append(f"{name}: {item['frames']} frames; measured: {measured}")
        if item["status"] == "partial" and f"of {item['declared']}" not in item["detail"]:
            wrong.append(f"{name}: without the declared frames: {item['detail']}")
        if (item["status"] == "complete") == bool(item["detail"]):
            wrong.append(f"{name}: {item['status']} with detail {item['detail']}")
    assert not wrong, "\n".join(wrong)
    files = {str(path.relative_to(shared)) for path in (shared / "videos/nasty").iterdir()}
    assert files <= media.keys()
