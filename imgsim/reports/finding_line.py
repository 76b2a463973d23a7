"""A finding of `imgsim doctor` as a line of text."""

from __future__ import annotations

from imgsim.domain import Finding, Verdict

_MARKS = {Verdict.OK: "  ", Verdict.NOTE: "- ", Verdict.BROKEN: "! "}


def render(finding: Finding) -> str:
    """Topic and text; a `!` before what is broken, a `-` before what somebody should know."""
    return f"{_MARKS[finding.verdict]}{finding.topic:<10} {finding.text}"
