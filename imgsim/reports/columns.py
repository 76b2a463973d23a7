"""Aligned columns of text."""

from __future__ import annotations

from collections.abc import Sequence, Set


def align(head: Sequence[str], rows: Sequence[Sequence[str]], right: Set[str]) -> list[str]:
    """Lines with every column as wide as its widest cell, the last one ragged.

    Args:
        head: the columns' names.
        rows: cells; a control character in one (a file name may hold a newline) is shown as `?`.
        right: names of the columns that are aligned to the right.
    """
    cells = [[_printable(cell) for cell in row] for row in (head, *rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return [
        "  ".join(
            cell.rjust(width) if name in right else cell.ljust(width)
            for cell, width, name in zip(row, widths, head, strict=True)
        ).rstrip()
        for row in cells
    ]


def _printable(cell: str) -> str:
    return "".join(character if character.isprintable() else "?" for character in cell)
