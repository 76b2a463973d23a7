"""The pages of the report."""

from __future__ import annotations

from imgsim.reports.powerbi.comparison_page import comparison_page
from imgsim.reports.powerbi.gallery_page import gallery_page
from imgsim.reports.powerbi.hits_page import hits_page
from imgsim.reports.powerbi.quality_page import quality_page
from imgsim.reports.powerbi.visuals import Page


def pages() -> tuple[Page, ...]:
    """The pages, in their order."""
    return (comparison_page(), hits_page(), quality_page(), gallery_page())
