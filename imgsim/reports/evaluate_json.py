"""An evaluation as JSON: one object. A contract."""

from __future__ import annotations

import json
from dataclasses import asdict

from imgsim.evaluation import Evaluation
from imgsim.reports.readable import readable


def render(evaluation: Evaluation) -> str:
    """`evaluation_id`, `kind`, `source`, `seed`, `started_at`, `duration_s`, `measurements`.

    Each measurement has `backbone_id`, `backbone`, `part` (`all`, or the kind of copy), `metric`
    (`recall_at_k`, `hit_rate_at_k`, `map`, `ann_recall_at_k`), `k` (0: the whole ranking), `value`,
    `low`, `high`, `queries` and `gallery_rows`.
    """
    whole = asdict(evaluation) | {
        "source": readable(evaluation.source),
        "started_at": evaluation.started_at.isoformat(),
        "measurements": [
            asdict(each) | {"metric": each.metric.label} for each in evaluation.measurements
        ],
    }
    return json.dumps(whole, indent=2, ensure_ascii=False)
