"""Embedding tables and their indexes, for people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from imgsim.domain import TableStatus
from imgsim.index_tuning import IndexWidth
from imgsim.reports.columns import align

_HEAD = (
    "table",
    "dim",
    "rows",
    "table MB",
    "index MB",
    "rows at build",
    "build s",
    "ef_search",
    "recall",
    "m",
    "ef_construction",
)
_RIGHT = frozenset(_HEAD[1:])


def render(tables: Sequence[TableStatus], widths: Mapping[str, IndexWidth]) -> str:
    """A line for each table; `-` where there is no index, or where its recall is not known.

    Args:
        tables: what there is.
        widths: how searches follow the indexes, by slug.
    """
    if not tables:
        return "No embedding tables yet: the gallery is empty."
    return "\n".join(
        align(_HEAD, [_row(table, widths.get(table.slug)) for table in tables], _RIGHT)
    )


def _row(table: TableStatus, width: IndexWidth | None) -> tuple[str, ...]:
    return (
        f"imgsim.embedding_{table.slug}",
        str(table.dim),
        str(table.rows),
        _megabytes(table.table_bytes),
        _megabytes(table.index_bytes),
        _or_dash(table.rows_at_build),
        "-" if table.build_s is None else f"{table.build_s:.1f}",
        _or_dash(width.ef_search if width else None),
        "-" if width is None or width.recall is None else f"{width.recall:.4f} at {width.k}",
        _or_dash(table.m),
        _or_dash(table.ef_construction),
    )


def _or_dash(number: int | None) -> str:
    return "-" if number is None else str(number)


def _megabytes(size: int | None) -> str:
    return "-" if size is None else f"{size / 2**20:.1f}"
