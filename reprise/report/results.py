"""What the stages wrote, read as a whole and checked for belonging together."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from reprise.evaluation.files import DETAILS, METRICS, MISTAKES, PLOTS, TREES
from reprise.foundation.errors import UserError
from reprise.foundation.files import read_json
from reprise.model.card import CARD, WEIGHTS, ModelCard, read_card
from reprise.prepared.schema import SCHEMA_FILE, Schema
from reprise.prepared.shards import CHECKS_FILE, read_schema
from reprise.report.lock import Locked, made_from_another_model, read_lock
from reprise.settings.params import Params
from reprise.settings.params_file import read_params
from reprise.verification.pipelines import Pipeline

Rows = list[dict[str, str]]
NEEDED = {"test", "intervals", "confidence", "test_rows_are", "baselines", "notes"}


@dataclass(frozen=True)
class Results:
    """Everything that a report is made of.

    Attributes
    ----------
    places : Pipeline
    params : Params
    card : ModelCard
    metrics, details : dict
        As the evaluate stage wrote them.
    trees : dict or None
        What scikit-learn's trees reach; None: they were not asked, or about other rows.
    history, mistakes : list of dict
        The tables' rows, by column.
    plots : dict
        Rows of each table in plots/ by its name.
    prepared : Schema or None
        Of the prepared data, if it is what the model was trained on.
    no_prepared : str
        Why there is none, in a sentence.
    checks : dict or None
        What the prepare stage found.
    lock : Locked
    """

    places: Pipeline
    params: Params
    card: ModelCard
    metrics: dict[str, Any]
    details: dict[str, Any]
    trees: dict[str, Any] | None
    history: Rows
    mistakes: Rows
    plots: dict[str, Rows]
    prepared: Schema | None
    no_prepared: str
    checks: dict[str, Any] | None
    lock: Locked


def read_results(places: Pipeline) -> Results:
    """Read all files of a pipeline.

    Raises
    ------
    UserError
        If there are no metrics, no model, or they don't belong together.
    """
    folder = places.metrics
    for path in (folder / METRICS, folder / DETAILS, places.model / CARD, places.model / WEIGHTS):
        if not path.is_file():
            raise UserError(f"{path}: no such file, so there is nothing to report; {_run(places)}")
    params, card = read_params(places.params), read_card(places.model)
    metrics, details = read_json(folder / METRICS), read_json(folder / DETAILS)
    lock = read_lock(places)
    _refuse_strangers(places, card, metrics, details, lock)
    prepared, reason = _prepared(places, card)
    checks = places.prepared / CHECKS_FILE
    return Results(
        places, params, card, metrics, details,
        _trees(folder / TREES, details),
        read_rows(folder / "history.csv"),
        read_rows(folder / MISTAKES),
        {path.stem: read_rows(path) for path in sorted((folder / PLOTS).glob("*.csv"))},
        prepared,
        reason,
        read_json(checks) if prepared is not None and checks.is_file() else None,
        lock,
    )  # fmt: skip


def _trees(path: Path, details: dict[str, Any]) -> dict[str, Any] | None:
    """Return what trees reach on this split: no lock names the file, so it may be of other data."""
    found = read_json(path) if path.is_file() else None
    same = bool(
        found
        and details["baselines"]
        and found["rows"] == details["baselines"][0]["rows"]
        and found["metrics"].keys() == details["baselines"][0]["metrics"].keys()
    )
    return found if same else None


def read_rows(path: Path) -> Rows:
    """Return a CSV file's rows by column; none when there is no such file."""
    if not path.is_file():
        return []
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def _run(places: Pipeline) -> str:
    return f"run {places.command}"


def _refuse_strangers(places: Pipeline, card: ModelCard, metrics: Any, details: Any, lock: Locked) -> None:
    """Refuse metrics that can't be this model's, naming the first thing that tells."""
    path = places.metrics / DETAILS
    try:
        if NEEDED - details.keys():
            raise KeyError
        told = {
            "task": (details["task"], card.task),
            "classes": (sorted(details.get("classes", {})), sorted(card.classes)),
            "the number of test rows": (details["rows"], card.data.counts["test"]),
        }
        same = metrics["rows"] == details["rows"] and _figures(metrics["test"]) <= _figures(details["test"])
    except (KeyError, TypeError, AttributeError):
        raise UserError(f"{path}: is not what the evaluate stage writes; {_run(places)}") from None
    if not same:
        raise UserError(f"{path}: is of another evaluation than {METRICS} beside it; {_run(places)}")
    for name, (here, there) in told.items():
        if here != there:
            raise UserError(
                f"{path}: is about another model than {places.model / CARD} ({name} differs); {_run(places)}"
            )
    if made_from_another_model(places, lock):
        raise UserError(
            f"{places.metrics / METRICS}: was computed for another {places.model / CARD} than is here "
            f"({places.lock} tells); {_run(places)}"
        )


def _figures(test: dict[str, float]) -> set[tuple[str, float]]:
    """Return metrics with their values, without the ends of an interval that stand beside one of them."""
    ends = {f"{name}{end}" for name in test for end in ("_low", "_high")}
    return {(name, value) for name, value in test.items() if name not in ends}


def _prepared(places: Pipeline, card: ModelCard) -> tuple[Schema | None, str]:
    """Return the prepared data's schema, or None and why it can't be used."""
    if not (places.prepared / SCHEMA_FILE).is_file():
        return None, f"There is no prepared data in {places.prepared.as_posix()}"
    schema = read_schema(places.prepared)
    if schema.files != card.data.files:
        return None, f"{places.prepared.as_posix()} is not the data that the model was trained on"
    missing = [name for name in schema.files if not (places.prepared / name).is_file()]
    if missing:
        return None, f"{(places.prepared / missing[0]).as_posix()} is missing"
    return schema, ""
