"""What an evaluation writes: the headline figures, their details, the tables."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from reprise.evaluation.files import DETAILS, METRICS, MISTAKES, PLOTS, PREDICTIONS
from reprise.evaluation.judged import HEADLINE
from reprise.evaluation.trees import write_trees
from reprise.evaluation.verdict import Verdict, kind_of_rows
from reprise.foundation.files import csv_text, json_text, write_text
from reprise.foundation.room import require_disk
from reprise.prepared.schema import Schema
from reprise.settings.params import Evaluate


def write_results(verdict: Verdict, params: Evaluate, schema: Schema, folder: Path) -> None:
    """Write all files of an evaluation into a folder, metrics.json last, if there is room for all of them.

    Raises
    ------
    EnvironmentProblem
        If there is none; the files of the evaluation before stay as they were.
    """
    tables = {
        PREDICTIONS: verdict.predictions,
        MISTAKES: verdict.mistakes.table,
        **{f"{PLOTS}/{name}.csv": table for name, table in verdict.plots.items()},
    }
    texts = {name: csv_text(*table) for name, table in tables.items()}
    texts |= {
        DETAILS: json_text(details(verdict, params, schema)),
        METRICS: json_text(headline(verdict, schema)),
    }
    sizes = [len(text.encode()) for text in texts.values()]
    require_disk(folder, sum(sizes), largest=max(sizes))
    write_trees(folder, verdict.trees)
    for name, text in texts.items():
        write_text(folder / name, text)


def headline(verdict: Verdict, schema: Schema) -> dict[str, Any]:
    """Return what `dvc metrics` shows: a dozen numbers."""
    first = HEADLINE[schema.task][0]
    names = (*HEADLINE[schema.task], *verdict.own)
    test = {name: verdict.test[name] for name in names if name in verdict.test}
    if first in verdict.intervals:
        interval = verdict.intervals[first]
        test |= {f"{first}_low": interval.low, f"{first}_high": interval.high}
    return {
        "test": test,
        "baselines": {baseline.key: baseline.metrics[first] for baseline in verdict.baselines},
        "rows": len(verdict.predictions.rows),
    }


def details(verdict: Verdict, params: Evaluate, schema: Schema) -> dict[str, Any]:
    """Return everything that metrics.json leaves out."""
    found: dict[str, Any] = {
        "task": schema.task,
        "test_rows_are": kind_of_rows(schema),
        "rows": len(verdict.predictions.rows),
        "test": verdict.test,
        "confidence": params.confidence,
        "intervals": {name: interval._asdict() for name, interval in verdict.intervals.items()},
        "baselines": [baseline.to_json() for baseline in verdict.baselines],
        "notes": list(verdict.notes),
    }
    if verdict.bar is not None:
        found["bar"] = verdict.bar._asdict()
    if verdict.classes:
        found["classes"] = verdict.classes
    if verdict.threshold is not None:
        found["threshold"] = verdict.threshold
    if verdict.half_width is not None:
        found["interval_half_width"] = verdict.half_width
    return found
