"""Dates as features, and tables that are split by time."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from csv_tables import files, new_rows, prepare_table
from hypothesis import given, settings
from hypothesis import strategies as st

from reprise.data.time_split import assign_by_time
from reprise.foundation.errors import UserError
from reprise.foundation.files import read_json
from reprise.settings.params import Split
from reprise.tables.dates import Moment
from reprise.tables.values import hours

# ---- features


@settings(max_examples=100, deadline=None)
@given(st.lists(st.datetimes(pd.Timestamp(1700, 1, 1), pd.Timestamp(2200, 1, 1)), min_size=1))
def test_the_parts_of_moments_are_those_of_pandas(moments: list[Any]) -> None:
    times = pd.DatetimeIndex([moment.replace(microsecond=0) for moment in moments])
    values = np.array([hours(f"{time:%Y-%m-%d %H:%M:%S}", "year-month-day") for time in times], np.float64)
    found = Moment.of(values)
    expected = {
        "day of year": times.day_of_year - 1, "day of month": times.day - 1, "month": times.month - 1,
        "weekday": times.day_of_week, "hour": times.hour,
    }  # fmt: skip
    for part, whole in expected.items():
        assert found.circles[part].tolist() == whole.tolist()
    since = (times - pd.Timestamp(1970, 1, 1)) / pd.Timedelta(days=1) + 719163
    assert np.allclose(found.days, since, rtol=0, atol=1e-9)


def written(moments: pd.DatetimeIndex, form: str) -> str:
    return "d,y\n" + "".join(f"{moment.strftime(form)},{n}.5\n" for n, moment in enumerate(moments))


@pytest.mark.parametrize(("form", "freq"), [("%d.%m.%Y %H:%M", "37h"), ("%Y-%m-%d", "1D")])
def test_features_of_dates(tmp_path: Path, form: str, freq: str) -> None:
    moments = pd.date_range("2019-03-01 00:00", periods=800, freq=freq)
    prepared = prepare_table(tmp_path, written(moments, form), prepare={"normalise": "none"})
    chosen = moments[prepared.train.ids]
    turns = {
        "day of year": (chosen.day_of_year - 1) / 366, "day of month": (chosen.day - 1) / 31,
        "month": (chosen.month - 1) / 12, "weekday": chosen.day_of_week / 7, "hour": chosen.hour / 24,
    }  # fmt: skip
    if "%H" not in form:
        del turns["hour"]
    names = [f"d {part} {axis}" for part in turns for axis in ("sin", "cos")]
    assert prepared.schema.columns == ("d days", *names)
    expected = [np.asarray((chosen - chosen.min().floor("D")) / pd.Timedelta(days=1))]
    for turn in turns.values():
        expected += [np.sin(2 * np.pi * np.asarray(turn)), np.cos(2 * np.pi * np.asarray(turn))]
    assert np.allclose(prepared.train.x, np.stack(expected, axis=1), rtol=1e-6, atol=1e-6)


def test_the_start_and_the_median_are_those_of_the_train_split(tmp_path: Path) -> None:
    moments = pd.date_range("2020-01-01", periods=100)
    content = written(moments, "%Y-%m-%d").replace("2020-01-11", "?").replace("2020-01-12", "?")
    prepared = prepare_table(tmp_path, content, prepare={"normalise": "none"}, split=Split(val=0.0, test=0.3))
    train = pd.Series(moments[prepared.train.ids])
    train = train[~train.isin(pd.to_datetime(["2020-01-11", "2020-01-12"]))]
    since = (train - train.min()).dt.days
    code = prepared.encoder.columns[0]
    assert code.start == train.min().toordinal()  # type: ignore[union-attr]
    assert code.fill == since.median()  # type: ignore[union-attr]
    x, _, _, _ = new_rows("d\n2019-12-31\n\n2020-01-02\n".replace("\n\n", "\n?\n"), prepared.encoder)
    first = (pd.Timestamp("2019-12-31") - train.min()).days
    assert x[:, 0].tolist() == [first, since.median(), first + 2]
    assert x[1, 1:-1].tolist() == [0.0] * 8
    assert x[:, -1].tolist() == [0, 1, 0]


def test_new_files_get_the_features_that_prepare_gave(tmp_path: Path) -> None:
    moments = pd.date_range("2021-05-05 10:00", periods=90, freq="101min")
    prepared = prepare_table(tmp_path, written(moments, "%Y-%m-%d %H:%M"))
    x, _, problems, _ = new_rows(tmp_path / "table.csv", prepared.encoder)
    assert not problems
    assert np.array_equal(x[prepared.train.ids], prepared.train.x)


# ---- splitting by time


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.integers(0, 12), min_size=1, max_size=60),
    st.sampled_from([0, Fraction("0.2"), Fraction("0.5")]),
    st.sampled_from([0, Fraction("0.1"), Fraction("0.4")]),
)
def test_later_splits_hold_later_rows_and_nothing_is_cut(values: list[int], test: Any, val: Any) -> None:
    moments = np.array(values, np.float64)
    wanted = [0, *[1] * (val > 0), *[2] * (test > 0)]
    if len(set(values)) < len(wanted):
        with pytest.raises(UserError, match=r"prepare\.split\.by: \d+ different"):
            assign_by_time(moments, Fraction(test), Fraction(val))
        return
    parts = assign_by_time(moments, Fraction(test), Fraction(val))
    assert sorted(set(parts.tolist())) == wanted
    held = [set(moments[parts == part]) for part in wanted]
    for earlier, later in pairwise(held):
        assert max(earlier) < min(later)
    order = np.random.default_rng(len(values)).permutation(len(values))
    assert np.array_equal(assign_by_time(moments[order], Fraction(test), Fraction(val)), parts[order])


def test_shares_are_met_exactly_where_no_rows_are_of_one_moment() -> None:
    moments = np.random.default_rng(0).permutation(1000).astype(np.float64)
    parts = assign_by_time(moments, Fraction("0.2"), Fraction("0.1"))
    assert np.array_equal(np.sort(moments[parts == 2]), np.arange(800, 1000))
    assert np.array_equal(np.sort(moments[parts == 1]), np.arange(720, 800))


@pytest.mark.parametrize(
    ("moments", "expected"),
    [
        ([1, 1, 2, 2, 2, 2, 2, 2, 3, 3], [0] * 8 + [2, 2]),
        ([1] * 3 + [2] * 7, [0] * 3 + [2] * 7),  # one value is most of the rows
        ([1] * 6 + [2] * 4, [0] * 6 + [2] * 4),
        ([1, 2, 2, 2, 3, 3, 3, 3, 3, 3], [0] * 4 + [2] * 6),  # nearest to 8 is 4
    ],
)
def test_rows_of_one_moment_stay_together(moments: list[float], expected: list[int]) -> None:
    assert assign_by_time(np.array(moments, np.float64), Fraction("0.2"), Fraction(0)).tolist() == expected


def sales(rows: int = 200, seed: int = 1) -> pd.DataFrame:
    generator = np.random.default_rng(seed)
    days = pd.date_range("2022-01-01", periods=rows // 2).repeat(2)
    table = pd.DataFrame(
        {"day": days, "x": generator.normal(size=rows), "y": generator.choice(["a", "b"], rows)}
    )
    return table.iloc[generator.permutation(rows)].reset_index(drop=True)


TIME = Split(method="time", by="day", test=0.2, val=0.1)


@pytest.mark.parametrize("csv", [{}, {"drop": ["day"]}, {"id": "day"}])
def test_a_table_is_split_by_its_dates(tmp_path: Path, csv: dict[str, Any]) -> None:
    table = sales()
    prepared = prepare_table(tmp_path, table.to_csv(index=False), split=TIME, **csv)
    days = [set(table["day"][part.ids]) for part in (prepared.train, prepared.val, prepared.test)]
    assert max(days[0]) < min(days[1])
    assert max(days[1]) < min(days[2])
    assert [len(part) for part in days] == [72, 8, 20]
    assert (prepared.schema.columns == ("x",)) == bool(csv)
    findings = read_json(tmp_path / "prepared" / "checks.json")["findings"]
    assert not [found for found in findings if found["check"] == "drift"]  # of the day it is no news


def test_a_number_may_order_the_rows_and_only_count_them(tmp_path: Path) -> None:
    table = sales().drop(columns="day")
    table.insert(0, "n", np.arange(200) + 1)
    split = Split(method="time", by="n", test=0.25, val=0.0)
    prepared = prepare_table(tmp_path, table.to_csv(index=False), split=split)
    assert prepared.test.ids.tolist() == list(range(150, 200))
    assert prepared.schema.columns == ("x",)


def test_with_a_test_file_the_last_rows_before_it_are_the_validation(tmp_path: Path) -> None:
    table = sales()
    prepared = prepare_table(
        tmp_path, table.to_csv(index=False), test_content="day,x,y\n2020-01-01,1,a\n", split=TIME
    )
    assert prepared.test.ids.tolist() == [200]
    assert min(table["day"][prepared.val.ids]) > max(table["day"][prepared.train.ids])
    assert len(prepared.val.ids) == 20


def test_the_seed_and_what_is_read_at_a_time_do_not_matter(tmp_path: Path) -> None:
    content = sales().to_csv(index=False)
    for name, size, seed in (("whole", 2**20, 1), ("parts", 100, 7)):
        (tmp_path / name).mkdir()
        prepare_table(tmp_path / name, content, split=TIME, block_bytes=size, prepare={"seed": seed})
    assert files(tmp_path / "whole" / "prepared") == files(tmp_path / "parts" / "prepared")


def test_rows_without_a_target_have_no_say(tmp_path: Path) -> None:
    table = sales()
    table.loc[table.index[::4], "y"] = None
    prepared = prepare_table(tmp_path, table.to_csv(index=False), split=TIME, missing_target="drop")
    assert sum(prepared.schema.counts.values()) == 150
    assert prepared.schema.counts["test"] == pytest.approx(30, abs=1)


@pytest.mark.parametrize(
    ("change", "split", "message"),
    [
        ({}, {"by": "dya"}, r"prepare\.split\.by: no column 'dya' in .*; did you mean 'day'\?"),
        ({"day": "?"}, {}, "line 4: column 'day': no value"),
        ({"day": "?"}, {}, r"each row needs a value of prepare\.split\.by; add it, or remove the rows"),
        ({"day": "soon"}, {}, "line 4: column 'day': 'soon' is not a date"),
        (
            {},
            {"by": "kind"},
            "column 'kind' is categorical and has no order in time; name a date or a number",
        ),
    ],
)
def test_what_can_not_order_the_rows_is_refused(
    tmp_path: Path, change: dict[str, str], split: dict[str, Any], message: str
) -> None:
    table = sales().astype({"day": str}).assign(kind=["p", "q"] * 100)
    for name, cell in change.items():
        table.loc[2, name] = cell
    with pytest.raises(UserError, match=message):
        prepare_table(tmp_path, table.to_csv(index=False), split=TIME.model_copy(update=split))
    assert not (tmp_path / "prepared").exists()
