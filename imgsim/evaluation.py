"""The values of an evaluation: how well backbones find what is known to belong together."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

ALL = "all"
"""The part of an evaluation that is all of its queries."""

WHOLE_RANKING = 0
"""In place of k, for a metric that looks at the whole ranking."""


class Metric(StrEnum):
    """What is measured; imgsim.metrics has the definitions."""

    RECALL = "recall"
    HIT_RATE = "hit_rate"
    MAP = "map"
    ANN_RECALL = "ann_recall"

    @property
    def label(self) -> str:
        """The metric's name in imgsim.metrics: `recall_at_k`, `map`."""
        return self.value if self is Metric.MAP else f"{self.value}_at_k"

    def at(self, k: int) -> str:
        """The same with its k: `recall_at_10`, `map`."""
        return self.value if k == WHOLE_RANKING else f"{self.value}_at_{k}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Measurement:
    """One number: the mean of a metric over queries, with its 95 % bootstrap interval."""

    backbone_id: int
    backbone: str  # label: the name, numbered from its second revision on
    part: str  # ALL, or the kind of copy that the queries were
    metric: Metric
    k: int  # hits that count, or WHOLE_RANKING
    value: float  # 0 to 1
    low: float
    high: float
    queries: int
    gallery_rows: int  # frames there were to rank


@dataclass(frozen=True, kw_only=True, slots=True)
class Evaluation:
    """What a run of imgsim evaluate measured, as it was saved."""

    evaluation_id: int
    kind: str  # folders, groups, pairs or copies
    source: str  # the folders or file, or how copies were made
    seed: int
    started_at: datetime
    duration_s: float
    measurements: tuple[Measurement, ...]  # by backbone, part, metric and k
