"""Search results as JSON: a list with one object per query and backbone. A contract."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from imgsim.domain import Hit, QueryResult
from imgsim.reports.readable import readable


def render(results: Sequence[QueryResult]) -> str:
    """The results as a JSON list; floats as they are, times in seconds, null for images."""
    return json.dumps([_result(result) for result in results], indent=2, ensure_ascii=False)


def _result(result: QueryResult) -> dict[str, Any]:
    return {
        "query": readable(result.query),
        "backbone": result.backbone,
        "k": result.k,
        "hits": [_hit(hit) for hit in result.hits],
    }


def _hit(hit: Hit) -> dict[str, Any]:
    return {
        "rank": hit.rank,
        "path": readable(hit.frame.path),
        "kind": hit.frame.kind.value,
        "frame_index": hit.frame.frame_index,
        "timestamp_s": hit.frame.timestamp_s,
        "distance": hit.distance,
        "similarity": hit.similarity,
        "frame_id": hit.frame.frame_id,
    }
