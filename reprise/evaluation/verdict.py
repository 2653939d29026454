"""All that an evaluation found out, and how it is told in a few lines."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from reprise.evaluation.advice import advice
from reprise.evaluation.intervals import Interval
from reprise.evaluation.metrics import Report
from reprise.evaluation.tables import Table
from reprise.prepared.schema import Schema


@dataclass(frozen=True)
class Verdict:
    """All that an evaluation found out.

    Attributes
    ----------
    test : Report
        The metrics (see `reprise.evaluation.metrics`).
    intervals : dict
        Intervals of some of them, by name.
    predictions, mistakes : Table
        One row per test row; the worst rows.
    threshold : float or None
        The probability from which the second of two classes was predicted; None: the most probable class was.
    """

    test: Report
    intervals: dict[str, Interval]
    predictions: Table
    mistakes: Table
    threshold: float | None = None


def kind_of_rows(schema: Schema) -> str:
    """Return whether the test rows are new to the model, in words."""
    return "the training rows" if schema.test_is_train else "held out"


def summary(verdict: Verdict, confidence: float, schema: Schema) -> str:
    """Return the figures and the worst mistake as lines for a person."""
    count = schema.counts["test"]
    lines = [f"{schema.dataset}: {count:,} test rows ({kind_of_rows(schema)})"]
    lines += _figures(verdict, confidence)
    if verdict.threshold is not None:
        lines.append(f"class {schema.classes[1]!r} is predicted from probability {verdict.threshold:.9g} on")
    worst = next(iter(verdict.mistakes.rows), None)
    if schema.task == "classification":
        wrong = sum(actual != predicted for _, actual, predicted, _ in verdict.predictions.rows)
        told = f"; the worst: row {worst[0]} is {worst[1]}, predicted {worst[2]}" if worst else ""
        lines.append(f"{wrong:,} of {count:,} rows wrong{told}")
    elif worst:
        lines.append(f"furthest off: row {worst[0]} is {worst[1]:.6g}, predicted {worst[2]:.6g}")
    lines += advice(schema)
    return "\n".join(lines)


def _figures(verdict: Verdict, confidence: float) -> Iterator[str]:
    for name, value in verdict.test.items():
        if not isinstance(value, float):
            continue
        interval = verdict.intervals.get(name)
        between = (
            ""
            if interval is None
            else f" ({confidence:.4g} interval {interval.low:.4f} to {interval.high:.4f})"
        )
        yield f"  {name:9} {value:.4f}{between}"
