"""Quality of the models that ``reprise init-data`` chooses, beside scikit-learn's, on many tables.

``python benchmarks/models.py [--tables PART|PART] [--splits 3]``

Every table is written as a CSV file; `init-data` looks at it, and prepare, train and evaluate run as it says.
scikit-learn's models are untuned, fit on train and validation rows together, and get the same features.
Scores on the test split: accuracy, or RMSE; a rank of 1 is the best of a table's mean scores.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import os
import tempfile
import time
from pathlib import Path
from statistics import mean

import numpy as np
import turns
from sklearn.ensemble import (
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.linear_model import LogisticRegressionCV, RidgeCV
from tables import TABLES, Table

from reprise.evaluation.evaluate import Places as Judged
from reprise.evaluation.evaluate import evaluate
from reprise.foundation.states import STATE_VARIABLE
from reprise.prepared.shards import read_schema, read_split
from reprise.preparing.prepare import prepare
from reprise.settings.params import Params
from reprise.settings.params_file import read_params
from reprise.starter.table import look_at_table
from reprise.starter.text import table_params
from reprise.training.run import Places, run

OURS = "reprise's default"


def main() -> None:
    """Compare, and print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--tables", default="", help="those whose name contains one of these, a|b")
    parser.add_argument("--splits", type=int, default=3)
    args = parser.parse_args()
    names = [name for name in TABLES if any(part in name for part in args.tables.split("|"))]
    print(turns.machine())
    rows = []
    ranks: dict[str, list[int]] = {}
    for name in names:
        table = TABLES[name]()
        found = [compared(table, seed) for seed in range(1, args.splits + 1)]
        scores = {model: mean(one[model] for one in found) for model in found[0]}
        models = [model for model in scores if model != "seconds"]
        costs = {model: scores[model] if table.regression else -scores[model] for model in models}
        for model in models:  # equal ones share the better rank
            ranks.setdefault(model, []).append(1 + sum(cost < costs[model] for cost in costs.values()))
        rows.append(
            [f"{name} ({'RMSE' if table.regression else 'accuracy'})"] + [f"{scores[m]:.4g}" for m in scores]
        )
        print(" | ".join(rows[-1]), flush=True)
    last = ["mean rank", *(f"{mean(values):.2f}" for values in ranks.values()), ""]
    print("\n" + turns.table(["", *ranks, "seconds"], [*rows, last]))


def compared(table: Table, seed: int) -> dict[str, float]:
    """Return each model's score on one split, and the seconds that ours took in all."""
    with tempfile.TemporaryDirectory() as scratch, contextlib.chdir(scratch):
        os.environ[STATE_VARIABLE] = str(Path(scratch, "state"))
        Path("data", "raw").mkdir(parents=True)
        path = Path("data", "raw", "table.csv")
        table.frame.to_csv(path, index=False)
        start = time.perf_counter()
        with contextlib.redirect_stdout(io.StringIO()):
            score = ours(path, seed)
        seconds = time.perf_counter() - start
        return {OURS: score, **rivals(seed, regression=table.regression), "seconds": seconds}


def ours(path: Path, seed: int) -> float:
    """Return the score of what init-data writes."""
    text = table_params(path.as_posix(), look_at_table(str(path), "target"))
    Path("params.yaml").write_text(text, encoding="utf-8")
    params: Params = read_params(Path("params.yaml"))
    prepare(params.prepare.model_copy(update={"seed": seed}), Path("prepared"), Path("data", "raw"))
    params = params.model_copy(update={"train": params.train.model_copy(update={"seed": seed})})
    run(params, Places(Path("prepared"), Path("models"), Path("metrics")), "cpu", os.cpu_count() or 1)
    verdict = evaluate(params.evaluate, Judged(Path("prepared"), Path("models"), Path("metrics")), "cpu", 1)
    return verdict.test["rmse"] if "rmse" in verdict.test else verdict.test["accuracy"]


def rivals(seed: int, *, regression: bool) -> dict[str, float]:
    """Return the scores of scikit-learn's models on the prepared rows."""
    schema = read_schema(Path("prepared"))
    train, val, test = (read_split(Path("prepared"), schema, split) for split in ("train", "val", "test"))
    x, y = np.concatenate([train.x, val.x]), np.concatenate([train.y, val.y])
    if regression:
        models = {
            "boosting": HistGradientBoostingRegressor(random_state=seed),
            "forest": RandomForestRegressor(random_state=seed, n_jobs=-1),
            "linear": RidgeCV(np.logspace(-3, 3, 13)),
        }
        return {
            name: float(np.sqrt(np.mean((model.fit(x, y).predict(test.x) - test.y) ** 2)))
            for name, model in models.items()
        }
    models = {
        "boosting": HistGradientBoostingClassifier(random_state=seed),
        "forest": RandomForestClassifier(random_state=seed, n_jobs=-1),
        "linear": LogisticRegressionCV(max_iter=500),
    }
    return {name: float(np.mean(model.fit(x, y).predict(test.x) == test.y)) for name, model in models.items()}


if __name__ == "__main__":
    main()
