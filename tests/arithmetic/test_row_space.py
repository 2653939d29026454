"""Rows as coordinates in the space that they span: the same products, weights that give the same outputs."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression, Ridge
from torch import nn

from reprise.arithmetic.row_space import RowSpace
from reprise.model.tensors import Normaliser, Rows
from reprise.settings.params import Train
from reprise.training.exact import solve_model

AS_THEY_ARE = Normaliser(None, None)


def made(rows: int, columns: int, *, twins: bool = False) -> np.ndarray:
    x = np.random.default_rng(rows).normal(0.3, 1.0, (rows, columns)).astype(np.float32)
    if twins:
        x[1::3] = x[0]
        x[2] = 0.0
    return x


@pytest.mark.parametrize("twins", [False, True])
@pytest.mark.parametrize(("rows", "columns"), [(1, 3), (7, 40), (60, 61), (90, 300)])
def test_products_and_outputs_stay(rows: int, columns: int, twins: bool) -> None:
    x = made(rows, columns, twins=twins and rows > 2)
    space = RowSpace(x)
    coordinates = space.coordinates.astype(np.float64)
    assert np.triu(coordinates, 1).max(initial=0.0) == 0.0
    exact = x.astype(np.float64) @ x.T.astype(np.float64)
    assert coordinates @ coordinates.T == pytest.approx(exact, rel=1e-5, abs=1e-5 * exact.max())
    # Weights of a penalised model: a combination of the rows, which coordinates have too.
    shares = np.random.default_rng(1).normal(size=(2, rows))
    weights = space.weights(shares @ coordinates)
    assert x @ weights.T == pytest.approx(
        coordinates @ (shares @ coordinates).T, rel=1e-3, abs=1e-3 * exact.max()
    )
    assert (weights**2).sum() == pytest.approx(((shares @ coordinates) ** 2).sum(), rel=1e-3)


@pytest.mark.parametrize("held_out", [0, 12])
def test_solutions_are_scikit_learns(held_out: int) -> None:
    x, penalty = made(40, 200, twins=True), 0.1
    numbers = torch.arange(40) % 3
    y = x[:, 0] + 0.1 * numbers.numpy()
    others = Rows(torch.from_numpy(made(held_out, 200)), numbers[:held_out], AS_THEY_ARE)
    train = Train(optimizer="exact", weight_decay=penalty)
    model = nn.Sequential(nn.Linear(200, 1))
    values = Rows(torch.from_numpy(x), torch.from_numpy(y.astype(np.float32)), AS_THEY_ARE)
    solve_model(model, values, Rows(others.x, others.x[:, 0], AS_THEY_ARE), train)
    # The mean of squares with half a penalty beside their sum with a whole one.
    ridge = Ridge(alpha=penalty * 40 / 2, solver="cholesky").fit(x.astype(np.float64), y)
    assert model[0].weight.detach().numpy()[0] == pytest.approx(ridge.coef_, abs=1e-5)
    assert float(model[0].bias.detach()) == pytest.approx(ridge.intercept_, abs=1e-5)
    model = nn.Sequential(nn.Linear(200, 3))
    solve_model(model, Rows(torch.from_numpy(x), numbers, AS_THEY_ARE), others, train)
    logistic = LogisticRegression(C=1 / (penalty * 40), tol=1e-10, max_iter=10_000).fit(x, numbers)
    assert model[0].weight.detach().numpy() == pytest.approx(logistic.coef_, abs=1e-4)
