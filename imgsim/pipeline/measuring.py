"""From what each query found to means with intervals."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

import numpy as np
import numpy.typing as npt

from imgsim import metrics
from imgsim.domain import Vectors
from imgsim.evaluation import ALL, WHOLE_RANKING, Measurement, Metric
from imgsim.store import indexes, matrix, search
from imgsim.store.engine import Session
from imgsim.store.registry import BackboneRow

Values = npt.NDArray[np.float64]

_ANN_QUERIES = 200
"""Queries that the index is tried with; each is a search of its own."""


class Summary:
    """Makes the measurements of one backbone."""

    def __init__(self, backbone: BackboneRow, gallery_rows: int, seed: int) -> None:
        """For numbers over a gallery of so many frames; the seed is the bootstrap's."""
        self._backbone = backbone
        self._gallery_rows = gallery_rows
        self._seed = seed

    def measure(self, metric: Metric, k: int, values: Values, part: str = ALL) -> Measurement:
        """The mean of a metric, float64 (queries,), and its interval."""
        low, high = metrics.bootstrap_interval(values, seed=self._seed)
        return Measurement(
            backbone_id=self._backbone.backbone_id,
            backbone=self._backbone.slug,
            part=part,
            metric=metric,
            k=k,
            value=float(values.mean()),
            low=low,
            high=high,
            queries=len(values),
            gallery_rows=self._gallery_rows,
        )

    def of_rankings(
        self,
        ks: Sequence[int],
        relevant: Sequence[frozenset[int]],
        rankings: Iterable[npt.NDArray[np.int64]],
    ) -> Iterator[Measurement]:
        """Recall, hit rate and mean average precision.

        Args:
            ks: how many hits count.
            relevant: the items that each query should find, one or more.
            rankings: all items for each query, nearest first, int64 (items,).
        """
        columns: dict[tuple[Metric, int], list[float]] = {}
        for wanted, ranking in zip(relevant, rankings, strict=True):
            precision = metrics.average_precision(wanted, ranking)
            columns.setdefault((Metric.MAP, WHOLE_RANKING), []).append(precision)
            for k in ks:
                first = ranking[:k].tolist()
                for metric, value in (
                    (Metric.RECALL, metrics.recall_at_k(wanted, first, k)),
                    (Metric.HIT_RATE, metrics.hit_rate_at_k(wanted, first, k)),
                ):
                    columns.setdefault((metric, k), []).append(value)
        for (metric, k), values in columns.items():
            yield self.measure(metric, k, np.array(values))

    def of_ranks(self, ks: Sequence[int], ranks: Values, part: str) -> Iterator[Measurement]:
        """The same for queries with one relevant item each, at these ranks (from 1)."""
        yield self.measure(Metric.MAP, WHOLE_RANKING, 1 / ranks, part)
        for k in ks:
            found = (ranks <= k).astype(np.float64)
            yield self.measure(Metric.RECALL, k, found, part)
            yield self.measure(Metric.HIT_RATE, k, found, part)

    def of_index(
        self, session: Session, ks: Sequence[int], queries: Vectors, note: Callable[[str], None]
    ) -> Iterator[Measurement]:
        """What share of the exact neighbours the index finds, by some of the queries."""
        row = self._backbone
        if not indexes.is_indexed(session, row):
            note(f"{row.slug} has no index: searches are exact, and ann_recall would be 1")
            return
        random = np.random.default_rng(self._seed)
        chosen = queries[random.permutation(len(queries))[:_ANN_QUERIES]]
        k = min(max(ks), search.MAX_EF_SEARCH)
        exact = matrix.nearest_of_many(session, row, chosen, k)[0].tolist()
        found = [
            [hit.frame.frame_id for hit in search.nearest(session, row, query, k).hits]
            for query in chosen
        ]
        for each in (each for each in ks if each <= k):
            shares = [
                metrics.ann_recall_at_k([one], [other], each)
                for one, other in zip(exact, found, strict=True)
            ]
            yield self.measure(Metric.ANN_RECALL, each, np.array(shares))
