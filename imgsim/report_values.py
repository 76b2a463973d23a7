"""The values of a report page: what the readers' views say of runs, evaluations and the gallery."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from imgsim.comparison import Comparison
from imgsim.domain import MediaKind
from imgsim.evaluation import Evaluation


@dataclass(frozen=True, kw_only=True, slots=True)
class RunSummary:
    """A saved run of search or compare."""

    search_id: int
    command: str  # search or compare
    k: int
    started_at: datetime
    duration_s: float
    queries: int
    backbones: tuple[str, ...]  # labels, in the order of their ids


@dataclass(frozen=True, kw_only=True, slots=True)
class EvaluationSummary:
    """A run of imgsim evaluate."""

    evaluation_id: int
    kind: str  # folders, groups, pairs or copies
    source: str
    started_at: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class AskedPicture:
    """A query of a saved run."""

    query_id: int
    path: str  # as it was given
    image: str | None  # data URI of a JPEG; None: too large for the view
    truth_source: str | None  # given or content; None: no true frame is known
    truth_frame_id: int | None  # None also where the media was forgotten since
    truth_path: str | None
    truth_frame_index: int | None
    truth_timestamp_s: float | None  # None also for an image


@dataclass(frozen=True, kw_only=True, slots=True)
class FoundFrame:
    """A hit of a saved run."""

    query_id: int
    backbone: str  # label
    rank: int  # from 1
    distance: float
    frame_id: int | None  # None: its media was forgotten since
    truth_offset: int | None  # embedded frames after the true frame; None: other media, or no truth
    path: str
    frame_index: int
    timestamp_s: float | None  # None for images


@dataclass(frozen=True, kw_only=True, slots=True)
class RunContents:
    """A saved run as far as a page shows it."""

    summary: RunSummary
    comparison: Comparison  # of all queries
    shown: tuple[AskedPicture, ...]  # whose hits are shown, in this order
    found: tuple[FoundFrame, ...]  # all their hits, by query, backbone and rank


@dataclass(frozen=True, kw_only=True, slots=True)
class MediaCount:
    """The media of one status and kind."""

    status: str  # pending, complete, partial or failed
    kind: MediaKind | None  # None: they could not be opened
    media: int
    kept_frames: int  # blank ones too
    blank_frames: int
    duration_s: float  # of videos, as declared


@dataclass(frozen=True, kw_only=True, slots=True)
class BackboneCoverage:
    """How much of the gallery a backbone revision has embedded."""

    backbone: str  # label
    dim: int
    complete: int  # media
    partial: int  # media of which it has what decodes
    embedded: int  # frames; of a media with several samplings, those of the largest


@dataclass(frozen=True, kw_only=True, slots=True)
class DamagedMedia:
    """A media that is not complete, and why."""

    path: str
    status: str  # partial or failed
    detail: str | None
    decoded_frames: int | None
    declared_frames: int | None


@dataclass(frozen=True, kw_only=True, slots=True)
class GalleryContents:
    """What the gallery holds."""

    counts: tuple[MediaCount, ...]  # by status, then by kind
    coverage: tuple[BackboneCoverage, ...]  # in the order of the backbones' ids
    damaged: tuple[DamagedMedia, ...]  # the first of them, failed before partial

    @property
    def media(self) -> int:
        """All contents, failed ones too."""
        return sum(each.media for each in self.counts)

    @property
    def kept_frames(self) -> int:
        """Frames kept, blank ones too."""
        return sum(each.kept_frames for each in self.counts)

    @property
    def blank_frames(self) -> int:
        """Frames kept that are nearly one colour, which no backbone embeds."""
        return sum(each.blank_frames for each in self.counts)

    @property
    def damaged_media(self) -> int:
        """Media that are failed or partial, whether or not they are listed."""
        return sum(each.media for each in self.counts if each.status in ("failed", "partial"))


@dataclass(frozen=True, kw_only=True, slots=True)
class ReportContents:
    """All that a page shows."""

    version: str  # of imgsim
    written_at: datetime
    runs: tuple[RunContents, ...]
    other_runs: tuple[RunSummary, ...]  # newest first
    evaluations: tuple[Evaluation, ...]
    other_evaluations: tuple[EvaluationSummary, ...]  # newest first
    gallery: GalleryContents
    pictures: Mapping[int, str]  # frame_id -> data URI of a JPEG
