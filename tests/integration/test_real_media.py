"""The main job on real films and photos that lie beside a checkout; skipped where they do not."""

from __future__ import annotations

from pathlib import Path

import av
import cv2
import pytest
from sqlalchemy import text

from imgsim.store.engine import Session
from tests.integration.command import Imgsim

STILLS = (0, 14, 15, 16, 29)


def _presentation_times(video: Path) -> list[float]:
    """Every frame's time in seconds, straight from the decoder."""
    with av.open(str(video)) as container:
        times = [frame.time for frame in container.decode(video=0)]
    return sorted(time for time in times if time is not None)


def test_stills_find_the_very_frame_they_were_taken_from(
    imgsim: Imgsim, shared: Path, tmp_path: Path
) -> None:
    video = shared / "videos" / "testvid_1022ms.mp4"
    assert imgsim("ingest", video, "--every", "1").code == 0
    times = _presentation_times(video)
    queries: dict[str, int] = {}
    for index in STILLS:
        still = shared / "videos" / f"testvid_1022ms_{index:03d}.png"
        picture = cv2.imread(str(still))
        assert picture is not None
        half = tmp_path / f"half_{index}.png"
        cv2.imwrite(
            str(half), cv2.resize(picture, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
        )
        jpeg = tmp_path / f"jpeg50_{index}.jpg"
        cv2.imwrite(str(jpeg), picture, [cv2.IMWRITE_JPEG_QUALITY, 50])
        queries |= {str(still): index, str(half): index, str(jpeg): index}
    for result in imgsim("search", *queries, "-k", "5", "--format", "json").json():
        first = result["hits"][0]
        wanted = queries[result["query"]]
        assert first["frame_index"] == wanted, result["query"]
        assert first["timestamp_s"] == pytest.approx(times[wanted], abs=1e-3)
        assert len(result["hits"]) == 5


def test_backbones_are_compared_on_the_stills(imgsim: Imgsim, shared: Path) -> None:
    videos = shared / "videos"
    weights = shared / "weights" / "mobilenet_2_5_224_tf_no_top.h5"
    media = (videos / "testvid_1022ms.mp4", videos / "bikes.mp4")
    assert imgsim("ingest", *media).code == 0
    assert imgsim("ingest", *media, "-b", "mobilenet_025", "--weights", weights).code == 0
    stills = [videos / f"testvid_1022ms_{index:03d}.png" for index in STILLS]
    told = imgsim("compare", *stills, "--format", "json").json()
    assert [each["truth_frame_index"] for each in told["queries"]] == sorted(STILLS * 2)
    assert {each["truth"] for each in told["queries"]} == {str(media[0])}
    assert all(each["match_found"] and each["first_match"] for each in told["queries"])
    assert len({each["backbone"] for each in told["queries"]}) == 2


def test_every_photo_finds_itself(imgsim: Imgsim, shared: Path) -> None:
    folder = shared / "photos" / "pixabay"
    report = imgsim("ingest", folder, "--format", "json").json()
    photos = [media["path"] for media in report["media"]]
    assert len(photos) == len(list(folder.iterdir()))
    for result in imgsim("search", *photos, "-k", "3", "--format", "json").json():
        first = result["hits"][0]
        assert first["path"] == result["query"]
        assert first["distance"] < 1e-3
        assert first["timestamp_s"] is None


def test_two_real_networks_share_media_and_frames(
    imgsim: Imgsim, session: Session, shared: Path
) -> None:
    video = shared / "videos" / "bikes.mp4"
    weights = shared / "weights" / "mobilenet_2_5_224_tf_no_top.h5"

    def sizes() -> tuple[int, int]:
        with session.connect() as connection:
            media, frames = connection.execute(
                text("SELECT (SELECT count(*) FROM media), (SELECT count(*) FROM frame)")
            ).one()
            return media, frames

    imgsim("ingest", video, "--every", "5")
    before = sizes()
    second = imgsim("ingest", video, "--every", "5", "-b", "mobilenet_025", "--weights", weights)
    assert second.code == 0, second.err
    assert sizes() == before
    assert before[0] == 1


def test_weights_are_found_again_by_their_bytes(
    imgsim: Imgsim, shared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = "mobilenet_2_5_224_tf_no_top.h5"
    photo = shared / "photos" / "pixabay" / "cat01.jpg"
    given = tmp_path / "given.h5"
    given.write_bytes((shared / "weights" / name).read_bytes())
    assert imgsim("ingest", photo, "-b", "mobilenet_025", "--weights", given).code == 0
    cache = tmp_path / "keras" / "models"
    cache.mkdir(parents=True)
    given.rename(cache / name)
    assert imgsim("search", photo, "-b", "mobilenet_025").code == 1
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    assert imgsim("search", photo, "-b", "mobilenet_025").code == 0
