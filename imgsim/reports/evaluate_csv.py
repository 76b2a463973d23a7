"""An evaluation as CSV: one line per measurement."""

from __future__ import annotations

import csv
import io
from dataclasses import fields

from imgsim.evaluation import Evaluation, Measurement


def render(evaluation: Evaluation) -> str:
    """A header line, then the measurements; k is 0 for the whole ranking."""
    names = [field.name for field in fields(Measurement)]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(("evaluation_id", *names))
    for each in evaluation.measurements:
        cells = {name: getattr(each, name) for name in names} | {"metric": each.metric.label}
        writer.writerow((evaluation.evaluation_id, *cells.values()))
    return text.getvalue().rstrip("\n")
