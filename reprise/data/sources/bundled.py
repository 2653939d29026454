"""Datasets that come inside the scikit-learn package.

Its data files are read where they lie: importing scikit-learn's loaders would take seconds, and reading
the files needs none of it. Their SHA-256 is checked, so another version's data can't slip in.
"""

from __future__ import annotations

import gzip
import importlib.util
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from reprise.data.raw import Raw
from reprise.foundation.errors import EnvironmentProblem
from reprise.foundation.files import sha256_bytes

SHA256 = {
    "iris.csv": "f13ffa8fdd56fd8e6c8d16d4081a3fbd3114bcd0aae4256c43205169cd9d1449",
    "breast_cancer.csv": "fed3eb72d0575ef6192293f5093c6e801b1476b577d0386bf4455504522172ed",
    "diabetes_data_raw.csv.gz": "7fc0ded571454b1982210d3bb43f0aca44eae01a0b8654a3b24022bdb6b38009",
    "diabetes_target.csv.gz": "8e53f65eb811df43c206f3534bb3af0e5fed213bc37ed6ba36310157d6023803",
    "digits.csv.gz": "09f66e6debdee2cd2b5ae59e0d6abbb73fc2b0e0185d2e1957e9ebb51e23aa22",
}
IRIS = ("sepal length (cm)", "sepal width (cm)", "petal length (cm)", "petal width (cm)")
CELL = (
    "radius", "texture", "perimeter", "area", "smoothness",
    "compactness", "concavity", "concave points", "symmetry", "fractal dimension",
)  # fmt: skip
CELLS = (
    *(f"mean {name}" for name in CELL),
    *(f"{name} error" for name in CELL),
    *(f"worst {name}" for name in CELL),
)
BODY = ("age", "sex", "bmi", "bp", "s1", "s2", "s3", "s4", "s5", "s6")
UCI = "CC BY 4.0 (UCI Machine Learning Repository)"


def iris() -> Raw:
    """Return Fisher's iris data: 150 flowers, 4 lengths in cm, 3 species."""
    classes, rows = _table_with_header("iris.csv")
    return Raw(
        x=rows[:, :-1],
        y=rows[:, -1].astype(np.int64),
        columns=IRIS,
        target="species",
        classes=classes,
        task="classification",
        layout="table",
        official_test=None,
        source="Iris (R. A. Fisher, 1936), as packaged with scikit-learn",
        licence=UCI,
        raw=_hashes("iris.csv"),
    )


def breast_cancer() -> Raw:
    """Return the Wisconsin diagnostic data: 569 samples, 30 features of cell nuclei, 2 diagnoses."""
    classes, rows = _table_with_header("breast_cancer.csv")
    return Raw(
        x=rows[:, :-1],
        y=rows[:, -1].astype(np.int64),
        columns=CELLS,
        target="diagnosis",
        classes=classes,
        task="classification",
        layout="table",
        official_test=None,
        source="Breast Cancer Wisconsin, Diagnostic (W. H. Wolberg, W. N. Street, O. L. Mangasarian, 1995), "
        "as packaged with scikit-learn",
        licence=UCI,
        raw=_hashes("breast_cancer.csv"),
    )


def diabetes() -> Raw:
    """Return the diabetes data in its own units: 442 patients, 10 features, the disease's progression."""
    names = ("diabetes_data_raw.csv.gz", "diabetes_target.csv.gz")
    x, y = (np.array([line.split() for line in _lines(name)], np.float64) for name in names)
    return Raw(
        x=x,
        y=y[:, 0],
        columns=BODY,
        target="progression",
        classes=(),
        task="regression",
        layout="table",
        official_test=None,
        source="Diabetes (B. Efron, T. Hastie, I. Johnstone, R. Tibshirani: Least Angle Regression, 2004), "
        "as packaged with scikit-learn",
        licence="none stated by its authors; distributed with scikit-learn (BSD-3-Clause)",
        raw=_hashes(*names),
    )


def digits() -> Raw:
    """Return 1797 handwritten digits of 8×8 pixels with the values 0 … 16."""
    rows = np.array([line.split(",") for line in _lines("digits.csv.gz")], np.float64)
    return Raw(
        x=rows[:, :-1].astype(np.uint8).reshape(-1, 1, 8, 8),
        y=rows[:, -1].astype(np.int64),
        columns=(),
        target="digit",
        classes=tuple(map(str, range(10))),
        task="classification",
        layout="images",
        official_test=None,
        source="Optical Recognition of Handwritten Digits (E. Alpaydin, C. Kaynak, 1998), "
        "its test set as packaged with scikit-learn",
        licence=UCI,
        raw=_hashes("digits.csv.gz"),
    )


def _table_with_header(name: str) -> tuple[tuple[str, ...], NDArray[np.float64]]:
    """Return the class names and the numbers of a file that starts with ``rows,features,class,class,…``."""
    header, *lines = _lines(name)
    return tuple(header.split(",")[2:]), np.array([line.split(",") for line in lines], np.float64)


def _lines(name: str) -> list[str]:
    data = _read(name)
    text = gzip.decompress(data) if name.endswith(".gz") else data
    return text.decode("utf-8").splitlines()


def _read(name: str) -> bytes:
    spec = importlib.util.find_spec("sklearn")  # finds the package without importing it
    if spec is None or not spec.submodule_search_locations:
        raise EnvironmentProblem("scikit-learn is not installed; run make env")
    path = Path(spec.submodule_search_locations[0], "datasets", "data", name)
    try:
        data = path.read_bytes()
    except OSError as error:
        raise EnvironmentProblem(f"{path}: {error.strerror}; install scikit-learn again (make env)") from None
    if sha256_bytes(data) != SHA256[name]:
        raise EnvironmentProblem(
            f"{path}: is not the file that Reprise knows (its SHA-256 differs); install the locked "
            "scikit-learn (make env)"
        )
    return data


def _hashes(*names: str) -> dict[str, str]:
    return {name: SHA256[name] for name in names}
