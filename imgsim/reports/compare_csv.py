"""A comparison of backbones as CSV: one line per query and backbone."""

from __future__ import annotations

import csv
import io
from dataclasses import astuple, fields

from imgsim.comparison import Comparison, QueryMetrics


def render(comparison: Comparison) -> str:
    """A header line, then the queries; an empty cell where no true frame is known."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(("search_id", *(field.name for field in fields(QueryMetrics))))
    for each in comparison.queries:
        cells = (str(cell).lower() if isinstance(cell, bool) else cell for cell in astuple(each))
        writer.writerow((comparison.search_id, *cells))
    return text.getvalue().rstrip("\n")
