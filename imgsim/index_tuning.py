"""How wide an HNSW index is searched, and what that was measured to find: plain values."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class IndexWidth:
    """How searches follow an index."""

    ef_search: int
    recall: float | None = None  # ann_recall_at_k as tuned; None: not measured on this index
    k: int | None = None  # of that recall


@dataclass(frozen=True, kw_only=True, slots=True)
class WidthFound:
    """What the index does at one ef_search."""

    ef_search: int
    recall: float  # ann_recall_at_k: the share of the k exact nearest that it finds, 0 to 1
    median_ms: float  # for PostgreSQL's answer to one query; embedding it is not in it
    p95_ms: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Tuning:
    """What was measured of one index, and what came of it."""

    backbone: str  # slug
    k: int
    wanted_recall: float
    queries: int
    gallery_rows: int
    seed: int
    before: int  # the ef_search that searches used until now
    widths: tuple[WidthFound, ...]  # ascending
    chosen: WidthFound | None  # the last of them, if it is wide enough; stored for searches

    @property
    def best(self) -> WidthFound:
        """The first of those that find most."""
        return max(self.widths, key=lambda each: each.recall)
