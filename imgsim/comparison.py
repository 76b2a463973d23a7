"""The values of saved searches: what was asked of which backbone, and how the answers compare."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class TruthSource(StrEnum):
    """How the true frame of a query is known."""

    GIVEN = "given"
    CONTENT = "content"  # the gallery holds the same picture


@dataclass(frozen=True, kw_only=True, slots=True)
class Question:
    """A picture that is asked for."""

    path: str  # as it was given
    sha256: str  # of the file's bytes, hex
    thumbnail: bytes  # JPEG


@dataclass(frozen=True, kw_only=True, slots=True)
class TrueFrame:
    """The frame of the gallery that a query is known to show."""

    frame_id: int
    media_id: int
    path: str  # absolute
    frame_index: int
    timestamp_s: float | None  # None for images
    source: TruthSource


@dataclass(frozen=True, kw_only=True, slots=True)
class BackboneRun:
    """How one backbone was asked all questions of a run."""

    backbone_id: int
    backbone: str  # name
    exact: bool  # every embedding compared, rather than the HNSW index followed
    ef_search: int | None  # None for an exact search
    embed_s: float  # seconds for all questions, without loading the network
    search_s: float  # seconds for all questions


@dataclass(frozen=True, kw_only=True, slots=True)
class Run:
    """A run of search or compare."""

    k: int
    started_at: datetime
    duration_s: float  # until the last answer
    questions: tuple[Question, ...]
    backbones: tuple[BackboneRun, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class QueryMetrics:
    """How one backbone answered one query; as the view bi.fact_query_metrics has it.

    The three measures are None where no true frame is known.
    """

    query_id: int
    query: str  # path as it was given
    backbone: str  # label: the name, numbered from its second revision on
    hits: int
    match_found: bool | None  # the true frame is among the hits
    first_match: bool | None  # it is the first of them
    adjacent_hits: int | None  # hits in an unbroken run with it, itself not counted
    best_distance: float | None  # None: no hits
    margin: float | None  # second distance less the first; None: fewer than two hits
    truth: str | None  # the true frame's path
    truth_frame_index: int | None


@dataclass(frozen=True, kw_only=True, slots=True)
class BackboneMetrics:
    """One backbone over all queries of a run; sums over the queries whose true frame is known."""

    backbone: str  # label
    dim: int
    vector_bytes: int  # that PostgreSQL stores for an embedding
    queries: int
    with_truth: int
    matches: int
    first_matches: int
    adjacent_hits: int
    mean_best_distance: float | None
    mean_margin: float | None
    embed_ms: float  # for a query, on average
    search_ms: float
    exact: bool
    gallery_rows: int

    @property
    def mean_adjacent_hits(self) -> float | None:
        """Adjacent hits for a query whose true frame is known."""
        return self.adjacent_hits / self.with_truth if self.with_truth else None


@dataclass(frozen=True, kw_only=True, slots=True)
class Agreement:
    """How far two backbones agree, on average over the queries of a run."""

    backbone: str
    other: str
    overlap: float  # share of their hits that both have
    rank_correlation: float | None  # Spearman's, over the hits that both have


@dataclass(frozen=True, kw_only=True, slots=True)
class Comparison:
    """What the tables say of a saved run."""

    search_id: int
    k: int
    queries: tuple[QueryMetrics, ...]  # by query, then by backbone
    backbones: tuple[BackboneMetrics, ...]
    agreements: tuple[Agreement, ...]
