"""Fitting the code of each column on the train split."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from reprise.data import normalise
from reprise.foundation.errors import UserError
from reprise.prepared.schema import Statistics
from reprise.settings.params import Csv
from reprise.tables.codes import Category, Code, Number, Presence, Unused, Values
from reprise.tables.dates import Date
from reprise.tables.texts import fit_text
from reprise.tables.types import Type

LISTED = 10_000  # categories of a column that are kept in memory and may be listed in the schema
TrainTexts = Callable[[int], Iterable[str]]
TrainColumn = Callable[[int], Values]  # column number → the values of its train rows, shape (rows,)


def fit(
    names: Sequence[str],
    types: Sequence[Type],
    train: TrainColumn,
    train_texts: TrainTexts,
    texts: Mapping[str, Mapping[int, str] | None],
    csv: Csv,
    how: normalise.How,
    row_numbers: Collection[str] = (),
) -> list[Code]:
    """Return a code for each column.

    Parameters
    ----------
    names, types : sequences, one entry a column
    train : function
        Gives the values (see `convert`) of a column's train rows; called once or twice a column, so that one
        column at a time is in memory.
    train_texts : function
        Gives the texts of a column of texts, one after the other, empty for missing.
    texts : mapping of str to mapping or None
        For each categorical column, the text of each hash; None when there are more than `LISTED`.
    csv : Csv
    how : {"feature", "global", "none"}
        How numbers are standardised.
    row_numbers : collection of str
        Columns that only number the rows.

    Raises
    ------
    UserError
        If numbers are too large to be standardised, or categories too many to be listed.
    """
    codes: list[Code] = []
    for number, (name, kind) in enumerate(zip(names, types, strict=True)):
        if name in row_numbers:
            codes.append(Unused(kind="row_number", name=name))
            continue
        if kind.kind == "text":
            codes.append(fit_text(name, train_texts(number), csv.text_terms))
            continue
        values = train(number)
        if kind.kind == "presence":
            codes.append(_presence(name, values))
        elif kind.kind == "categorical":
            codes.append(_category(name, values, texts[name], csv))
        elif kind.kind == "date":
            codes.append(_date(name, kind.form, values))
        else:
            codes.append(_number(name, kind, values))
    return _standardise(codes, train, how)


def _presence(name: str, values: Values) -> Code:
    missing = values == 0
    return Presence(kind="presence", name=name, missing=bool(missing.any() and not missing.all()))


def _number(name: str, kind: Type, values: Values) -> Code:
    absent = np.isnan(values)
    present = values[~absent]
    if len(present) == 0:
        return Unused(kind="empty", name=name)
    missing = bool(absent.any())
    if kind.kind == "boolean":
        fill = float(np.count_nonzero(present) * 2 > len(present))
        return Number(kind="boolean", name=name, fill=fill, missing=missing)
    fill = float(np.median(present))
    if not np.isfinite(fill):
        raise UserError(_too_large(name))
    return Number(kind="numeric", name=name, fill=fill, missing=missing)


def _date(name: str, form: str, values: Values) -> Code:
    if np.isnan(values).all():
        return Unused(kind="empty", name=name)
    return Date.fit(name, form, values)


def _category(name: str, values: Values, texts: Mapping[int, str] | None, csv: Csv) -> Code:
    hashes, counts = np.unique(values, return_counts=True)
    missing = bool(len(hashes) and hashes[0] == 0)
    hashes, counts = hashes[int(missing) :], counts[int(missing) :]
    if len(hashes) == 0:
        return Unused(kind="empty", name=name)
    few = len(hashes) <= csv.max_categories and texts is not None
    if not few and csv.many_categories == "hash":
        return Category(
            kind="categorical", name=name, code="hash", buckets=csv.max_categories, missing=missing
        )
    if texts is None:
        raise UserError(
            f"column {name!r}: more than {LISTED} different texts; set prepare.csv.many_categories to hash, "
            "or list the column in prepare.csv.drop"
        )
    share_of = {
        texts[number]: count / len(values)
        for number, count in zip(hashes.tolist(), counts.tolist(), strict=True)
    }
    categories = tuple(sorted(share_of))
    if few:
        return Category(kind="categorical", name=name, code="one_hot", categories=categories, missing=missing)
    shares = tuple(share_of[category] for category in categories)
    return Category(
        kind="categorical", name=name, code="frequency", categories=categories, shares=shares, missing=missing
    )


def _deviation(name: str, numbers: NDArray[np.float64]) -> Statistics:
    try:
        statistics = normalise.fit(numbers[:, None], "feature")
    except UserError:
        raise UserError(_too_large(name)) from None
    assert statistics is not None
    return statistics


def _standardise(codes: Sequence[Code], train: TrainColumn, how: normalise.How) -> list[Code]:
    if how == "none":
        return list(codes)
    shared = _global(codes, train) if how == "global" else None
    result: list[Code] = []
    for number, code in enumerate(codes):
        if isinstance(code, Number | Date) and code.kind != "boolean":
            one = shared or _deviation(code.name, code.numbers(train(number)))
            code = code.model_copy(update={"mean": one.mean[0], "std": one.std[0]})
        result.append(code)
    return result


def _global(codes: Sequence[Code], train: TrainColumn) -> Statistics | None:
    """Return one mean and deviation for all numbers, with one column at a time in memory."""
    scaled = [
        (number, code)
        for number, code in enumerate(codes)
        if isinstance(code, Number | Date) and code.kind != "boolean"
    ]
    if not scaled:
        return None
    total = squares = np.zeros(1)
    count, lowest, highest = 0, np.inf, -np.inf
    for number, code in scaled:
        numbers = code.numbers(train(number))
        total = normalise.running_sum(total, numbers[:, None])
        count += len(numbers)
        lowest, highest = min(lowest, numbers.min()), max(highest, numbers.max())
    mean = lowest if lowest == highest else float(total[0]) / count
    with np.errstate(over="ignore", invalid="ignore"):
        for number, code in scaled:
            deviations = code.numbers(train(number))[:, None] - mean
            squares = normalise.running_sum(squares, np.square(deviations))
            if not np.isfinite(squares[0]):
                raise UserError(_too_large(code.name))
    return Statistics(mean=(float(mean),), std=(math.sqrt(squares[0] / count) or 1.0,))


def _too_large(name: str) -> str:
    return f"column {name!r}: numbers too large to standardise; correct them, or list it in prepare.csv.drop"
