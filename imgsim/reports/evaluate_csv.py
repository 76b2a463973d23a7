"""An evaluation as CSV: one line per measurement."""

from __future__ import annotations

import csv
import io
from dataclasses import astuple, fields

from imgsim.evaluation import Evaluation, Measurement


def render(evaluation: Evaluation) -> str:
    """A header line, then the measurements."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(("evaluation_id", *(field.name for field in fields(Measurement))))
    for each in evaluation.measurements:
        writer.writerow((evaluation.evaluation_id, *astuple(each)))
    return text.getvalue().rstrip("\n")
