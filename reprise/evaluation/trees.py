"""What scikit-learn's trees reach on the same split, untuned.

Their arithmetic depends on the machine, so the figures stand in a file of their own that no lock names.
"""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from reprise.evaluation.answers import Answers, ValueAnswers
from reprise.evaluation.baselines import Baseline, Learnt, class_answers
from reprise.evaluation.files import TREES
from reprise.evaluation.judged import metrics_of
from reprise.foundation.files import write_json
from reprise.model.tensors import unscale_target
from reprise.prepared.schema import Schema

BOOSTED_CLASSES = 5  # boosting grows a tree per class and round; more classes get a random forest
BOOSTED_VALUES = 2 * 10**6  # rows times columns
FOREST_ROWS = 5_000
MOST_COLUMNS = 4096
SEED = 0


def unfit_for_trees(schema: Schema) -> str | None:
    """Return why there is no comparison with trees; None: there is."""
    columns = int(np.prod(schema.shape))
    return f"{columns:,} columns are more than {MOST_COLUMNS:,}" if columns > MOST_COLUMNS else None


def trees(
    schema: Schema, learnt: Learnt, test_x: NDArray[Any], actual: NDArray[Any], workers: int
) -> Baseline:
    """Return what gradient boosting, or for pictures and many classes a random forest, reaches.

    Raises
    ------
    ImportError
        If scikit-learn is not there.
    """
    boosts = schema.layout == "table" and len(schema.classes) <= BOOSTED_CLASSES
    most = BOOSTED_VALUES // int(np.prod(schema.shape)) if boosts else FOREST_ROWS
    x, y = learnt.some(most)
    flat = learnt.normalise(torch.from_numpy(test_x)).reshape(len(test_x), -1).numpy()
    answers: Answers
    with warnings.catch_warnings():  # of what is odd about the data, which is told elsewhere
        warnings.simplefilter("ignore")
        model = _model(boosts, bool(schema.classes), workers).fit(x, y)
        if schema.classes:
            chances = np.zeros((len(actual), len(schema.classes)))
            chances[:, model.classes_] = model.predict_proba(flat)
            answers = class_answers(actual, chances)
        else:
            predicted = torch.from_numpy(np.asarray(model.predict(flat), np.float64))
            values = unscale_target(predicted, schema.target_scale).numpy()
            answers = ValueAnswers(actual.astype(np.float64), values)
    key, name = ("boosting", "gradient boosting") if boosts else ("forest", "random forest")
    return Baseline(key, name, metrics_of(answers), len(y), len(learnt.y))


def _model(boosts: bool, classifies: bool, workers: int) -> Any:
    from sklearn import ensemble  # takes a second, and a machine that only trains may lack it

    if boosts:
        boosting = (
            ensemble.HistGradientBoostingClassifier if classifies else ensemble.HistGradientBoostingRegressor
        )
        return boosting(random_state=SEED)
    forest = ensemble.RandomForestClassifier if classifies else ensemble.RandomForestRegressor
    return forest(random_state=SEED, n_jobs=workers)


def write_trees(folder: Path, baseline: Baseline | None) -> None:
    """Write the figures beside metrics.json, or remove an older model's."""
    path = folder / TREES
    if baseline is None:
        path.unlink(missing_ok=True)
        return
    import sklearn

    write_json(path, {"library": f"scikit-learn {sklearn.__version__}", **baseline.to_json()})
