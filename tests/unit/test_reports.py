"""Results as text."""

from __future__ import annotations

import csv
import json

import pytest

from imgsim.domain import (
    FrameRef,
    Hit,
    IngestAction,
    IngestReport,
    MediaKind,
    MediaReport,
    MediaStatus,
    QueryResult,
)
from imgsim.reports import ingest_json, ingest_text, search_csv, search_json, search_table
from imgsim.reports.clock import h_mm_ss

VIDEO = FrameRef(
    frame_id=13,
    path="/films/a b, c.mp4",
    kind=MediaKind.VIDEO,
    frame_index=12,
    timestamp_s=3723.48,
    pts=47660544,
)
IMAGE = FrameRef(
    frame_id=7,
    path="/p/\udcff.jpg",
    kind=MediaKind.IMAGE,
    frame_index=0,
    timestamp_s=None,
    pts=None,
)
RESULT = QueryResult(
    query="q.jpg",
    backbone="vgg16",
    k=5,
    exact=True,
    hits=(
        Hit(rank=1, distance=0.0, frame=VIDEO),
        Hit(rank=2, distance=0.25, frame=IMAGE),
    ),
)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0:00:00.000"),
        (59.9996, "0:01:00.000"),
        (3723.4804, "1:02:03.480"),
        (-0.04, "-0:00:00.040"),
        (None, "-"),
    ],
)
def test_times_read_as_hours_minutes_seconds(seconds: float | None, text: str) -> None:
    assert h_mm_ss(seconds) == text


def test_the_table_shows_rank_file_time_distance_and_similarity() -> None:
    title, _head, first, second, *_rest = search_table.render([RESULT]).split("\n")
    assert "q.jpg" in title
    assert "vgg16" in title
    assert first.split()[:5] == ["1", "0.0000", "1.0000", "1:02:03.480", "12"]
    assert first.endswith("/films/a b, c.mp4")
    assert second.split()[:5] == ["2", "0.2500", "0.7500", "-", "0"]


def test_json_is_the_contract() -> None:
    assert json.loads(search_json.render([RESULT])) == [
        {
            "query": "q.jpg",
            "backbone": "vgg16",
            "k": 5,
            "hits": [
                {
                    "rank": 1,
                    "path": "/films/a b, c.mp4",
                    "kind": "video",
                    "frame_index": 12,
                    "timestamp_s": 3723.48,
                    "distance": 0.0,
                    "similarity": 1.0,
                    "frame_id": 13,
                },
                {
                    "rank": 2,
                    "path": "/p/\ufffd.jpg",
                    "kind": "image",
                    "frame_index": 0,
                    "timestamp_s": None,
                    "distance": 0.25,
                    "similarity": 0.75,
                    "frame_id": 7,
                },
            ],
        }
    ]


def test_csv_survives_commas_and_has_no_time_for_images() -> None:
    first, second = csv.DictReader(search_csv.render([RESULT]).split("\n"))
    assert first["path"] == "/films/a b, c.mp4"
    assert float(first["timestamp_s"]) == 3723.48
    assert second["timestamp_s"] == ""
    assert second["rank"] == "2"


def _media(
    status: MediaStatus, action: IngestAction, detail: str | None, path: str = "/v/a.mp4"
) -> MediaReport:
    return MediaReport(
        path=path,
        status=status,
        frames=30,
        embedded=29,
        declared=None,
        similar=0,
        detail=detail,
        action=action,
    )


def test_the_ingest_summary_names_what_is_not_plainly_stored() -> None:
    report = IngestReport(
        media=(
            _media(MediaStatus.COMPLETE, IngestAction.INGESTED, None),
            _media(MediaStatus.FAILED, IngestAction.SKIPPED, "no picture"),
        ),
        frames=30,
        elapsed_s=2.0,
    )
    lines = ingest_text.render(report).split("\n")
    assert lines == [
        "failed: /v/a.mp4: no picture",
        "1 ingested, 1 failed; 30 frames at 15.0 frames/s",
    ]
    summary = json.loads(ingest_json.render(report))
    assert summary["frames_per_s"] == 15.0
    assert summary["media"][0] == {
        "path": "/v/a.mp4",
        "status": "complete",
        "frames": 30,
        "embedded": 29,
        "declared": None,
        "similar": 0,
        "detail": None,
        "action": "ingested",
    }


def test_one_reason_is_told_once() -> None:
    failed = [
        _media(MediaStatus.FAILED, IngestAction.SKIPPED, "no picture", f"/p/{number}.jpg")
        for number in range(25)
    ]
    skipped = _media(MediaStatus.SKIPPED, IngestAction.SKIPPED, "a pipe", "/p/pipe.jpg")
    report = IngestReport(media=(*failed, skipped), frames=0, elapsed_s=0.0)
    lines = ingest_text.render(report).split("\n")
    assert lines[:2] == ["failed, 25 files: no picture", "  /p/0.jpg"]
    assert lines[20:] == [
        "  /p/19.jpg",
        "  and 5 more, which --format json lists",
        "skipped: /p/pipe.jpg: a pipe",
        "25 failed, 1 skipped",
    ]


def test_nothing_decoded_is_no_speed() -> None:
    report = IngestReport(media=(), frames=0, elapsed_s=0.0)
    assert report.frames_per_s == 0
    assert report.failed == ()
