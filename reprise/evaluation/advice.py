"""What a person should do next, seeing on what the figures stand."""

from __future__ import annotations

from reprise.evaluation.notes import FEW_ROWS
from reprise.prepared.schema import Schema
from reprise.settings.contradictions import DATASETS

FEW = 1000  # rows of a table; below, which of them are test decides much of every figure


def advice(schema: Schema) -> list[str]:
    """Return lines of advice: on small tables, to test on every row once instead of on one split."""
    rows = sum(schema.counts.values())
    facts = DATASETS.get(schema.dataset)
    whole = schema.test_is_train or (facts is not None and facts.official_test)
    noted = schema.counts["test"] < FEW_ROWS  # by a note that says the same
    if schema.layout != "table" or rows >= FEW or whole or noted:
        return []
    return [f"with {rows} rows the split decides much of this: reprise folds 5 tests on every row once"]
