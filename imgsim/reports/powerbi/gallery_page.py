"""What there is to find, and what could not be read."""

from __future__ import annotations

from imgsim.reports.powerbi.choices import BACKBONE
from imgsim.reports.powerbi.layout import CARD_HEIGHT, EDGE, Box, below, height_below, row
from imgsim.reports.powerbi.visuals import (
    Page,
    Visual,
    card,
    chart,
    column,
    measure,
    slicer,
    table,
)

_STATUS = column("dim_media", "status", "Status")
_KIND = column("dim_media", "kind", "Kind")
_FILE = column("dim_media", "file_name", "File")
_CHART_HEIGHT = 200  # pixels
_DETAILS = (
    ("detail", "Detail"),
    ("width", "Width"),
    ("height", "Height"),
    ("duration_s", "Seconds"),
    ("codec", "Codec"),
    ("decoded_frames", "Frames that decode"),
    ("kept_frames", "Frames kept"),
    ("ingested_at", "Ingested (UTC)"),
    ("path", "Path"),
)


def gallery_page() -> Page:
    """The page."""
    top = row(EDGE, CARD_HEIGHT, 5)
    charts = row(below(top[0]), _CHART_HEIGHT, 2)
    (rest,) = row(below(charts[0]), height_below(charts[0]), 1)
    return Page(
        title="Gallery",
        visuals=(
            card(top[0], measure("Media")),
            card(top[1], measure("Frames")),
            card(top[2], measure("Embedded frames")),
            slicer(top[3], _STATUS),
            slicer(top[4], _KIND),
            chart(
                charts[0],
                "Media by status and kind",
                kind="barChart",
                by=_STATUS,
                values=(measure("Media"),),
                colour=_KIND,
            ),
            chart(
                charts[1],
                "Embedded frames by backbone",
                kind="clusteredBarChart",
                by=BACKBONE,
                values=(measure("Embedded frames"),),
            ),
            _media(rest),
        ),
    )


def _media(box: Box) -> Visual:
    return table(
        box,
        "Media",
        _FILE,
        _KIND,
        _STATUS,
        *(column("dim_media", name, heading) for name, heading in _DETAILS),
        sort=_FILE,
    )
