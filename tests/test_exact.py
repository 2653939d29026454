"""Linear models, solved: beside scikit-learn's, and where there is no single best one."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from sklearn.datasets import load_breast_cancer, load_diabetes, load_iris
from sklearn.linear_model import LogisticRegression, LogisticRegressionCV, Ridge, RidgeCV
from tiny import CPU, schema_of
from torch import nn

from reprise.arithmetic.linear_solver import LinearProblem, solve
from reprise.model.architectures import build
from reprise.model.losses import loss_sum
from reprise.model.tensors import Rows, normaliser
from reprise.settings.params import Model, Train
from reprise.training.exact import FOLDS, WEIGHT_DECAYS, solve_model

Array = NDArray[Any]


def standardised(x: Array) -> NDArray[np.float32]:
    std = x.std(0)
    return ((x - x.mean(0)) / np.where(std == 0, 1, std)).astype(np.float32)


def rows_of(x: Array, y: Array, classes: int) -> Rows:
    schema = schema_of((x.shape[1],), classes)
    target = y.astype(np.int64 if classes else np.float32)
    return Rows(torch.from_numpy(x.astype(np.float32)), torch.from_numpy(target), normaliser(schema, CPU))


def solved(
    x: Array, y: Array, classes: int = 0, outputs: str = "per_class", val: Rows | None = None, **train: Any
) -> tuple[nn.Module, Array, Array, float]:
    """Return the model, its weights and biases in 64 bits, and the weight decay."""
    schema = schema_of((x.shape[1],), classes)
    model = build(Model(kind="linear", outputs=outputs), schema, 1)  # type: ignore[arg-type]
    rows, none = rows_of(x, y, classes), rows_of(x[:0], y[:0], classes)
    found = solve_model(model, rows, val or none, Train(optimizer="exact", **train))
    weight, bias = (p.detach().numpy().astype(np.float64) for p in model.parameters())
    return model, weight, bias, found.weight_decay


# Beside scikit-learn, whose penalties are alpha |w|² beside a sum and |w|² / 2 beside C times a sum


@pytest.mark.parametrize("decay", [1e-4, 0.01, 1.0])
def test_numbers_get_ridges_weights(decay: float) -> None:
    x, y = load_diabetes(return_X_y=True)
    x = standardised(x) + np.float32(3)  # the bias is not what it is for centred columns
    _, weight, bias, _ = solved(x, y / 100, weight_decay=decay)
    theirs = Ridge(alpha=decay * len(y) / 2).fit(x.astype(np.float64), (y / 100).astype(np.float32))
    assert weight[0] == pytest.approx(theirs.coef_, abs=1e-5)
    assert bias[0] == pytest.approx(theirs.intercept_, abs=1e-5)


@pytest.mark.parametrize("decay", [1e-3, 0.01, 1.0])
def test_classes_get_logistic_regressions_weights(decay: float) -> None:
    x, y = load_iris(return_X_y=True)
    x = standardised(x)
    _, weight, bias, _ = solved(x, y, 3, weight_decay=decay)
    theirs = LogisticRegression(C=1 / (decay * len(y)), tol=1e-9, max_iter=10_000).fit(
        x.astype(np.float64), y
    )
    assert weight == pytest.approx(theirs.coef_, abs=1e-5)
    assert bias == pytest.approx(theirs.intercept_, abs=1e-5)


def test_a_single_output_gets_logistic_regressions_weights() -> None:
    x, y = load_breast_cancer(return_X_y=True)
    x = standardised(x).astype(np.float64)
    _, weight, bias, _ = solved(x, y, 2, "single", weight_decay=0.01)
    theirs = LogisticRegression(C=1 / (0.01 * len(y)), tol=1e-9, solver="newton-cholesky").fit(
        x.astype(np.float64), y
    )
    assert weight == pytest.approx(theirs.coef_, abs=1e-5)
    assert bias == pytest.approx(theirs.intercept_, abs=1e-5)


@pytest.mark.parametrize(("classes", "outputs"), [(3, "per_class"), (2, "per_class"), (2, "single"), (0, "")])
@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_torchs_gradient_vanishes_there(classes: int, outputs: str, smoothing: float) -> None:
    """Of the loss that is trained on otherwise, label smoothing included."""
    rng = np.random.default_rng(3)
    x = rng.standard_normal((200, 7))
    y = rng.integers(0, classes, 200) if classes else x[:, 0] + rng.standard_normal(200)
    smoothing *= classes > 0
    model, *_ = solved(x, y, classes, outputs or "per_class", weight_decay=0.02, label_smoothing=smoothing)
    rows, double = rows_of(x, y, classes), model.double()
    target = rows.y if classes else rows.y.double()
    loss = loss_sum(double(rows.x.double()), target, smoothing) / len(rows)
    loss = loss + 0.02 / 2 * double[1].weight.square().sum()  # type: ignore[index, union-attr, operator]
    loss.backward()
    assert max(float(p.grad.abs().max()) for p in double.parameters() if p.grad is not None) < 1e-6


# Small tables


def table(rows: int, columns: int, noise: float, seed: int) -> tuple[Array, Array]:
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((rows + 500, columns))
    return x.astype(np.float32), x @ rng.standard_normal(columns) + noise * rng.standard_normal(rows + 500)


@pytest.mark.parametrize(("columns", "noise"), [(10, 3.0), (10, 0.3), (40, 1.0)])
def test_28_rows_predict_as_well_as_with_ridge_cv(columns: int, noise: float) -> None:
    ours, theirs = [], []
    for seed in range(10):
        x, y = table(28, columns, noise, seed)
        y = (y - y[:28].mean()) / y[:28].std()
        _, weight, bias, _ = solved(x[:28], y[:28], weight_decay="auto")
        other = RidgeCV(np.logspace(-3, 3, 13)).fit(x[:28], y[:28])
        ours.append(((x[28:] @ weight[0] + bias[0] - y[28:]) ** 2).mean())
        theirs.append(((other.predict(x[28:]) - y[28:]) ** 2).mean())
    assert np.mean(ours) < 1.1 * np.mean(theirs)


def test_28_rows_of_classes_predict_as_well_as_with_logistic_regression_cv() -> None:
    ours, theirs = [], []
    for seed in range(5):
        x, y = table(28, 10, 2.0, seed)
        label = (y > 0).astype(np.int64)
        model, *_ = solved(x[:28], label[:28], 2, weight_decay="auto")
        other = LogisticRegressionCV(
            max_iter=5000, scoring="neg_log_loss", l1_ratios=(0,), use_legacy_attributes=False
        ).fit(x[:28], label[:28])
        rows = rows_of(x[28:], label[28:], 2)
        ours.append(loss_sum(model(rows.x), rows.y).item() / len(rows))
        theirs.append(-np.log(other.predict_proba(x[28:])[np.arange(500), label[28:]]).mean())
    assert np.mean(ours) < 1.05 * np.mean(theirs)


def test_more_columns_than_rows_give_the_smallest_weights_that_fit() -> None:
    x, y = table(28, 60, 0.5, 1)
    x, y = standardised(x[:28]), y[:28]
    _, weight, bias, _ = solved(x, y)
    smallest = np.linalg.pinv(x.astype(np.float64), rcond=1e-6) @ (y - y.mean())
    assert weight[0] == pytest.approx(smallest, abs=1e-4)
    assert x @ weight[0] + bias[0] == pytest.approx(y, abs=1e-4)


# No single best model


def test_equal_columns_share_a_weight_and_constant_ones_have_none() -> None:
    rng = np.random.default_rng(2)
    x = rng.standard_normal((100, 1))
    all_columns = np.hstack([x, x, np.full((100, 1), 1e6 / 3), 2 * x])
    _, weight, bias, _ = solved(all_columns, 4 * x[:, 0] + 1)
    assert weight[0, 2] == 0
    assert weight[0, 0] == pytest.approx(weight[0, 1], rel=1e-5)
    assert weight[0] @ [1, 1, 0, 2] == pytest.approx(4, abs=1e-5)
    assert bias[0] == pytest.approx(1, abs=1e-5)
    _, weight, *_ = solved(
        all_columns, (x[:, 0] > 0) ^ (rng.random(100) < 0.2), 2, "single", weight_decay=0.1
    )
    assert weight[0, 2] == 0
    assert weight[0, 0] == pytest.approx(weight[0, 1], rel=1e-6)


@pytest.mark.parametrize("outputs", ["per_class", "single"])
def test_classes_that_nothing_mixes_end_in_finite_weights(outputs: str) -> None:
    x = np.linspace(-1, 1, 20)[:, None]
    y = x[:, 0] > 0
    model, weight, *_ = solved(x, y, 2, outputs)
    assert np.isfinite(weight).all()
    rows = rows_of(x, y, 2)
    assert loss_sum(model(rows.x), rows.y).item() < 1e-4


def test_a_class_without_rows_becomes_improbable() -> None:
    x, y = load_iris(return_X_y=True)
    x = standardised(x)
    model, *_ = solved(x, y + (y > 0), 4, weight_decay=0.01)
    theirs = LogisticRegression(C=1 / (0.01 * len(y)), tol=1e-9, max_iter=10_000).fit(x.astype(np.float64), y)
    found = torch.softmax(model(rows_of(x, y, 4).x), 1).detach().numpy()
    assert found[:, 1].max() < 1e-6
    assert found[:, [0, 2, 3]] == pytest.approx(theirs.predict_proba(x), abs=1e-4)


def test_columns_on_any_scale_are_solved() -> None:
    rng = np.random.default_rng(5)
    x = np.hstack([rng.standard_normal((200, 1)) * 1e-6, 1e6 + rng.standard_normal((200, 1))])
    y = 1e6 * x[:, 0] + (x.astype(np.float32)[:, 1].astype(np.float64) - 1e6)
    _, weight, *_ = solved(x, y)
    assert weight[0] == pytest.approx([1e6, 1.0], rel=1e-4)


# The choice of the weight decay


def test_noise_is_shrunk_and_certainty_is_not() -> None:
    x, y = table(60, 5, 0.0, 1)
    assert solved(x[:60], y[:60], weight_decay="auto")[-1] == min(WEIGHT_DECAYS)
    noise = np.random.default_rng(1).standard_normal(60)
    assert solved(x[:60], noise, weight_decay="auto")[-1] >= 1


def test_a_large_validation_split_decides() -> None:
    x, y = table(60, 5, 0.0, 1)
    other = rows_of(x[100:250], np.zeros(150), 0)  # there, what was learnt is of no use
    assert solved(x[:60], y[:60], val=other, weight_decay="auto")[-1] == max(WEIGHT_DECAYS)
    few = rows_of(x[100:110], np.zeros(10), 0)
    assert solved(x[:60], y[:60], val=few, weight_decay="auto")[-1] == min(WEIGHT_DECAYS)


@pytest.mark.parametrize("rows", [2, 5, FOLDS])
def test_few_rows_are_enough(rows: int) -> None:
    x, y = table(rows, 3, 1.0, 2)
    assert np.isfinite(solved(x[:rows], y[:rows], weight_decay="auto")[1]).all()


def test_ten_thousand_rows_of_a_hundred_columns_take_less_than_two_seconds() -> None:
    rng = np.random.default_rng(1)
    x = rng.standard_normal((10_000, 100)).astype(np.float32)
    outputs = x @ rng.standard_normal((100, 10)) + 5 * rng.gumbel(size=(10_000, 10))
    start = time.process_time()
    problem = LinearProblem(x, outputs.argmax(1), 0, 10, 0.0)
    assert solve(problem, 1e-4).steps > 5
    assert time.process_time() - start < 2
