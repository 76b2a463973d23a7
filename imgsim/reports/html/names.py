"""Names and numbers as a page shows them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime

from imgsim.reports.columns import printable

NONE = "-"
"""In place of a value that there is not."""


def file_name(path: str) -> str:
    """The last part of a path of any system, in one printable line."""
    return printable(re.split(r"[/\\]", path)[-1])


def distinct_names(paths: Iterable[str]) -> dict[str, str]:
    """File names by path; the paths themselves where names alone would not tell them apart."""
    known = set(paths)
    names = {path: file_name(path) for path in known}
    if len(set(names.values())) == len(known):
        return names
    return {path: printable(path) for path in known}


def shortened(text: str, length: int) -> str:
    """At most so many characters; what is left out of the middle becomes an ellipsis."""
    if len(text) <= length:
        return text
    tail = (length - 1) * 2 // 3  # names of one series differ at their end
    return f"{text[: length - 1 - tail]}…{text[len(text) - tail :]}"


def number(value: float | None, places: int = 4) -> str:
    """With so many decimal places; no -0.0000, which rounding makes of a tiny distance."""
    return NONE if value is None else f"{value:z,.{places}f}"


def whole(value: int | None) -> str:
    """With commas between thousands."""
    return NONE if value is None else f"{value:,}"


def moment(when: datetime) -> str:
    """`2026-01-31 17:05 UTC`."""
    return f"{when:%Y-%m-%d %H:%M} UTC"
