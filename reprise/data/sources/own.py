"""``prepare.dataset: own``: the rows that own/data.py makes, checked."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from reprise.data.raw import Raw
from reprise.foundation.errors import UserError
from reprise.own.code import load, loaded, project_code
from reprise.own.dataset import Dataset
from reprise.own.errors import telling
from reprise.settings.params import Prepare

SIGNATURE = "rows(settings, seed)"
PLACE = "own/data.py"
MOST = 2**24  # up to here every whole number is a float32


def own(params: Prepare) -> Raw:
    """Return the rows of ``rows(settings, seed)``.

    Raises
    ------
    UserError
        If the code fails, or gives anything but what `Dataset` says.
    """
    module = load(project_code(), "data", SIGNATURE)
    with telling(PLACE):
        made = module.rows(dict(params.own), params.seed)
    if not isinstance(made, Dataset):
        _refuse(f"must return a Dataset of reprise.own.dataset, not {_kind(made)}")
    x = _inputs(made.x)
    images = x.ndim == 4
    if images and made.columns:
        _refuse("columns are of a table, but x is images; leave them out")
    if params.flatten and not images:
        _refuse("its rows are a table already; set prepare.flatten to false")
    y, classes = _targets(made.y, made.classes, len(x))
    return Raw(
        x=x,
        y=y,
        columns=() if images else _columns(made.columns, x.shape[1]),
        target=str(made.target),
        classes=classes,
        task="classification" if classes else "regression",
        layout="images" if images else "table",
        official_test=_test(made.test, len(x)),
        source=str(made.source),
        licence=str(made.licence),
        raw={f"own/{name}": digest for name, digest in loaded().digests().items()},
    )


def _inputs(given: Any) -> NDArray[Any]:
    """Return x as `Raw` has it: float64, int64 or, for images, uint8."""
    x = _array(given, "x")
    if x.dtype == np.uint8 and x.ndim == 4:
        made: NDArray[Any] = x
    elif x.ndim == 2 and x.dtype.kind in "iu":
        made = x.astype(np.int64)
        if len(x) and max(-int(x.min()), int(x.max())) > MOST:
            _refuse(f"x: whole numbers must lie between -{MOST:,} and {MOST:,}; make larger ones floats")
    elif x.ndim == 2 and x.dtype.kind == "f":
        made = x.astype(np.float64)
        bad = np.argwhere(~np.isfinite(made))
        if len(bad):
            row, column = bad[0]
            _refuse(f"x[{row}, {column}] is {made[row, column]}; {len(bad):,} values are not finite")
    else:
        _refuse(
            "x must be (rows, features) of floats or whole numbers, or (rows, channels, height, width) of "
            f"uint8; found {x.dtype} of shape {x.shape}"
        )
    if 0 in made.shape:
        _refuse(f"x is empty: its shape is {made.shape}")
    return made


def _targets(given: Any, classes: Sequence[str], rows: int) -> tuple[NDArray[Any], tuple[str, ...]]:
    """Return y as `Raw` has it, and the names of the classes; none for a regression."""
    y = _array(given, "y")
    if y.shape != (rows,):
        _refuse(f"y must be of shape ({rows},), one target for each row of x; found {y.shape}")
    names = tuple(map(str, classes))
    if len(set(names)) < len(names):
        _refuse("classes holds a name twice")
    if y.dtype.kind == "f":
        if names:
            _refuse("y is floats, a regression, but classes are given; make y whole numbers or texts")
        bad = np.flatnonzero(~np.isfinite(y.astype(np.float32)))
        if len(bad):
            _refuse(f"y[{bad[0]}] is {y[bad[0]]}; {len(bad):,} targets are not finite as float32")
        return y.astype(np.float64), ()
    if y.dtype.kind in "UT":
        found = set(y.tolist())
        names = names or tuple(sorted(found))
        unknown = sorted(found - set(names))
        if unknown:
            _refuse(f"y holds {unknown[0]!r}, which is none of classes")
        number = {name: place for place, name in enumerate(names)}
        numbers = np.array([number[name] for name in y.tolist()], np.int64)
    elif y.dtype.kind in "iu":
        numbers = y.astype(np.int64)
        names = names or tuple(map(str, range(int(numbers.max()) + 1)))
        if numbers.min() < 0 or numbers.max() >= len(names):
            _refuse(f"y holds {numbers.min()} to {numbers.max()}, but classes are 0 to {len(names) - 1}")
    else:
        _refuse(f"y must be floats, whole numbers or texts; found {y.dtype}")
    if len(names) < 2:
        _refuse(f"y has one class alone, {names[0]!r}; there must be two or more")
    return numbers, names


def _columns(given: Sequence[str], count: int) -> tuple[str, ...]:
    names = tuple(map(str, given)) or tuple(f"x_{number}" for number in range(count))
    if len(names) != count or len(set(names)) < count:
        _refuse(f"columns must be {count} different names, one for each feature; found {len(set(names))}")
    return names


def _test(given: Any, rows: int) -> NDArray[np.bool_] | None:
    if given is None:
        return None
    test = _array(given, "test")
    if test.dtype != np.bool_ or test.shape != (rows,):
        _refuse(f"test must be {rows} booleans, one for each row; found {test.dtype} of shape {test.shape}")
    if not test.any() or test.all():
        _refuse(f"test says {test.any()} for every row; leave it out, or choose some rows")
    return test


def _array(given: Any, name: str) -> NDArray[Any]:
    try:
        array = np.asarray(given)
    except (ValueError, TypeError) as error:
        _refuse(f"{name} can't be made an array ({' '.join(str(error).split())})")
    if array.dtype.kind == "O" and array.ndim == 1 and all(isinstance(value, str) for value in array):
        return array.astype(np.str_)  # a pandas column of texts
    return array


def _kind(value: object) -> str:
    return "None" if value is None else type(value).__name__


def _refuse(problem: str) -> NoReturn:
    raise UserError(f"{PLACE}: rows: {problem}")
