"""``prepare.dataset: own``: the rows that own/data.py makes, checked."""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from reprise.data.raw import Raw
from reprise.own.carried import code_to_carry
from reprise.own.code import load, loaded, project_code
from reprise.own.dataset import Dataset
from reprise.own.errors import telling
from reprise.own.inputs import PLACE, as_array, checked_inputs, refuse
from reprise.prepared.schema import OwnRows
from reprise.settings.params import Prepare

SIGNATURE = "rows(settings, seed)"


def own(params: Prepare) -> Raw:
    """Return the rows of ``rows(settings, seed)``.

    Raises
    ------
    UserError
        If the code fails, or gives anything but what `Dataset` says.
    """
    module = load(project_code(), "data", SIGNATURE)
    with telling(PLACE):
        made = module.rows(deepcopy(params.own), params.seed)
    if not isinstance(made, Dataset):
        kind = "None" if made is None else type(made).__name__
        _refuse(f"must return a Dataset of reprise.own.dataset, not {kind}")
    x = checked_inputs(made.x, "rows")
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
        own=OwnRows(settings=params.own, files=code_to_carry()) if hasattr(module, "encode") else None,
    )


def _targets(given: Any, classes: Sequence[str], rows: int) -> tuple[NDArray[Any], tuple[str, ...]]:
    """Return y as `Raw` has it, and the names of the classes; none for a regression."""
    y, names = as_array(given, "rows", "y"), tuple(map(str, classes))
    if y.shape != (rows,):
        _refuse(f"y must be of shape ({rows},), one target for each row of x; found {y.shape}")
    if len(set(names)) < len(names):
        _refuse("classes holds a name twice")
    if y.dtype.kind == "f":
        return _values(y, names), ()
    if y.dtype.kind in "UT":
        return _named(y.tolist(), names)
    if y.dtype.kind not in "iu":
        _refuse(f"y must be floats, whole numbers or texts; found {y.dtype}")
    names = names or tuple(map(str, range(max(0, int(y.max())) + 1)))
    if y.min() < 0 or y.max() >= len(names):
        _refuse(f"y holds {y.min()} to {y.max()}, but classes are 0 to {len(names) - 1}")
    return y.astype(np.int64), _two_or_more(names)


def _values(y: NDArray[Any], names: tuple[str, ...]) -> NDArray[np.float64]:
    if names:
        _refuse("y is floats, a regression, but classes are given; make y whole numbers or texts")
    with np.errstate(over="ignore"):
        bad = np.flatnonzero(~np.isfinite(y.astype(np.float32)))
    if len(bad):
        _refuse(f"y[{bad[0]}] is {y[bad[0]]}; {len(bad):,} targets are not finite as float32")
    return y.astype(np.float64)


def _named(y: list[str], names: tuple[str, ...]) -> tuple[NDArray[np.int64], tuple[str, ...]]:
    names = names or tuple(sorted(set(y)))
    unknown = sorted(set(y) - set(names))
    if unknown:
        _refuse(f"y holds {unknown[0]!r}, which is none of classes")
    number = {name: place for place, name in enumerate(names)}
    return np.array([number[name] for name in y], np.int64), _two_or_more(names)


def _two_or_more(names: tuple[str, ...]) -> tuple[str, ...]:
    if len(names) < 2:
        _refuse(f"y has one class alone, {names[0]!r}; there must be two or more")
    return names


def _columns(given: Sequence[str], count: int) -> tuple[str, ...]:
    names = tuple(map(str, given)) or tuple(f"x_{number}" for number in range(count))
    if len(names) != count or len(set(names)) < count:
        _refuse(f"columns must be {count} different names, one for each feature; found {len(set(names))}")
    return names


def _test(given: Any, rows: int) -> NDArray[np.bool_] | None:
    if given is None:
        return None
    test = as_array(given, "rows", "test")
    if test.dtype != np.bool_ or test.shape != (rows,):
        _refuse(f"test must be {rows} booleans, one for each row; found {test.dtype} of shape {test.shape}")
    if not test.any() or test.all():
        _refuse(f"test says {test.any()} for every row; leave it out, or choose some rows")
    return test


def _refuse(problem: str) -> NoReturn:
    refuse("rows", problem)
