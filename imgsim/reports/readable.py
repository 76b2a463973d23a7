"""File names as text that any program can read."""

from __future__ import annotations


def readable(path: str) -> str:
    """The path with what is not UTF-8 in it replaced; such names are bytes, not text."""
    return path.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
