"""`imgsim backbones` and `imgsim backbones measure`."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from imgsim import backbones
from tests.integration.command import Imgsim


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder that measurements are kept in."""
    folder = tmp_path / "cache"
    monkeypatch.setenv("IMGSIM_CACHE_DIR", str(folder))
    return folder


def line(text: str, name: str) -> str:
    """The line of a table that begins with a name."""
    return next(line for line in text.splitlines() if line.split()[:1] == [name])


def test_the_list_tells_what_to_choose_by(imgsim: Imgsim, cache: Path) -> None:
    ran = imgsim("backbones")
    assert (ran.code, ran.err) == (0, "")
    listed = [line.split()[0] for line in ran.out.splitlines()[1:] if line]
    assert set(backbones.names()) <= set(listed)
    assert re.search(r"512 +1,032 +224 +14.7 M +71.3 +- +not here", line(ran.out, "vgg16"))
    assert "cannot be used: 4,032 dimensions" in line(ran.out, "nasnet_large")
    assert "(default)" in line(ran.out, "efficientnet_lite0")
    assert not cache.exists()


def test_a_speed_is_measured_without_weights_and_shown_from_then_on(
    imgsim: Imgsim, cache: Path
) -> None:
    ran = imgsim("backbones", "measure", "mobilenet_v3_small_minimalistic")
    assert ran.code == 0
    assert "measuring mobilenet_v3_small_minimalistic" in ran.err
    measured = line(ran.out, "mobilenet_v3_small_minimalistic")
    assert re.search(r" \d+ \((cpu|gpu)\) ", measured)
    listed = imgsim("backbones").out
    assert line(listed, "mobilenet_v3_small_minimalistic").split() == measured.split()
    assert "(cpu)" not in line(listed, "vgg16")
    (cache / "speed.json").write_text("{")
    assert imgsim("backbones").code == 0


def test_a_name_that_is_none_is_refused_before_anything_is_measured(
    imgsim: Imgsim, cache: Path
) -> None:
    ran = imgsim("backbones", "measure", "mobilenet_025", "mobilenet_20")
    assert ran.code == 2
    assert "There is no backbone 'mobilenet_20'" in ran.err
    assert "measuring" not in ran.err
    assert not cache.exists()


def test_a_cache_that_cannot_be_written_to_is_named(
    imgsim: Imgsim, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_bytes(b"")
    monkeypatch.setenv("IMGSIM_CACHE_DIR", str(tmp_path / "file"))
    ran = imgsim("backbones", "measure", "mobilenet_025")
    assert ran.code == 1
    assert f"cannot be kept in {tmp_path / 'file'}" in ran.err
    assert "IMGSIM_CACHE_DIR" in ran.err


def test_a_network_over_the_limit_is_refused(imgsim: Imgsim, picture: Path) -> None:
    for command in ("ingest", "search"):
        ran = imgsim(command, picture, "-b", "nasnet_large")
        assert ran.code == 1
        assert "'nasnet_large' cannot be used: 4,032 dimensions" in ran.err
        assert "imgsim backbones" in ran.err
