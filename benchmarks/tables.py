"""The tables that models.py compares models on: scikit-learn's, and made ones of many kinds."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import pandas as pd
from sklearn import datasets


class Table(NamedTuple):
    """A table with its target in the column ``target``."""

    frame: pd.DataFrame
    regression: bool


def _frame(x: np.ndarray, y: np.ndarray, *, regression: bool) -> Table:
    columns = {f"x{number}": x[:, number] for number in range(x.shape[1])}
    target = y if regression else np.array([f"class {label}" for label in y])
    return Table(pd.DataFrame({**columns, "target": target}), regression)


def _bundled(load: Callable[..., tuple[np.ndarray, np.ndarray]], *, regression: bool = False) -> Table:
    return _frame(*load(return_X_y=True), regression=regression)


def shop(rows: int, *, regression: bool) -> Table:
    """Categories, missing cells, skewed numbers and thresholds, as tables at work have them."""
    random = np.random.default_rng(rows)
    town = random.choice(list("abcdefghijkl"), rows, p=np.arange(12, 0, -1) / 78)
    kind = random.choice(["new", "old", "used"], rows)
    price, age = random.lognormal(3, 1, rows), random.integers(0, 90, rows).astype(float)
    area, noise = random.gamma(2, 30, rows), random.normal(size=(rows, 3))
    value = (
        2 * np.log(price) + (age > 40) * (kind == "old") - 0.02 * np.abs(age - 35) + 0.01 * area
        + np.array([ord(letter) % 5 for letter in town]) * 0.4 + noise[:, 0] * 0.5
    )  # fmt: skip
    frame = pd.DataFrame({
        "town": town, "kind": kind, "price": price.round(2), "age": age, "area": area.round(1),
        "other": noise[:, 1], "one_more": noise[:, 2],
    })  # fmt: skip
    frame.loc[random.random(rows) < 0.1, "age"] = np.nan
    frame.loc[random.random(rows) < 0.05, "kind"] = None
    frame["target"] = value if regression else np.where(value > np.median(value), "high", "low")
    return Table(frame, regression)


def steps(rows: int, columns: int) -> Table:
    """A sum of steps along the axes, which trees are made for, with columns that say nothing."""
    random = np.random.default_rng(3)
    x = random.uniform(size=(rows, columns))
    y = 3 * (x[:, 0] > 0.5) + 2 * (x[:, 1] > 0.3) * (x[:, 2] > 0.6) - (x[:, 3] < 0.2)
    return _frame(x, y + random.normal(scale=0.5, size=rows), regression=True)


TABLES: dict[str, Callable[[], Table]] = {
    "iris, 150": lambda: _bundled(datasets.load_iris),
    "wine, 178": lambda: _bundled(datasets.load_wine),
    "breast_cancer, 569": lambda: _bundled(datasets.load_breast_cancer),
    "digits, 1,797": lambda: _bundled(datasets.load_digits),
    "diabetes, 442": lambda: _bundled(datasets.load_diabetes, regression=True),
    "informative few, 1,000": lambda: _frame(
        *datasets.make_classification(1000, 20, n_informative=5, n_classes=3, flip_y=0.05, random_state=1),
        regression=False,
    ),
    "gaussian rings, 1,500": lambda: _frame(
        *datasets.make_gaussian_quantiles(n_samples=1500, n_features=8, n_classes=3, random_state=1),
        regression=False,
    ),
    "hastie, 4,000": lambda: _frame(*datasets.make_hastie_10_2(4000, random_state=1), regression=False),
    "friedman1, 500": lambda: _frame(
        *datasets.make_friedman1(500, 10, noise=1.0, random_state=1), regression=True
    ),
    "friedman2, 1,000": lambda: _frame(
        *datasets.make_friedman2(1000, noise=100.0, random_state=1), regression=True
    ),
    "friedman3, 1,500": lambda: _frame(
        *datasets.make_friedman3(1500, noise=0.1, random_state=1), regression=True
    ),
    "sparse linear, 300": lambda: _frame(
        *datasets.make_regression(300, 50, n_informative=8, noise=20.0, random_state=1), regression=True
    ),
    "steps, 5,000": lambda: steps(5000, 12),
    "shop prices, 2,000": lambda: shop(2000, regression=True),
    "shop classes, 3,000": lambda: shop(3000, regression=False),
    "shop prices, 20,000": lambda: shop(20_000, regression=True),
    "shop classes, 10,000": lambda: shop(10_000, regression=False),
}
