"""The simpler models beside scikit-learn's own on the same rows."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.dummy import DummyClassifier
from sklearn.linear_model import LogisticRegression, Ridge
from trained import LEAVES, images, labels, table, write_prepared

from reprise.evaluation import baselines, trees
from reprise.prepared.schema import Statistics
from reprise.prepared.shards import read_split


def parts(folder, schema):
    learnt = baselines.learnt_rows(folder, schema)
    test = read_split(folder, schema, "test")
    return learnt, test


@pytest.mark.parametrize("classes", [2, 3])
def test_logistic_regression_is_scikit_learns(tmp_path, classes):
    x = table(400, 6)
    y = (np.digitize(x[:, 0] + 0.3 * x[:, 1], [0.6, 1.6]) + labels(400, 2)) % classes
    schema = write_prepared(tmp_path, x, y, classes=LEAVES[:classes], test=150)
    learnt, test = parts(tmp_path, schema)
    found = baselines.linear(schema, learnt, test.x, test.y)
    model = LogisticRegression(max_iter=5000, tol=1e-8).fit(learnt.x.numpy(), learnt.y.numpy())
    assert (found.fitted, found.rows) == (250, 250)
    assert found.metrics["accuracy"] == pytest.approx(model.score(test.x, test.y), abs=2 / 150)
    chances = model.predict_proba(test.x)[np.arange(150), test.y]
    assert found.metrics["log_loss"] == pytest.approx(-np.log(chances).mean(), rel=5e-3)


@pytest.mark.parametrize("scale", [None, Statistics(mean=(50.0,), std=(9.0,))])
def test_ridge_is_scikit_learns(tmp_path, scale):
    x = table(200, 5)
    y = 50.0 + x @ np.array([3.0, 1.0, 0.01, 2.0, 0.5]) + labels(200, 5)
    schema = write_prepared(tmp_path, x, y, test=60, target_scale=scale)
    learnt, test = parts(tmp_path, schema)
    found = baselines.linear(schema, learnt, test.x, test.y)
    train = read_split(tmp_path, schema, "train")
    predicted = Ridge(alpha=1.0).fit(train.x, train.y).predict(test.x)
    assert found.metrics["rmse"] == pytest.approx(np.sqrt(np.mean((predicted - test.y) ** 2)), rel=1e-3)


def test_the_majority_class_has_the_shares_as_probabilities(tmp_path):
    y = np.where(labels(300, 4) == 0, 1, 0) + (labels(300, 9, 2) == 0)
    schema = write_prepared(tmp_path, table(300), y, classes=LEAVES, test=100)
    learnt, test = parts(tmp_path, schema)
    found = baselines.constant(schema, learnt, test.y)
    model = DummyClassifier(strategy="prior").fit(learnt.x, learnt.y)
    assert found.metrics["accuracy"] == model.score(test.x, test.y)
    chances = model.predict_proba(test.x)[np.arange(100), test.y]
    assert found.metrics["log_loss"] == pytest.approx(-np.log(chances).mean(), rel=1e-9)
    assert found.metrics["roc_auc"] == 0.5


def test_the_mean_explains_nothing(tmp_path):
    schema = write_prepared(tmp_path, table(90), table(90)[:, 0], test=30)
    learnt, test = parts(tmp_path, schema)
    found = baselines.constant(schema, learnt, test.y)
    expected = np.sqrt(np.mean((learnt.y.numpy().mean(dtype=float) - test.y.astype(float)) ** 2))
    assert found.metrics["rmse"] == pytest.approx(expected, rel=1e-6)


def test_pictures_are_a_table_of_normalised_pixels(tmp_path):
    x, y = images(150, (1, 4, 4)), labels(150, 3)
    x[:, 0, 0, :3] = 0
    x[np.arange(150), 0, 0, y] = 255
    schema = write_prepared(tmp_path, x, y, classes=LEAVES, test=50)
    learnt, test = parts(tmp_path, schema)
    flat, _ = learnt.some(100)
    expected = learnt.normalise(learnt.x).reshape(100, -1)
    assert torch.equal(torch.from_numpy(flat), expected)
    assert baselines.linear(schema, learnt, test.x, test.y).metrics["accuracy"] > 0.9
    forest = trees.trees(schema, learnt, test.x, test.y, 1)
    assert forest.key == "forest"
    assert forest.metrics["accuracy"] > 0.9


def test_where_all_rows_take_too_long_a_part_of_them_is_named(tmp_path, monkeypatch):
    schema = write_prepared(tmp_path, table(100), labels(100, 3), classes=LEAVES, test=20)
    learnt, test = parts(tmp_path, schema)
    monkeypatch.setattr(baselines, "LINEAR_WORK", 40 * 4 * 3)
    found = baselines.linear(schema, learnt, test.x, test.y)
    assert found.told() == "logistic regression (40 of 80 rows)"


@pytest.mark.parametrize("classes", [(), LEAVES])
def test_boosting_learns_what_is_no_line(tmp_path, classes):
    x = table(600)
    step = (x[:, 0] > 0.2).astype(int) ^ (x[:, 1] > 2.0).astype(int)
    schema = write_prepared(tmp_path, x, step, classes=classes, test=200)
    learnt, test = parts(tmp_path, schema)
    boosted = trees.trees(schema, learnt, test.x, test.y, 1)
    line = baselines.linear(schema, learnt, test.x, test.y)
    assert boosted.key == "boosting"
    name, sign = ("accuracy", 1) if classes else ("rmse", -1)
    assert sign * boosted.metrics[name] > sign * line.metrics[name] + 0.1


def test_too_many_columns_for_simpler_models_are_told(tmp_path):
    schema = write_prepared(tmp_path, images(4, (3, 40, 40)), labels(4, 2), classes=LEAVES[:2])
    assert baselines.unfit_for_linear(schema) == "4,800 columns are more than 2,048"
    assert trees.unfit_for_trees(schema) == "4,800 columns are more than 4,096"
