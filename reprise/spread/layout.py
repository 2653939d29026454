"""Tables of texts as lines for a terminal and as Markdown."""

from __future__ import annotations

from collections.abc import Sequence

MISSING = "-"  # where a cell has nothing to say


def aligned(table: Sequence[Sequence[str]]) -> str:
    """Return a table for a terminal: the first column to the left, the others to the right."""
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    return "\n".join(
        "  ".join(
            text.ljust(width) if place == 0 else text.rjust(width)
            for place, (text, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in table
    )


def markdown(table: Sequence[Sequence[str]]) -> str:
    """Return a table in Markdown."""
    header, *rows = (f"| {' | '.join(row)} |" for row in table)
    return "\n".join([header, f"|---|{'---:|' * (len(table[0]) - 1)}", *rows])
