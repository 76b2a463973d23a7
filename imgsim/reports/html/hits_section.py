"""What each backbone found for a query, as pictures by rank."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import groupby

from imgsim.report_values import AskedPicture, FoundFrame, RunContents, RunSummary
from imgsim.reports.html.names import distinct_names, file_name
from imgsim.reports.html.pictures import PicturePool

RANKS = 10
"""Hits of each backbone that are shown as pictures."""

_OPEN = 5  # queries whose hits are unfolded from the beginning


class Mark(StrEnum):
    """What a hit is to the true frame."""

    TRUE = "true frame"
    NEIGHBOUR = "neighbour"


@dataclass(frozen=True, kw_only=True, slots=True)
class ShownHit:
    """A hit and its picture."""

    hit: FoundFrame
    picture: str | None  # id
    mark: Mark | None


@dataclass(frozen=True, kw_only=True, slots=True)
class BackboneHits:
    """What one backbone found."""

    backbone: str  # label
    found_at: int | None  # rank of the true frame
    hits: int  # all there are
    shown: tuple[ShownHit, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class QueryHits:
    """What all backbones found for one query."""

    query: AskedPicture
    name: str
    picture: str | None  # id
    truth: str | None  # the true frame, FILE@INDEX
    truth_picture: str | None  # id
    rows: tuple[BackboneHits, ...]
    is_open: bool

    @property
    def columns(self) -> int:
        """The most hits that a backbone shows."""
        return max((len(row.shown) for row in self.rows), default=0)


@dataclass(frozen=True, kw_only=True, slots=True)
class HitsSection:
    """What is shown of one run."""

    summary: RunSummary
    queries: tuple[QueryHits, ...]


def hits_section(run: RunContents, pictures: Mapping[int, str], pool: PicturePool) -> HitsSection:
    """Arrange the hits of a run by query and backbone.

    Args:
        run: its queries and hits.
        pictures: data URIs by frame_id.
        pool: takes the pictures that are shown.
    """
    by_query = {
        query_id: tuple(group) for query_id, group in groupby(run.found, key=lambda h: h.query_id)
    }
    names = distinct_names(each.path for each in run.shown)
    return HitsSection(
        summary=run.summary,
        queries=tuple(
            QueryHits(
                query=query,
                name=names[query.path],
                picture=pool.add(query.image),
                truth=_truth(query),
                truth_picture=_picture(query.truth_frame_id, pictures, pool),
                rows=tuple(
                    _row(backbone, tuple(hits), pictures, pool)
                    for backbone, hits in groupby(
                        by_query.get(query.query_id, ()), key=lambda hit: hit.backbone
                    )
                ),
                is_open=at < _OPEN,
            )
            for at, query in enumerate(run.shown)
        ),
    )


def _truth(query: AskedPicture) -> str | None:
    if query.truth_path is None:
        return None
    return f"{file_name(query.truth_path)}@{query.truth_frame_index}"


def _row(
    backbone: str, hits: Sequence[FoundFrame], pictures: Mapping[int, str], pool: PicturePool
) -> BackboneHits:
    near = unbroken_run({hit.truth_offset for hit in hits if hit.truth_offset is not None})
    return BackboneHits(
        backbone=backbone,
        found_at=next((hit.rank for hit in hits if hit.truth_offset == 0), None),
        hits=len(hits),
        shown=tuple(
            ShownHit(
                hit=hit,
                picture=_picture(hit.frame_id, pictures, pool),
                mark=_mark(hit.truth_offset, near),
            )
            for hit in hits[:RANKS]
        ),
    )


def unbroken_run(offsets: Collection[int]) -> range:
    """The places next to the true frame, at 0, that are all hits; 0 is in it, hit or not."""
    first = last = 0
    while first - 1 in offsets:
        first -= 1
    while last + 1 in offsets:
        last += 1
    return range(first, last + 1)


def _mark(offset: int | None, near: range) -> Mark | None:
    if offset is None or offset not in near:
        return None
    return Mark.NEIGHBOUR if offset else Mark.TRUE


def _picture(frame_id: int | None, pictures: Mapping[int, str], pool: PicturePool) -> str | None:
    return None if frame_id is None else pool.add(pictures.get(frame_id))
