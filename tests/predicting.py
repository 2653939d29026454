"""What the tests of predict share."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest

from reprise.evaluation.answers import ClassAnswers
from reprise.evaluation.evaluate import Places, evaluate
from reprise.evaluation.judged import metrics_of
from reprise.evaluation.probabilities import log_losses
from reprise.prediction.predict import predict
from reprise.prepared.shards import read_split
from reprise.settings.params import Evaluate


def run(places: Places, source: object, *, size: int = 1000, ending: str = ".csv") -> list[dict]:
    output = places.model.parent / f"predictions{ending}"
    count = predict(places.model, str(source), str(output), None, size, "cpu", 2)
    with output.open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream)) if ending == ".csv" else [json.loads(line) for line in stream]
    assert len(rows) == count
    return rows


def write_csv(path: Path, columns: dict[str, list], order: list[str] | None = None) -> Path:
    names = order or list(columns)
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(names)
        writer.writerows(zip(*(columns[name] for name in names), strict=True))
    return path


def by_name(schema, x: np.ndarray) -> dict[str, list]:
    return {name: x[:, number].tolist() for number, name in enumerate(schema.columns)}


def same_as_evaluate(places: Places, rows: list[dict], actual: list[str], schema, size: int = 1000) -> None:
    """Compute evaluate's metrics anew from what predict wrote; equal means equal, not nearly."""
    verdict = evaluate(Evaluate(batch_size=size), places, "cpu", 1)
    number = {name: place for place, name in enumerate(schema.classes)}
    y, guess = (np.array([number[name] for name in c]) for c in (actual, [row["predicted"] for row in rows]))
    chances = np.array([[float(row[f"probability_{name}"]) for name in schema.classes] for row in rows])
    likely = chances[np.arange(len(y)), y]
    found, expected = metrics_of(ClassAnswers(y, guess, chances, log_losses(likely))), dict(verdict.test)
    # The loss is of the model's own outputs: nine decimals hold it to nine digits at best.
    assert expected.pop("log_loss") == pytest.approx(found.pop("log_loss"), rel=1e-6)
    assert found == expected
    ids = read_split(places.prepared, schema, "test").ids.tolist()
    chance_of = dict(zip(ids, likely.tolist(), strict=True))
    mistakes = verdict.mistakes.table
    chance = mistakes.header.index("probability_of_actual")
    assert [row[chance] for row in mistakes.rows] == [chance_of[row[0]] for row in mistakes.rows]
