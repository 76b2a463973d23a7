"""What must not be loaded is not loaded: proved in fresh interpreters."""

from __future__ import annotations

import subprocess
import sys

import pytest

PROBE = """
import sys
from imgsim.cli.app import main
heavy = set(sys.argv.pop(1).split(","))
try:
    main()
except SystemExit as ended:
    loaded = heavy & set(sys.modules)
    sys.exit(ended.code or (f"loaded: {loaded}" if loaded else 0))
"""
"""Runs `imgsim ARGUMENTS`, and fails where one of the modules named before them was loaded."""

NETWORKS = "tensorflow,keras,jax,torch"


@pytest.mark.parametrize(
    "arguments", [["--help"], ["backbones"], ["ingest", "--help"], ["--version"]]
)
def test_no_tensorflow_without_need(arguments: list[str]) -> None:
    ran = subprocess.run(
        [sys.executable, "-c", PROBE, NETWORKS, *arguments],
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout
