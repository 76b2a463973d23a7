"""An evaluation as JSON: one object. A contract."""

from __future__ import annotations

import json
from dataclasses import asdict

from imgsim.evaluation import Evaluation


def render(evaluation: Evaluation) -> str:
    """`evaluation_id`, `kind`, `source`, `seed`, `started_at`, `duration_s`, `measurements`.

    A measurement has `backbone`, `part`, `metric`, `k` (0: the whole ranking), `value`, `low`,
    `high`, `queries` and `gallery_rows`.
    """
    whole = asdict(evaluation) | {"started_at": evaluation.started_at.isoformat()}
    return json.dumps(whole, indent=2, ensure_ascii=False)
