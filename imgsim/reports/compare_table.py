"""A comparison of backbones as tables for people."""

from __future__ import annotations

from collections.abc import Set
from pathlib import PurePath

from imgsim.comparison import Agreement, BackboneMetrics, Comparison, QueryMetrics
from imgsim.reports.columns import align

_QUERY_HEAD = (
    *("query", "backbone", "match_found", "first_match", "adjacent_hits"),
    *("distance", "margin", "true frame"),
)
_BACKBONE_HEAD = (
    *("backbone", "queries", "matches", "first_matches", "adjacent_hits", "mean_adjacent"),
    *("mean_distance", "mean_margin", "embed_ms", "search_ms", "dim", "bytes", "frames", "search"),
)
_AGREEMENT_HEAD = ("backbones", "overlap", "rank_correlation")
_LEFT = frozenset({"backbone", "query", "true frame", "search", "backbones"})
_NONE = "-"


def render(comparison: Comparison) -> str:
    """By query and backbone, by backbone, and by pair of backbones."""
    names = _names({each.query for each in comparison.queries})
    parts = [
        _table(_QUERY_HEAD, [_query(each, names[each.query]) for each in comparison.queries]),
        _table(_BACKBONE_HEAD, [_backbone(each) for each in comparison.backbones]),
    ]
    if comparison.agreements:
        agreements = [_agreement(each) for each in comparison.agreements]
        parts.append(_table(_AGREEMENT_HEAD, agreements))
    footer = (
        f"k = {comparison.k}; saved as search {comparison.search_id}: "
        "SQL and Power BI find it in schema bi"
    )
    return "\n\n".join([*parts, footer])


def _table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    return "\n".join(align(head, rows, frozenset(head) - _LEFT))


def _names(paths: Set[str]) -> dict[str, str]:
    """File names, where they are enough to tell the queries apart."""
    names = {path: PurePath(path).name for path in paths}
    return names if len(set(names.values())) == len(paths) else {path: path for path in paths}


def _query(each: QueryMetrics, name: str) -> tuple[str, ...]:
    true = _NONE
    if each.truth is not None:
        true = f"{PurePath(each.truth).name}@{each.truth_frame_index}"
    return (
        *(name, each.backbone, _yes_or_no(each.match_found), _yes_or_no(each.first_match)),
        *(_whole(each.adjacent_hits), _number(each.best_distance), _number(each.margin), true),
    )


def _backbone(each: BackboneMetrics) -> tuple[str, ...]:
    of_known = f"/{each.with_truth}"
    return (
        *(
            each.backbone,
            str(each.queries),
            f"{each.matches}{of_known}",
            f"{each.first_matches}{of_known}",
        ),
        *(str(each.adjacent_hits), _number(each.mean_adjacent_hits, 2)),
        *(_number(each.mean_best_distance), _number(each.mean_margin)),
        *(f"{each.embed_ms:.1f}", f"{each.search_ms:.1f}", str(each.dim), str(each.vector_bytes)),
        *(str(each.gallery_rows), "exact" if each.exact else "index"),
    )


def _agreement(each: Agreement) -> tuple[str, ...]:
    correlation = _number(each.rank_correlation, 2)
    return f"{each.backbone}, {each.other}", f"{each.overlap:.2f}", correlation


def _yes_or_no(value: bool | None) -> str:
    return _NONE if value is None else "yes" if value else "no"


def _whole(value: int | None) -> str:
    return _NONE if value is None else str(value)


def _number(value: float | None, places: int = 4) -> str:
    return _NONE if value is None else f"{value:.{places}f}"
