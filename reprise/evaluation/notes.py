"""Where a metric means little, in words."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from reprise.evaluation.answers import Answers, ClassAnswers
from reprise.prepared.schema import Schema

FEW_ROWS = 30
DOMINANT = 0.95


def notes(answers: Answers, schema: Schema) -> Iterator[str]:
    """Yield one sentence for each reason to doubt a figure.

    Parameters
    ----------
    answers : Answers
        The model's, for at least one row.
    schema : Schema
    """
    count = len(answers.actual)
    if schema.test_is_train:
        yield "the test rows are those that were trained on: the figures say nothing about new rows"
    if count < FEW_ROWS:
        rows = "1 test row is" if count == 1 else f"{count} test rows are"
        yield f"{rows} few: with others the figures could be far from these; reprise folds tests all"
    if isinstance(answers, ClassAnswers):
        yield from _of_classes(answers, schema)
    elif np.ptp(answers.actual) == 0.0:
        yield "every test row has the same target: r2 is not defined and left out"


def _of_classes(answers: ClassAnswers, schema: Schema) -> Iterator[str]:
    counts = np.bincount(answers.actual, minlength=len(schema.classes)).tolist()
    absent = [repr(name) for name, count in zip(schema.classes, counts, strict=True) if not count]
    if absent:
        shown = ", ".join(absent[:5]) + (f" and {len(absent) - 5} more" if len(absent) > 5 else "")
        noun, are = ("class", "is") if len(absent) == 1 else ("classes", "are")
        yield f"no test row is of {noun} {shown}, which {are} not judged; means over classes leave them out"
    largest = max(counts)
    if largest > DOMINANT * len(answers.actual):
        name = schema.classes[counts.index(largest)]
        share = 100.0 * largest / len(answers.actual)
        yield (
            f"{share:.1f} % of the test rows are {name!r}: accuracy says little; "
            "look at balanced_accuracy and pr_auc"
        )
