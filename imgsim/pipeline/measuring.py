"""From the ranks at which queries find what is relevant to means with intervals."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from imgsim import metrics
from imgsim.domain import Vectors
from imgsim.errors import InvalidArgument
from imgsim.evaluation import ALL, WHOLE_RANKING, Measurement, Metric
from imgsim.pipeline.ranks import Ints
from imgsim.pipeline.search import MAX_K
from imgsim.store import evaluations, indexes, matrix, search
from imgsim.store.engine import Session
from imgsim.store.registry import BackboneRow

DEFAULT_KS = (1, 5, 10)

_MAX_SEED = 2**63 - 1  # that the database holds


@dataclass(frozen=True, kw_only=True, slots=True)
class Measures:
    """What to measure, apart from the queries."""

    ks: Sequence[int] = DEFAULT_KS  # how many hits count
    seed: int = 0  # of the bootstrap, and of all else that is drawn

    def __post_init__(self) -> None:
        """Raise InvalidArgument where a number is out of range."""
        for k in self.ks:
            if not 1 <= k <= MAX_K:
                raise InvalidArgument(f"-k must be 1 to {MAX_K:,}, not {k}.")
        if not 0 <= self.seed <= _MAX_SEED:
            raise InvalidArgument(f"--seed must be 0 to {_MAX_SEED:,}, not {self.seed}.")

    def of_ranks(
        self,
        row: BackboneRow,
        ranks: Sequence[Ints],
        gallery_rows: int,
        part: str = ALL,
        owners: Sequence[int] | None = None,
    ) -> Iterator[Measurement]:
        """Recall and hit rate at every k, and mean average precision.

        Args:
            row: the backbone.
            ranks: for each query the ranks of its relevant items, from 1, in order.
            gallery_rows: how many frames were ranked.
            part: what the queries have in common.
            owners: what each query was made of, if several were made of one thing; these things,
                not the queries, are then what the bootstrap draws.
        """
        answers = [_ranking(each) for each in ranks]
        for metric, measure in (
            (Metric.RECALL, metrics.recall_at_k),
            (Metric.HIT_RATE, metrics.hit_rate_at_k),
        ):
            for k in sorted(set(self.ks)):
                values = [measure(relevant, found[:k].tolist(), k) for relevant, found in answers]
                yield self._mean(row, metric, k, values, gallery_rows, part, owners)
        values = [metrics.average_precision(relevant, found) for relevant, found in answers]
        yield self._mean(row, Metric.MAP, WHOLE_RANKING, values, gallery_rows, part, owners)

    def of_index(
        self, session: Session, row: BackboneRow, queries: Vectors, own: Ints | None = None
    ) -> Iterator[Measurement]:
        """The share of the exact nearest frames that searches find; nothing without an index.

        Args:
            session: the database.
            row: the backbone.
            queries: unit vectors, float32 (q, dim).
            own: the frame that each query is, int64 (q,), which is not counted among its hits.
        """
        if not indexes.is_indexed(session, row):
            return
        more = 0 if own is None else 1
        ks = [k for k in sorted(set(self.ks)) if k + more <= search.MAX_EF_SEARCH]
        with session.connect() as connection:
            tuned = indexes.ef_search_of(connection, row)
        # What a search of one width gives for a small k is the beginning of what it gives for more.
        widest = {search.width(k + more, tuned): k + more for k in ks}
        found = {
            width: evaluations.found_by_index(session, row, queries, k)
            for width, k in widest.items()
        }
        (table,) = indexes.status(session, [row])
        if ks and (rows := table.rows) > more:
            exact = matrix.nearest_of_many(session, row, queries, ks[-1] + more)[0].tolist()
            for k in ks:
                answers = zip(exact, found[search.width(k + more, tuned)], strict=True)
                values = [
                    metrics.ann_recall_at_k([_without(own, at, a)], [_without(own, at, b)], k)
                    for at, (a, b) in enumerate(answers)
                ]
                yield self._mean(row, Metric.ANN_RECALL, k, values, rows, ALL)

    def _mean(
        self,
        row: BackboneRow,
        metric: Metric,
        k: int,
        values: Sequence[float],
        gallery_rows: int,
        part: str,
        owners: Sequence[int] | None = None,
    ) -> Measurement:
        array: npt.NDArray[np.float64] = np.array(values, np.float64)
        # The same seed for all: backbones are resampled by the same queries.
        low, high = metrics.bootstrap_interval(_by_owner(array, owners), seed=self.seed)
        return Measurement(
            backbone_id=row.backbone_id,
            backbone=row.slug,
            part=part,
            metric=metric,
            k=k,
            value=float(array.mean()),
            low=low,
            high=high,
            queries=len(values),
            gallery_rows=gallery_rows,
        )


def tell_of_indexes(
    session: Session,
    rows: Sequence[BackboneRow],
    measures: Measures,
    note: Callable[[str], None],
) -> None:
    """Say why ann_recall_at_k is not measured of some backbones, or for some k."""
    exact = [row.slug for row in rows if not indexes.is_indexed(session, row)]
    if exact:
        note(
            f"No ann_recall_at_k of {', '.join(exact)}: there is no HNSW index, and so searches "
            "are exact."
        )
    most = search.MAX_EF_SEARCH - 1
    if len(exact) < len(rows) and max(measures.ks) > most:
        note(f"No ann_recall_at_k for k over {most}: such searches are exact.")


def _by_owner(
    values: npt.NDArray[np.float64], owners: Sequence[int] | None
) -> npt.NDArray[np.float64]:
    """The mean value of each owner: queries made of one thing are not independent."""
    if owners is None:
        return values
    _, places = np.unique(owners, return_inverse=True)
    means: npt.NDArray[np.float64] = np.bincount(places, values) / np.bincount(places)
    return means


def _ranking(ranks: Ints) -> tuple[frozenset[int], Ints]:
    """Relevant items and a ranking that has them at these ranks, as imgsim.metrics takes them.

    Items that are not relevant have negative numbers; those after the last relevant one are left
    out, since no measure depends on them.
    """
    ranking = -np.arange(1, ranks[-1] + 1, dtype=np.int64)
    ranking[ranks - 1] = np.arange(len(ranks))
    return frozenset(range(len(ranks))), ranking


def _without(own: Ints | None, at: int, found: Sequence[int]) -> list[int]:
    return list(found) if own is None else [each for each in found if each != own[at]]
