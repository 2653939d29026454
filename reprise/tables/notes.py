"""What prepare did with a table that its owner should know: findings beside those about the rows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from reprise.data.findings import Finding
from reprise.tables.codes import Code

NAMED = 5  # columns


def notes(columns: Sequence[Code], target: str, without_target: int) -> Iterator[Finding]:
    """Yield what was left out, and what is not learnt as it stands.

    Parameters
    ----------
    columns : sequence of Code
        Of the columns that features are made of, or could have been.
    target : str
        The column to predict.
    without_target : int
        Rows that were left out because it had no value there.
    """
    if without_target:
        message = f"{without_target:,} row(s) without a value of {target!r} are left out"
        yield Finding("missing_target", "note", without_target, message, [])
    numbers = [code.name for code in columns if code.kind == "row_number"]
    if numbers:
        message = f"{len(numbers)} column(s) only count the rows and are not learnt from: {_listed(numbers)}"
        yield Finding("row_numbers", "note", len(numbers), message, [])
    hashed = [code for code in columns if code.kind == "categorical" and code.code == "hash"]
    if hashed:
        message = (
            f"{len(hashed)} column(s) have more categories than prepare.csv.max_categories and are hashed "
            f"into {hashed[0].buckets} features each: {_listed([code.name for code in hashed])}"
        )
        yield Finding("hashed", "note", len(hashed), message, [])


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return ", ".join(map(repr, names[:NAMED])) + more
