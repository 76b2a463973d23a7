"""Parsing, without a database."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import pytest

from imgsim import errors
from imgsim.cli.app import hoist
from imgsim.cli.exit_codes import ExitCode, exit_code_of, of_inputs
from imgsim.cli.options import sampling_of
from imgsim.config import Settings
from imgsim.errors import InvalidArgument
from imgsim.pipeline.embedders import Choice
from imgsim.sampling import AUTO, Sampling


@pytest.mark.parametrize(
    ("typed", "understood"),
    [
        (["search", "q.jpg", "--debug"], ["--debug", "search", "q.jpg"]),
        (["ingest", "--data-dir", "d", "a"], ["--data-dir", "d", "ingest", "a"]),
        (["ingest", "a", "--database-url=u"], ["--database-url=u", "ingest", "a"]),
        (["ingest", "--", "--debug"], ["ingest", "--", "--debug"]),
        (["--quiet", "db", "psql", "--quiet"], ["--quiet", "db", "psql", "--quiet"]),
        (["ingest", "--data-dir"], ["--data-dir", "ingest"]),
        (["ingest", "psql", "--quiet"], ["--quiet", "ingest", "psql"]),
    ],
)
def test_global_options_may_stand_anywhere(typed: list[str], understood: list[str]) -> None:
    assert hoist(typed) == understood


def test_options_win_over_the_environment() -> None:
    environment = {"IMGSIM_DATABASE_URL": "postgresql://e/e", "IMGSIM_DATA_DIR": "/e"}
    assert Settings.read(environment).database_url == "postgresql://e/e"
    assert Settings.read(environment, database_url="postgresql://o/o").database_url == (
        "postgresql://o/o"
    )
    named = Settings.read(environment, data_dir=Path("/o"))
    assert named.database_url is None
    assert named.data_dir == Path("/o").absolute()


def test_the_home_of_nobody_is_refused() -> None:
    with pytest.raises(InvalidArgument, match="nosuchuser"):
        Settings.read({}, data_dir=Path("~nosuchuser/x"))


def test_an_empty_variable_counts_as_unset() -> None:
    assert Settings.read({"IMGSIM_DATABASE_URL": ""}).database_url is None


def sampling(every: int | None, fps: str | None, *, scenes: bool = False) -> Sampling:
    """The rule of some options, AUTO without them."""
    return sampling_of(
        every, fps, keyframes=False, scenes=scenes, skip_similar=True, otherwise=AUTO
    )


def test_without_a_rule_the_length_decides() -> None:
    assert sampling(None, None) == Sampling(auto=True, skip_similar=True)
    assert sampling(1, None) == Sampling(skip_similar=True)
    assert sampling(None, None, scenes=True) == Sampling(scenes=True, skip_similar=True)
    with pytest.raises(InvalidArgument, match="--fps and --scenes exclude each other"):
        sampling(None, "1", scenes=True)
    with pytest.raises(InvalidArgument, match="--every 1 takes all"):
        sampling(1, None, scenes=True)


def test_a_limit_of_pixels_is_a_number() -> None:
    for wrong in ("many", "0", "-1", "nan", "inf"):
        with pytest.raises(InvalidArgument, match=f"IMGSIM_MAX_MEGAPIXELS .* not '{wrong}'"):
            Settings.read({"IMGSIM_MAX_MEGAPIXELS": wrong})
    assert Settings.read({"IMGSIM_MAX_MEGAPIXELS": "0.5"})


@pytest.mark.parametrize(
    ("given", "fps"), [("1", 1), ("0.5", Fraction(1, 2)), ("30000/1001", Fraction(30000, 1001))]
)
def test_fps_is_exact(given: str, fps: Fraction) -> None:
    assert sampling(None, given).fps == fps


@pytest.mark.parametrize("given", ["fast", "1/0", "nan", "inf", ""])
def test_what_is_no_rate_is_refused(given: str) -> None:
    with pytest.raises(InvalidArgument, match="frames a second"):
        sampling(None, given)


def test_exit_codes() -> None:
    assert exit_code_of(errors.InvalidArgument("k")) is ExitCode.USAGE
    assert exit_code_of(errors.DatabaseUnreachable("x")) is ExitCode.DATABASE_UNREACHABLE
    assert exit_code_of(errors.EmptyGallery("x")) is ExitCode.FAILED
    assert of_inputs(done=3, failed=0) is ExitCode.DONE
    assert of_inputs(done=3, failed=1) is ExitCode.SOME_INPUTS_FAILED
    assert of_inputs(done=0, failed=1) is ExitCode.FAILED


def test_an_unknown_backbone_is_told_with_the_nearest_name() -> None:
    message = str(errors.UnknownBackbone("vgg_16", ["vgg16", "resnet50"]))
    assert "Did you mean 'vgg16'?" in message
    assert "lists all 2" in message


def test_a_weights_path_must_be_text_and_may_be_any_text() -> None:
    assert Choice(weights=Path("a\u00a0b\t.h5")).weights is not None
    with pytest.raises(InvalidArgument, match="not UTF-8"):
        Choice(weights=Path("\udcff.h5"))
