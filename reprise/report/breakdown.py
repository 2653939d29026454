"""The results by class and by column: who is taken for whom, each class's figures, what matters."""

from __future__ import annotations

from collections import Counter
from typing import NamedTuple

from reprise.report.results import Results
from reprise.report.wording import number, place

MOST_CLASSES = 20  # of a confusion matrix that can be read
MOST_LISTED = 20
MOST_PAIRS = 15


class Cell(NamedTuple):
    """Rows of an actual class with a predicted one."""

    rows: int
    share: float  # of the actual class's rows, 0 to 1
    right: bool
    told: str


class Confusion(NamedTuple):
    """Who is taken for whom.

    Attributes
    ----------
    classes : tuple of str
    cells : list of list of Cell
        A list for each actual class; empty when there are too many to show.
    pairs : list of (str, str, int)
        The most frequent mistakes: actual, predicted, rows.
    """

    classes: tuple[str, ...]
    cells: list[list[Cell]]
    pairs: list[tuple[str, str, int]]


class ClassLine(NamedTuple):
    """A class's figures; shares are in percent, as their bars are long."""

    name: str
    trained: int | None  # rows it was learnt from
    rows: int  # of the test split
    precision: float
    recall: float
    f1: float


class Importance(NamedTuple):
    """What a column is worth; places on the bar are in percent of its width."""

    column: str
    rise: str
    width: float
    low: float | None
    high: float | None


def confusion(results: Results) -> Confusion | None:
    """Return who is taken for whom; None for a regression, or without the table for plots."""
    classes = results.card.classes
    table = results.plots.get("confusion", [])
    if not table:
        return None
    counts = Counter({(row["actual"], row["predicted"]): int(row["rows"]) for row in table})
    totals: Counter[str] = Counter()
    for (actual, _), rows in counts.items():
        totals[actual] += rows
    cells = [
        [_cell(actual, predicted, counts[actual, predicted], totals[actual]) for predicted in classes]
        for actual in classes
    ]
    wrong = [(*pair, rows) for pair, rows in counts.items() if rows and pair[0] != pair[1]]
    wrong.sort(key=lambda pair: (-pair[2], pair[0], pair[1]))
    return Confusion(classes, cells if len(classes) <= MOST_CLASSES else [], wrong[:MOST_PAIRS])


def _cell(actual: str, predicted: str, rows: int, of: int) -> Cell:
    share = rows / of if of else 0.0
    told = f"{rows:,} of {of:,} rows of {actual} predicted as {predicted}"
    return Cell(rows, round(share, 4), actual == predicted, told)


def classes(results: Results) -> list[ClassLine]:
    """Return each class's figures, in the order of the classes; of many, the ones with the lowest F1."""
    found = results.details.get("classes", {})
    trained = results.card.data.class_counts.get("train", {})
    lines = [
        ClassLine(
            name,
            trained.get(name),
            int(found[name]["support"]),
            *(round(100.0 * found[name][of], 1) for of in ("precision", "recall", "f1")),
        )
        for name in results.card.classes
    ]
    if len(lines) > MOST_LISTED:
        lines = sorted(lines, key=lambda line: line.f1)[:MOST_LISTED]
    return lines


def importance(results: Results) -> list[Importance]:
    """Return how much worse the model gets without each column, the most important first."""
    rows = results.plots.get("importance", [])
    if not rows:
        return []
    ends = [(float(row["loss_rise"]), float(row["loss_rise_std"])) for row in rows]
    full = max(mean + std for mean, std in ends)
    if full <= 0.0:
        return []
    lines = []
    for row, (mean, std) in zip(rows, ends, strict=True):
        low, high = (place(mean - std, full), place(mean + std, full)) if mean + std > 0.0 else (None, None)
        lines.append(Importance(row["column"], number(mean), place(mean, full), low, high))
    return lines


def importance_told(results: Results) -> str:
    """Return what the importance's numbers are."""
    row = results.plots["importance"][0]
    measure = "cross-entropy" if results.card.classes else "mean squared error"
    return (
        f"How much the {measure} of {int(row['rows']):,} test rows rises when a column's values are shuffled "
        f"among them (mean and standard deviation of {row['repeats']} shuffles)."
    )


def told_pairs(found: Confusion) -> str:
    """Return the most frequent mistakes in a sentence."""
    if not found.pairs:
        return "No row is taken for another class."
    first = [f"{actual} for {predicted} ({rows:,})" for actual, predicted, rows in found.pairs[:3]]
    return f"Most often mistaken, actual for predicted: {', '.join(first)}."
