"""What was measured of indexes at rising ef_search, as JSON: a list of objects. A contract."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict

from imgsim.index_tuning import Tuning


def render(tunings: Sequence[Tuning]) -> str:
    """One object for each index.

    `backbone` (its label), `k`, `wanted_recall`, `queries`, `gallery_rows`, `seed`, `before` (the
    ef_search until now), `widths`, and `chosen` (null: none gave the wanted recall). Each width has
    `ef_search`, `recall`, `median_ms` and `p95_ms`; `chosen` is one of them.
    """
    return json.dumps([asdict(each) for each in tunings], indent=2)
