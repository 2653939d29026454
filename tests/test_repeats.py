"""Equal rows of a file: judged by their cells as they stand, and told apart from what chance repeats."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from csv_tables import prepare_table
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from reprise.data.fingerprints import cell_hashes, row_hashes
from reprise.data.repeats import SLACK, RawRows, equal_pairs
from reprise.foundation.files import read_json
from reprise.settings.params import Split


def rows_of(table: np.ndarray) -> RawRows:
    x = np.asarray(table).astype(np.int64).view(np.uint64)
    return RawRows(x.shape[1], lambda number: x[:, number], len(x))


# ---- figures


@settings(max_examples=100, deadline=None)
@given(hnp.arrays(np.uint64, hnp.array_shapes(min_dims=2, max_dims=2, min_side=0, max_side=20)))
def test_cells_add_up_to_rows(x: np.ndarray) -> None:
    total = np.zeros(len(x), np.uint64)
    for number in range(x.shape[1]):
        total += cell_hashes(x[:, number], number)
    assert np.array_equal(total, row_hashes(x))


@settings(max_examples=100, deadline=None)
@given(st.lists(st.integers(0, 2**64 - 1) | st.integers(0, 5)))
def test_pairs_of_equal_words(words: list[int]) -> None:
    expected = sum(count * (count - 1) // 2 for count in Counter(words).values())
    assert equal_pairs(np.array(words, np.uint64)) == expected


@settings(max_examples=50, deadline=None)
@given(hnp.arrays(np.int64, st.tuples(st.integers(1, 30), st.integers(1, 4)), elements=st.integers(-1, 2)))
def test_equal_rows_have_equal_keys(x: np.ndarray) -> None:
    keys = rows_of(x).keys
    same = (x[:, None] == x[None]).all(axis=2)
    assert np.array_equal(keys[:, None] == keys[None], same)


@pytest.mark.parametrize(("columns", "values"), [(3, 12), (5, 5), (8, 3)])
def test_the_estimate_for_independent_columns_is_the_birthday_problems(columns: int, values: int) -> None:
    generator = np.random.default_rng(columns)
    rows = 3000
    x = generator.integers(0, values, (rows, columns))
    assert rows_of(x).expected() == pytest.approx(rows * (rows - 1) / 2 / values**columns, rel=0.25)


def test_the_estimate_by_its_definition() -> None:
    x = np.random.default_rng(0).integers(0, 3, (60, 4))
    pairs = [x[a] != x[b] for a in range(60) for b in range(a)]
    alone = [sum(pair[c] and pair.sum() == 1 for pair in pairs) for c in range(4)]
    c, d = sorted(range(4), key=lambda number: -alone[number])[:2]
    both = sum(pair[c] and pair[d] and pair.sum() == 2 for pair in pairs)
    assert rows_of(x).expected() == pytest.approx(alone[c] * alone[d] / both)


# ---- what is chance and what is not


def correlated(seed: int, columns: int, rows: int, rho: float, scale: float) -> np.ndarray:
    generator = np.random.default_rng(seed)
    covariance = np.full((columns, columns), rho) + np.eye(columns) * (1 - rho)
    return np.round(generator.multivariate_normal(np.zeros(columns), covariance, rows) * scale)


@pytest.mark.parametrize("rho", [0.0, 0.5, 0.9, 0.97])
@pytest.mark.parametrize("scale", [1, 2, 4])
@pytest.mark.parametrize("columns", [3, 5, 8])
def test_coarse_tables_repeat_themselves(columns: int, scale: float, rho: float) -> None:
    x = correlated(1, columns, 2000, rho, scale)
    assert rows_of(x).repeats_are_chance()


@pytest.mark.parametrize("rho", [0.0, 0.9])
@pytest.mark.parametrize("copies", [1, 20, 1000])
def test_copies_in_a_finer_table_are_no_chance(copies: int, rho: float) -> None:
    x = correlated(2, 6, 1000, rho, 50)
    assert rows_of(x).repeats_are_chance()  # there are none
    assert not rows_of(np.vstack([x, x[:copies]])).repeats_are_chance()


def test_many_copies_in_a_coarse_table_are_no_chance() -> None:
    x = correlated(3, 5, 3000, 0.5, 4)
    natural = equal_pairs(rows_of(x).keys)
    assert natural > 5
    assert rows_of(x).repeats_are_chance()
    copies = x[: SLACK * 2 * natural]
    assert not rows_of(np.vstack([x, copies])).repeats_are_chance()


def test_one_column_and_no_rows() -> None:
    assert rows_of(np.zeros((5, 1))).repeats_are_chance()
    assert rows_of(np.zeros((0, 3))).repeats_are_chance()


# ---- rows of a file


def found(folder: Path) -> dict[str, dict[str, Any]]:
    findings = read_json(folder / "prepared" / "checks.json")["findings"]
    return {finding["check"]: finding for finding in findings if finding["affected"]}


def test_dates_of_one_month_are_not_equal(tmp_path: Path) -> None:
    days = pd.date_range("2024-01-01", periods=400, freq="13h")
    rows = [f"{day:%Y-%m-%d %H:%M},{'pq'[n % 2]},{'ab'[n * n % 3 % 2]}" for n, day in enumerate(days)]
    prepare_table(tmp_path, "\n".join(["day,c,y", *rows]))
    assert not {"duplicates_across", "duplicates_inside", "contradicting_labels"} & found(tmp_path).keys()
    prepare_table(tmp_path, "\n".join(["day,c,y", *rows, *rows[:100]]))
    assert found(tmp_path)["duplicates_across"]["level"] == "serious"


def test_minutes_seconds_and_large_numbers_tell_rows_apart(tmp_path: Path) -> None:
    for cells in (
        [f"2024-05-05 10:{n:02}" for n in range(60)],
        [f"2024-05-05 10:30:{n:02}" for n in range(60)],
        [f"{16777216 * 1000 + n}" for n in range(60)],  # equal as float32
        [f"text {n}" for n in range(60)],  # hashed into fewer features
    ):
        rows = [f"{cell},{7 * n % 5},{'ab'[n % 2]}" for n, cell in enumerate(cells)]
        prepare_table(tmp_path, "\n".join(["cell,x,y", *rows]), max_categories=5)
        assert not {"duplicates_across", "contradicting_labels"} & found(tmp_path).keys()


def test_rows_are_equal_by_value_and_missing_is_missing(tmp_path: Path) -> None:
    generator = np.random.default_rng(4)
    rows = [f"{x:.4f},{z:.4f},{'ab'[n % 2]}" for n, (x, z) in enumerate(generator.normal(size=(60, 2)))]
    twins = ["1.50,NA,a", "1.5,,b", " 15e-1 ,?,a"]
    prepare_table(tmp_path, "\n".join(["x,z,y", *rows, *twins]), split=Split(method="none"))
    told = found(tmp_path)
    assert told["contradicting_labels"]["affected"] == 3
    assert told["duplicates_inside"]["affected"] == 2
    assert told["contradicting_labels"]["examples"] == [["train: line 62", "train: line 63"]]


def test_ids_and_what_counts_rows_tell_no_rows_apart(tmp_path: Path) -> None:
    generator = np.random.default_rng(5)
    values = [f"{x:.4f},{x * x:.4f},{'ab'[n % 2]}" for n, x in enumerate(generator.normal(size=60))]
    rows = [f"{n},u{n},{value}" for n, value in enumerate(values + values[:30])]
    prepare_table(tmp_path, "\n".join(["n,who,x,z,y", *rows]), id="who")
    assert found(tmp_path)["duplicates_across"]["level"] == "serious"
    # A text that nothing is learnt from stands in the file all the same.
    prepare_table(tmp_path, "\n".join(["n,who,x,z,y", *rows]), types={"who": "text"})
    assert not {"duplicates_across", "duplicates_inside"} & found(tmp_path).keys()


def test_a_coarse_table_is_no_reason_to_stop(tmp_path: Path) -> None:
    x = correlated(6, 4, 600, 0.9, 2).astype(int)
    rows = [",".join(map(str, [*row, "ab"[int(row.sum() > 0)]])) for row in x]
    prepare_table(tmp_path, "\n".join(["p,q,r,s,y", *rows]), prepare={"checks": "refuse"})
    assert found(tmp_path)["duplicates_across"]["level"] == "note"
