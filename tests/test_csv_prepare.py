"""Preparing a CSV file: features, fitting on train alone, splits, and the same bytes however it is read."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from csv_tables import files, prepare_table
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from reprise.foundation.errors import UserError
from reprise.settings.params import Split
from reprise.tables.fit import LISTED
from reprise.tables.rows import BLOCK_BYTES


def mixed_table(rows: int = 300) -> str:
    """Return a table with every kind of column, missing cells, quoted newlines and a Hangul header."""
    random = np.random.default_rng(5)
    lines = ["나이,income,city,member,day,free,y"]
    for number in range(rows):
        age = "?" if number % 17 == 3 else str(random.integers(18, 90))
        income = f'"{random.integers(1000, 9_000_000):,}"' if number % 2 else f"{random.normal():.17g}"
        city = ["서울", "Busan", '"Jeju\nisland"', "", "NA"][random.integers(0, 5)]
        member = ["yes", "NO"][random.integers(0, 2)]
        day = f"20{random.integers(10, 24)}-{random.integers(1, 13):02d}-{random.integers(1, 29):02d}"
        lines.append(f"{age},{income},{city},{member},{day},word {random.integers(0, 60)},{'ab'[number % 2]}")
    return "\n".join(lines) + "\n"


def test_every_kind_of_column_becomes_features(tmp_path: Path) -> None:
    prepared = prepare_table(tmp_path, mixed_table())
    schema = prepared.schema
    assert schema.columns == (
        "나이", "나이 missing", "income",
        "city=Busan", "city=Jeju\nisland", "city=서울", "city=(unseen)", "city missing",
        "member", "day days",
        "day day of year sin", "day day of year cos", "day day of month sin", "day day of month cos",
        "day month sin", "day month cos", "day weekday sin", "day weekday cos",
        *(f"free#{number}" for number in range(1, 51)),
    )  # fmt: skip
    assert (schema.task, schema.classes, schema.target) == ("classification", ("a", "b"), "y")
    assert schema.counts == {"train": 225, "val": 0, "test": 75}
    assert sum(schema.class_counts["test"].values()) == 75
    assert schema.source == "the file table.csv"
    assert schema.licence == "unknown (your own data)"
    assert list(schema.raw) == ["table.csv"]
    assert prepared.train.x.dtype == np.float32
    assert np.array_equal(np.sort(np.concatenate([prepared.train.ids, prepared.test.ids])), np.arange(300))
    assert schema.inputs is not None
    assert len(schema.inputs.mean) == len(schema.columns)


@pytest.mark.parametrize("block_bytes", [1, 7, 64, 1000])
def test_the_same_bytes_whatever_is_read_at_a_time(tmp_path: Path, block_bytes: int) -> None:
    content = mixed_table(60)
    for name, size in (("whole", BLOCK_BYTES), ("parts", block_bytes)):
        (tmp_path / name).mkdir()
        prepare_table(tmp_path / name, content.replace("\n", "\r\n"), block_bytes=size)
    assert files(tmp_path / "whole" / "prepared") == files(tmp_path / "parts" / "prepared")


def test_a_type_that_the_first_rows_don_t_show(tmp_path: Path) -> None:
    """The first thousand rows look numeric, boolean or empty; the result is that of the whole column."""
    rows = [f"{n},yes,,{'ab'[n % 2]}" for n in range(1500)] + [
        f"x{n},maybe,7,{'ab'[n % 2]}" for n in range(1500)
    ]
    prepared = prepare_table(tmp_path, "p,q,r,y\n" + "\n".join(rows) + "\n")
    kinds = {code.name: code.kind for code in prepared.encoder.columns}
    assert kinds == {"p": "categorical", "q": "categorical", "r": "numeric"}
    assert "q=yes" in prepared.schema.columns


def test_features_are_those_of_scikit_learn(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    rows = 400
    table = pd.DataFrame(
        {
            "a": random.normal(3, 5, rows),
            "b": random.integers(0, 1000, rows).astype(float),
            "c": np.array(["x", "y", "z"])[random.integers(0, 3, rows)],
            "y": random.normal(size=rows),
        }
    )
    table.loc[random.random(rows) < 0.1, "a"] = np.nan
    prepared = prepare_table(tmp_path, table.to_csv(index=False))
    train, test = table.iloc[prepared.train.ids], table.iloc[prepared.test.ids]
    numbers = make_pipeline(SimpleImputer(strategy="median"), StandardScaler())
    oracle = ColumnTransformer([("n", numbers, ["a", "b"]), ("c", OneHotEncoder(sparse_output=False), ["c"])])
    oracle.fit(train)
    names = list(prepared.schema.columns)
    assert names == ["a", "a missing", "b", "c=x", "c=y", "c=z", "c=(unseen)"]
    chosen = [names.index(name) for name in ("a", "b", "c=x", "c=y", "c=z")]
    for arrays, part in ((prepared.train, train), (prepared.test, test)):
        assert np.allclose(arrays.x[:, chosen], oracle.transform(part), rtol=1e-5, atol=1e-6)
        assert np.array_equal(arrays.x[:, 1], part["a"].isna().to_numpy())
        assert not arrays.x[:, 6].any()
        assert np.array_equal(arrays.y, part["y"].to_numpy(np.float32))


def test_everything_is_fitted_on_train_alone(tmp_path: Path) -> None:
    rows = mixed_table(200).replace('"Jeju\nisland"', "Jeju").splitlines()
    folders = [tmp_path / "one", tmp_path / "two"]
    for folder in folders:
        folder.mkdir()
    first = prepare_table(folders[0], "\n".join(rows))
    for number in first.test.ids.tolist():
        rows[1 + number] = f"999,-1e9,Nowhere,,1999-12-31,other,{rows[1 + number][-1]}"
    second = prepare_table(folders[1], "\n".join(rows))
    assert second.schema.encoder == first.schema.encoder
    assert second.schema.inputs == first.schema.inputs
    assert np.array_equal(second.train.x, first.train.x)
    unseen = second.schema.columns.index("city=(unseen)")
    assert second.test.x[:, unseen].all()
    assert not first.test.x[:, unseen].any()


def test_normalise_global_and_none(tmp_path: Path) -> None:
    table = "a,b,c,y\n" + "".join(f"{2 * n},{n * n},{'pq'[n % 2]},{n}.5\n" for n in range(40))
    raw = prepare_table(tmp_path, table, prepare={"normalise": "none"})
    assert raw.schema.inputs is None
    assert np.array_equal(raw.train.x[:, 0], 2 * raw.train.ids.astype(np.float32))
    shared = prepare_table(tmp_path, table, prepare={"normalise": "global"})
    numbers = raw.train.x[:, :2].astype(np.float64)
    expected = (numbers - numbers.mean()) / numbers.std()
    assert np.allclose(shared.train.x[:, :2], expected, rtol=1e-6)
    assert np.array_equal(shared.train.x[:, 2:], raw.train.x[:, 2:])


def test_frequency_codes(tmp_path: Path) -> None:
    names = [f"k{n % 7}" if n % 3 else "often" for n in range(200)]
    table = "c,y\n" + "".join(f"{name},{'ab'[n % 2]}\n" for n, name in enumerate(names))
    prepared = prepare_table(tmp_path, table, max_categories=3, many_categories="frequency")
    assert prepared.schema.columns == ("c frequency", "c=(unseen)")
    train = [names[number] for number in prepared.train.ids]
    expected = [train.count(name) / len(train) for name in train]
    assert np.allclose(prepared.train.x[:, 0], expected)


def test_more_categories_than_are_listed(tmp_path: Path) -> None:
    table = "c,x,y\n" + "".join(f"name {n},{-n},{'ab'[n % 2]}\n" for n in range(LISTED + 50))
    prepared = prepare_table(tmp_path, table, max_categories=8)
    assert prepared.schema.columns == (*(f"c#{number}" for number in range(1, 9)), "x")
    assert np.array_equal(prepared.train.x[:, :8].sum(axis=1), np.ones(len(prepared.train.x)))
    shares = prepared.train.x[:, :8].mean(axis=0)
    assert shares.min() > 0.08
    assert shares.max() < 0.18
    with pytest.raises(UserError, match=f"column 'c': more than {LISTED} different texts"):
        prepare_table(tmp_path, table, many_categories="frequency")


@pytest.mark.parametrize(
    ("targets", "csv", "task", "classes"),
    [
        (["1", "0", "1.0", "0"] * 5, {}, "classification", ("0", "1")),
        (["10", "9", "2"] * 20, {}, "classification", ("2", "9", "10")),
        ([str(n) for n in range(40)], {}, "regression", ()),
        (["1.5", "2.5"] * 10, {}, "regression", ()),
        (["1.5", "2.5"] * 10, {"task": "classification"}, "classification", ("1.5", "2.5")),
        (["1", "0"] * 10, {"task": "regression"}, "regression", ()),
        (["01", "1"] * 10, {"types": {"y": "categorical"}}, "classification", ("01", "1")),
        (["예", "아니오"] * 10, {}, "classification", ("아니오", "예")),
        (["yes", "no"] * 10, {}, "classification", ("no", "yes")),
    ],
)
def test_task_and_classes(
    tmp_path: Path, targets: list[str], csv: dict[str, object], task: str, classes: tuple[str, ...]
) -> None:
    table = "x,y\n" + "".join(f"{-n},{target}\n" for n, target in enumerate(targets))
    prepared = prepare_table(tmp_path, table, **csv)
    assert (prepared.schema.task, prepared.schema.classes) == (task, classes)
    expected = [targets[number] for number in prepared.train.ids]
    if classes:
        named = [classes[number] for number in prepared.train.y]
        assert [name.removesuffix(".0") for name in expected] == named
    else:
        assert np.array_equal(prepared.train.y, np.array(expected, np.float32))


def test_groups_stay_together(tmp_path: Path) -> None:
    table = "who,x,y\n" + "".join(f"user {n % 23},{-n},{'ab'[n % 2]}\n" for n in range(230))
    prepared = prepare_table(tmp_path, table, group="who", split=Split(test=0.2, val=0.2))
    groups = [set(part.ids % 23) for part in (prepared.train, prepared.val, prepared.test)]
    assert all(groups)
    assert sum(map(len, groups)) == len(set.union(*groups)) == 23
    assert prepared.schema.columns == ("x",)


def test_a_separate_test_file(tmp_path: Path) -> None:
    table = "x,id,c,y\n" + "".join(f"{-n},i{n},p,{'ab'[n % 2]}\n" for n in range(20))
    other = "y,c,x\n" + "b,new,5\na,p,\n"
    prepared = prepare_table(tmp_path, table, test_content=other, id="id")
    assert prepared.schema.counts == {"train": 20, "val": 0, "test": 2}
    assert prepared.schema.columns == ("x", "c=p", "c=(unseen)")
    assert prepared.test.ids.tolist() == [20, 21]
    assert prepared.test.y.tolist() == [1, 0]
    assert prepared.test.x[:, 1:].tolist() == [[0, 1], [1, 0]]
    assert prepared.test.x[1, 0] == 0  # the median of -19 … 0 is also their mean
    assert list(prepared.schema.raw) == ["table.csv", "test.csv (test)"]


def test_no_split(tmp_path: Path) -> None:
    table = "x,y\n" + "".join(f"{-n},{n}.5\n" for n in range(10))
    prepared = prepare_table(tmp_path, table, split=Split(method="none"), prepare={"scale_target": True})
    assert prepared.schema.test_is_train
    assert prepared.schema.counts == {"train": 10, "val": 0, "test": 10}
    assert np.array_equal(prepared.train.x, prepared.test.x)
    assert prepared.schema.target_scale is not None
    assert prepared.schema.target_scale.mean == (5.0,)


def test_constant_empty_and_dropped_columns(tmp_path: Path) -> None:
    table = "k,void,junk,x,y\n" + "".join(f"7,,{n},{-n},{'ab'[n % 2]}\n" for n in range(20))
    prepared = prepare_table(tmp_path, table, drop=["junk"])
    assert prepared.schema.columns == ("k", "x")
    assert not prepared.train.x[:, 0].any()
    assert prepared.encoder.dropped == ("junk",)


def test_the_schema_says_nothing_of_the_machine(tmp_path: Path) -> None:
    prepared = prepare_table(tmp_path, mixed_table(40))
    text = json.dumps(prepared.schema.model_dump(mode="json"))
    assert str(tmp_path) not in text
