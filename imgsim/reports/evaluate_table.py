"""An evaluation as a table for people: a line for each measure, a column for each backbone."""

from __future__ import annotations

from imgsim.evaluation import ALL, WHOLE_RANKING, Evaluation, Measurement, Metric
from imgsim.reports.columns import align


def render(evaluation: Evaluation) -> str:
    """Means and 95 % intervals. Of each kind of copy, the hit rate at the least k.

    Copies have one relevant frame each, so that recall is the hit rate and is left out.
    """
    found = {(m.part, m.metric, m.k, m.backbone): m for m in evaluation.measurements}
    backbones = list(dict.fromkeys(m.backbone for m in evaluation.measurements))
    least = min((m.k for m in evaluation.measurements if m.metric is Metric.HIT_RATE), default=1)
    lines = [
        key
        for key in dict.fromkeys((m.part, m.metric, m.k) for m in evaluation.measurements)
        if (key[0] == ALL or key[1:] == (Metric.HIT_RATE, least))
        and not (evaluation.kind == "copies" and key[1] is Metric.RECALL)
    ]
    head = ("part", "measure", *backbones)
    rows = [
        (line[0], measure(line[1], line[2]), *(_cell(found.get((*line, b))) for b in backbones))
        for line in lines
    ]
    asked = {m.queries for m in evaluation.measurements if m.part == ALL and m.metric is Metric.MAP}
    ranked = {m.gallery_rows for m in evaluation.measurements}
    footer = (
        f"{evaluation.kind}: {evaluation.source}; {_counts(asked)} queries among "
        f"{_counts(ranked)} frames, seed {evaluation.seed}; saved as evaluation "
        f"{evaluation.evaluation_id}"
    )
    return "\n".join([*align(head, rows, frozenset()), "", footer])


def measure(metric: Metric, k: int) -> str:
    """How a measure is called: recall@10, map."""
    return metric.value if k == WHOLE_RANKING else f"{metric.value}@{k}"


def _cell(measured: Measurement | None) -> str:
    if measured is None:
        return "-"
    return f"{measured.value:.3f} ({measured.low:.3f} to {measured.high:.3f})"


def _counts(numbers: set[int]) -> str:
    return " or ".join(f"{number:,}" for number in sorted(numbers))
