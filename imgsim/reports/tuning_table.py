"""What was measured of indexes at rising ef_search, for people."""

from __future__ import annotations

from collections.abc import Sequence

from imgsim.index_tuning import Tuning
from imgsim.reports.columns import align


def render(tunings: Sequence[Tuning]) -> str:
    """A table for each index, and what came of it."""
    return "\n\n".join(_table(each) for each in tunings)


def _table(tuning: Tuning) -> str:
    head = ("ef_search", f"ann_recall_at_{tuning.k}", "median ms", "p95 ms", "")
    rows = [
        (
            str(each.ef_search),
            f"{each.recall:.4f}",
            f"{each.median_ms:.2f}",
            f"{each.p95_ms:.2f}",
            "<- chosen" if each == tuning.chosen else "",
        )
        for each in tuning.widths
    ]
    return "\n".join(
        [
            f"imgsim.embedding_{tuning.backbone}: {tuning.gallery_rows:,} frames, "
            f"asked for {tuning.queries:,} of them, each moved a little (seed {tuning.seed})",
            *align(head, rows, frozenset(head[:-1])),
            _outcome(tuning),
        ]
    )


def _outcome(tuning: Tuning) -> str:
    if tuning.chosen is None:
        return f"{tuning.wanted_recall:g} is out of reach; ef_search stays {tuning.before}"
    return f"searches use ef_search {tuning.chosen.ef_search} now; before, {tuning.before}"
