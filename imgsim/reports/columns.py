"""Aligned columns of text."""

from __future__ import annotations

from collections.abc import Sequence, Set


def align(head: Sequence[str], rows: Sequence[Sequence[str]], right: Set[str]) -> list[str]:
    """Lines with every column as wide as its widest cell, the last one ragged.

    Args:
        head: the columns' names.
        rows: cells; shown as `printable` makes them.
        right: names of the columns that are aligned to the right.
    """
    cells = [[printable(cell) for cell in row] for row in (head, *rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return [
        "  ".join(
            cell.rjust(width) if name in right else cell.ljust(width)
            for cell, width, name in zip(row, widths, head, strict=True)
        ).rstrip()
        for row in cells
    ]


def printable(cell: str) -> str:
    """Text of one line; what cannot be shown, as in the name of a file, is a `?`."""
    return "".join(character if character.isprintable() else "?" for character in cell)
