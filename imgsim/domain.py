"""The values that travel between the stages. Frozen, keyword-only; numpy at most."""

from __future__ import annotations

from dataclasses import dataclass
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


class MediaKind(StrEnum):
    """What a file turned out to be, judged by its content."""

    IMAGE = "image"
    VIDEO = "video"


class MediaStatus(StrEnum):
    """How far a media was decoded."""

    COMPLETE = "complete"
    PARTIAL = "partial"  # frames were decoded, then damage ended it
    FAILED = "failed"  # not one frame could be decoded


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
    duration_s: float | None = None  # declared
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
