"""What is stored of the notebook, and the command lines in it."""

from __future__ import annotations

import ast
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
import pytest
from typer.main import get_command

from imgsim.cli.app import app_for, hoist

NOTEBOOK = Path(__file__).resolve().parents[2] / "notebooks" / "imgsim.ipynb"
_RUNNERS = ("imgsim", "output_of")  # the notebook's functions that run `imgsim WORDS`
_SOME_WORD = "1"  # stands for what the notebook works out: a path, a number


@pytest.fixture(scope="module")
def notebook() -> Any:  # noqa: ANN401 - nbformat's own type has none
    return nbformat.read(NOTEBOOK, as_version=4)  # type: ignore[no-untyped-call]  # half typed


def _sources(notebook: Any, kind: str) -> list[str]:  # noqa: ANN401 - as above
    return [str(cell.source) for cell in notebook.cells if cell.cell_type == kind]


def _command_lines(code: str) -> Iterator[list[str]]:
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") in _RUNNERS:
            yield [
                str(word.value) if isinstance(word, ast.Constant) else _SOME_WORD
                for word in node.args
            ]


def _parse(line: list[str]) -> None:
    """Parse a command line as `imgsim` would, and run nothing."""
    command: Any = get_command(app_for([]))
    words = hoist(line)
    while hasattr(command, "commands"):
        name, *words = words
        command = command.commands[name]
    command.make_context(name, words)


def test_it_is_valid_and_stored_without_results(notebook: Any) -> None:  # noqa: ANN401
    nbformat.validate(notebook)
    assert (notebook.nbformat, notebook.nbformat_minor) == (4, 5)
    assert notebook.metadata["accelerator"] == "GPU"  # the runtime that Colab starts
    ids = [cell["id"] for cell in notebook.cells]
    assert len(set(ids)) == len(ids)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert code
    assert [(cell.outputs, cell.execution_count) for cell in code] == [([], None)] * len(code)


def test_its_command_lines_are_imgsims(notebook: Any) -> None:  # noqa: ANN401
    lines = [line for code in _sources(notebook, "code") for line in _command_lines(code)]
    assert {"doctor", "ingest", "frames", "compare", "search"} <= {line[0] for line in lines}
    for line in lines:
        _parse(line)
    told = re.findall(r"`imgsim ([a-z -]+)`", "\n".join(_sources(notebook, "markdown")))
    assert "db url" in told
    for words in told:
        _parse(words.split())


@pytest.mark.parametrize(
    ("code", "mistake"),
    [
        ('imgsim("ingest", video, "--evry", EVERY, *CHOSEN)', "NoSuchOption"),
        ('output_of("compare", "-b", "vgg16")', "MissingParameter"),
        ('imgsim("ingst", video)', "KeyError"),
    ],
)
def test_a_wrong_command_line_would_be_noticed(code: str, mistake: str) -> None:
    (line,) = _command_lines(code)
    with pytest.raises(Exception, match=r"\S") as noticed:
        _parse(line)
    assert noticed.type.__name__ == mistake


def test_a_command_that_fails_stops_it(
    notebook: Any,  # noqa: ANN401
    capsys: pytest.CaptureFixture[str],
) -> None:
    defined: dict[str, Any] = {}
    for cell in notebook.cells:
        if cell["id"] in ("settings", "commands"):
            exec(cell.source, defined)
    for runner in _RUNNERS:
        with pytest.raises(subprocess.CalledProcessError, match="exit status 2"):
            defined[runner]("compare")
        told = capsys.readouterr().out
        assert told.startswith("$ imgsim compare\n")
        assert "Missing argument" in told
    assert defined["output_of"]("compare", fine=(0, 2)) == ""
