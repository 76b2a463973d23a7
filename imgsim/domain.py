"""The values that travel between the stages. Frozen, keyword-only; numpy at most."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from fractions import Fraction
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

Pixels: TypeAlias = npt.NDArray[np.uint8]
"""One picture: uint8, shape (height, width, 3), RGB, upright as a viewer shows it."""

PixelBatch: TypeAlias = npt.NDArray[np.uint8]
"""Pictures of one size: uint8, shape (n, height, width, 3), RGB."""

Vectors: TypeAlias = npt.NDArray[np.float32]
"""Embeddings: float32, shape (n, dim); or one of shape (dim,)."""

HalfVectors: TypeAlias = npt.NDArray[np.float16]
"""Embeddings as they are stored: float16, shape (n, dim)."""


class MediaKind(StrEnum):
    """What a file turned out to be, judged by its content."""

    IMAGE = "image"
    VIDEO = "video"


class MediaStatus(StrEnum):
    """How far a media was decoded."""

    COMPLETE = "complete"
    PARTIAL = "partial"  # frames were decoded, then damage ended it
    FAILED = "failed"  # not one frame could be decoded
    SKIPPED = "skipped"  # of a path only, never of a stored media: met in a folder, but no file


@dataclass(frozen=True, kw_only=True, slots=True)
class MediaTime:
    """A presentation time as the container states it; exact, never derived from a frame rate."""

    pts: int  # in units of time_base
    time_base: Fraction  # seconds

    @property
    def seconds(self) -> Fraction:
        """The time in seconds, exact."""
        return self.pts * self.time_base


@dataclass(frozen=True, kw_only=True, slots=True)
class MediaInfo:
    """What a media says of itself before it is decoded. Declared values may be wrong."""

    kind: MediaKind
    width: int  # pixels, as displayed (rotation and sample aspect ratio applied)
    height: int  # pixels, as displayed
    codec: str | None = None
    stream_index: int | None = None
    time_base: Fraction | None = None  # seconds
    frame_rate: float | None = None  # frames per second, average, declared
    duration_s: float | None = None  # declared, else how far the packets reach
    start_s: Fraction = Fraction(0)  # when the container's clock starts
    declared_frames: int | None = None  # None where the container does not say


@dataclass(frozen=True, kw_only=True, slots=True)
class Frame:
    """One decoded picture of a media."""

    index: int  # 0-based, counts every decodable frame in presentation order
    time: MediaTime | None  # None for images
    pixels: Pixels


@dataclass(frozen=True, kw_only=True, slots=True)
class FrameRef:
    """A frame in the gallery, found again by path and index."""

    frame_id: int
    path: str  # absolute, as ingested
    kind: MediaKind
    frame_index: int
    timestamp_s: float | None  # None for images
    pts: int | None  # in the media's time base; None for images


@dataclass(frozen=True, kw_only=True, slots=True)
class Hit:
    """One answer to a query."""

    rank: int  # from 1
    distance: float  # cosine distance, 0 the same direction, 2 opposite
    frame: FrameRef

    @property
    def similarity(self) -> float:
        """1 - cosine distance; for people, never for ordering."""
        return 1.0 - self.distance


@dataclass(frozen=True, kw_only=True, slots=True)
class QueryResult:
    """What one backbone answers to one query."""

    query: str  # the path as it was given
    backbone: str
    k: int  # how many hits were asked for
    exact: bool  # every embedding compared, rather than the HNSW index followed
    hits: tuple[Hit, ...]  # nearest first


class IngestAction(StrEnum):
    """What an ingest did with a path."""

    INGESTED = "ingested"
    UNCHANGED = "unchanged"  # the content was there already, by this backbone and sampling
    SKIPPED = "skipped"  # nothing could be done with it; `detail` says why


@dataclass(frozen=True, kw_only=True, slots=True)
class MediaReport:
    """One path of an ingest, and the stored media it leads to."""

    path: str  # absolute, symlinks kept
    status: MediaStatus
    frames: int  # that decode, whatever the sampling
    embedded: int  # frames of this sampling with an embedding by every chosen backbone
    declared: int | None  # frames as the container declares them; None where it does not say
    similar: int  # frames that this run left out because they hardly differ from the one before
    detail: str | None
    action: IngestAction


@dataclass(frozen=True, kw_only=True, slots=True)
class IngestReport:
    """What an ingest did."""

    media: tuple[MediaReport, ...]  # in the order the paths were met
    frames: int  # decoded and kept in this run
    elapsed_s: float  # decoding, embedding and writing; loading the network is not in it

    @property
    def frames_per_s(self) -> float:
        """Kept frames per second; 0 when there was nothing to do."""
        return self.frames / self.elapsed_s if self.frames else 0.0

    @property
    def failed(self) -> tuple[MediaReport, ...]:
        """The paths of which nothing is stored."""
        return tuple(media for media in self.media if media.status is MediaStatus.FAILED)


@dataclass(frozen=True, kw_only=True, slots=True)
class GalleryMedia:
    """What the gallery holds of one content."""

    media_id: int
    content_id: str  # sha256:<hex>
    kind: MediaKind | None  # None: it could not be opened
    status: MediaStatus
    detail: str | None  # why the status is not complete
    frames: int  # that decode, whatever the sampling
    declared_frames: int | None  # by the container; may be wrong
    stored_frames: int  # kept by any sampling, blank ones too
    width: int | None  # pixels, as displayed
    height: int | None  # pixels, as displayed
    duration_s: float | None  # declared
    frame_rate: float | None  # frames per second, average, declared
    codec: str | None
    ingested_at: datetime
    backbones: tuple[str, ...]  # that cover it by any sampling, in order of name


@dataclass(frozen=True, kw_only=True, slots=True)
class MediaPlace:
    """A path at which a content was seen."""

    path: str  # absolute
    host: str  # name of the machine
    is_here: bool  # whether that is this machine
    is_current: bool  # no other content was seen there since
    seen_at: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class MediaLine:
    """A path of the gallery and the media that lies there."""

    place: MediaPlace
    media: GalleryMedia

    @property
    def path(self) -> str:
        """The path itself."""
        return self.place.path


@dataclass(frozen=True, kw_only=True, slots=True)
class MediaCoverage:
    """What one backbone revision did with a media by one sampling."""

    backbone: str
    revision: str
    sampling: str  # the rule's key, as Sampling.key writes it
    status: MediaStatus
    embedded: int  # frames of the sampling with an embedding
    detail: str | None
    completed_at: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class MediaDescription:
    """Everything about one media."""

    media: GalleryMedia
    places: tuple[MediaPlace, ...]  # of all machines, in the order they were first seen
    coverage: tuple[MediaCoverage, ...]  # in order of backbone and sampling


@dataclass(frozen=True, kw_only=True, slots=True)
class Removal:
    """What was taken out of the gallery."""

    paths: int
    media: int  # whose last path went
    frames: int  # of those media; their embeddings went with them


@dataclass(frozen=True, kw_only=True, slots=True)
class TableStatus:
    """An embedding table and its HNSW index."""

    slug: str
    dim: int
    rows: int
    table_bytes: int
    index_bytes: int | None  # None: no index, searches compare every row
    m: int | None
    ef_construction: int | None
    rows_at_build: int | None
    build_s: float | None


@dataclass(frozen=True, kw_only=True, slots=True)
class BackboneListing:
    """A backbone as it is offered."""

    name: str
    dim: int
    input_size: int  # pixels, square
    parameters: int
    vector_bytes: int  # in PostgreSQL
    imagenet_top1: float | None  # per cent
    speed: Speed | None  # None: not measured on this machine
    weights: str | None  # path of the file at hand; None: not on this machine
    weights_from: str  # where they come from
    refusal: str | None  # why it cannot be used, a clause; None: it can
    is_default: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Speed:
    """How fast a network ran on this machine."""

    images_per_s: float
    device: str  # cpu | gpu


class Verdict(StrEnum):
    """What `imgsim doctor` thinks of something."""

    OK = "ok"
    NOTE = "note"  # works, but somebody should know
    BROKEN = "broken"


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """One line of `imgsim doctor`."""

    topic: str
    verdict: Verdict = Verdict.OK
    text: str  # no password, fit for a bug report
