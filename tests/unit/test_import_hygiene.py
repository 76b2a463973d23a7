"""What must not be loaded is not loaded: proved in fresh interpreters."""

from __future__ import annotations

import subprocess
import sys

import pytest

PROBE = """
import sys
from imgsim.cli.app import main
try:
    main()
except SystemExit as ended:
    heavy = {"tensorflow", "keras", "jax", "torch"} & set(sys.modules)
    sys.exit(ended.code or (f"loaded: {heavy}" if heavy else 0))
"""


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
