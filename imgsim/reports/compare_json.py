"""A comparison of backbones as JSON: one object. A contract."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

from imgsim.comparison import BackboneMetrics, Comparison


def render(comparison: Comparison) -> str:
    """`search_id`, `k`, and lists: `queries` (one object per query and backbone), `backbones`,
    `agreements`; null where no true frame is known."""
    return json.dumps(
        {
            "search_id": comparison.search_id,
            "k": comparison.k,
            "queries": [asdict(each) for each in comparison.queries],
            "backbones": [_backbone(each) for each in comparison.backbones],
            "agreements": [asdict(each) for each in comparison.agreements],
        },
        indent=2,
        ensure_ascii=False,
    )


def _backbone(each: BackboneMetrics) -> dict[str, Any]:
    return {**asdict(each), "mean_adjacent_hits": each.mean_adjacent_hits}
