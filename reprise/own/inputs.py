"""The arrays that own/data.py gives, checked."""

from __future__ import annotations

from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from reprise.foundation.errors import UserError

PLACE = "own/data.py"
MOST = 2**24  # up to here every whole number is a float32


def refuse(function: str, problem: str) -> NoReturn:
    """Raise the error of a function of own/data.py."""
    raise UserError(f"{PLACE}: {function}: {problem}")


def as_array(given: Any, function: str, name: str) -> NDArray[Any]:
    """Return what a function gives under a name as an array."""
    try:
        array = np.asarray(given)
    except (ValueError, TypeError) as error:
        refuse(function, f"{name} can't be made an array ({' '.join(str(error).split())})")
    if array.dtype.kind == "O" and array.ndim == 1 and all(isinstance(value, str) for value in array):
        return array.astype(np.str_)  # a pandas column of texts
    return array


def checked_inputs(given: Any, function: str) -> NDArray[Any]:
    """Return x as prepare takes it: float64 or int64, two axes, or uint8, four axes.

    Raises
    ------
    UserError
    """
    x = as_array(given, function, "x")
    if 0 in x.shape:
        refuse(function, f"x is empty: its shape is {x.shape}")
    if x.dtype == np.uint8 and x.ndim == 4:
        return x
    if x.ndim == 2 and x.dtype.kind in "iu":
        if max(-int(x.min()), int(x.max())) > MOST:
            refuse(function, f"x: whole numbers must lie from -{MOST:,} to {MOST:,}; make larger ones floats")
        return x.astype(np.int64)
    if x.ndim == 2 and x.dtype.kind == "f":
        bad = np.argwhere(~np.isfinite(x.astype(np.float64)))
        if len(bad):
            row, column = bad[0]
            refuse(function, f"x[{row}, {column}] is {x[row, column]}; {len(bad):,} values are not finite")
        return x.astype(np.float64)
    refuse(
        function,
        "x must be (rows, features) of floats or whole numbers, or (rows, channels, height, width) of uint8; "
        f"found {x.dtype} of shape {x.shape}",
    )
