"""What there is to find, and what could not be read."""

from __future__ import annotations

from dataclasses import dataclass

from imgsim.domain import MediaKind
from imgsim.report_values import GalleryContents
from imgsim.reports.html import charts
from imgsim.reports.html.inline_svg import inline_svg
from imgsim.reports.html.looks import Looks

_KINDS: dict[MediaKind | None, str] = {
    MediaKind.VIDEO: "video",
    MediaKind.IMAGE: "image",
    None: "could not be opened",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class GallerySection:
    """The gallery and its charts."""

    gallery: GalleryContents
    media_chart: str | None  # None: there are no media
    coverage_chart: str | None  # None: nothing is embedded

    @property
    def embeddable(self) -> int:
        """Frames that a backbone can embed."""
        return self.gallery.kept_frames - self.gallery.blank_frames

    @property
    def duration_s(self) -> float:
        """Of all videos, as declared."""
        return sum(each.duration_s for each in self.gallery.counts)


def gallery_section(gallery: GalleryContents, looks: Looks) -> GallerySection:
    """Draw the gallery."""
    return GallerySection(
        gallery=gallery,
        media_chart=_media(gallery) if gallery.media else None,
        coverage_chart=_coverage(gallery, looks) if gallery.coverage else None,
    )


def kind_name(kind: MediaKind | None) -> str:
    """What a kind of media is called."""
    return _KINDS[kind]


def _media(gallery: GalleryContents) -> str:
    statuses = list(dict.fromkeys(each.status for each in gallery.counts))
    media = {(each.status, each.kind): each.media for each in gallery.counts}
    kinds = [kind for kind in _KINDS if any(each.kind == kind for each in gallery.counts)]
    figure = charts.stacked(
        statuses,
        {_KINDS[kind]: [media.get((status, kind), 0) for status in statuses] for kind in kinds},
        x_label="media",
    )
    label = "Bar chart: media by status and kind. The table has the same numbers."
    return inline_svg(figure, "media", label)


def _coverage(gallery: GalleryContents, looks: Looks) -> str:
    figure = charts.covered(
        {each.backbone: each.embedded for each in gallery.coverage},
        gallery.kept_frames - gallery.blank_frames,
        looks,
        x_label="frames",
    )
    label = "Bar chart: embedded frames by backbone. The table has the same numbers."
    return inline_svg(figure, "coverage", label)
