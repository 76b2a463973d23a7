"""Times as people read them."""

from __future__ import annotations


def h_mm_ss(seconds: float | None) -> str:
    """`1:02:03.456`; `-` for no time, as images have none."""
    if seconds is None:
        return "-"
    sign = "-" if seconds < 0 else ""
    milliseconds = round(abs(seconds) * 1000)
    minutes, milliseconds = divmod(milliseconds, 60_000)
    hours, minutes = divmod(minutes, 60)
    return f"{sign}{hours}:{minutes:02d}:{milliseconds // 1000:02d}.{milliseconds % 1000:03d}"
