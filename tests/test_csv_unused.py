"""Rows and columns of a table that nothing is learnt from: left out, and said so."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from csv_tables import files, new_rows, prepare_table

from reprise.foundation.errors import UserError
from reprise.foundation.files import read_json
from reprise.settings.params import Split


def told(folder: Path) -> dict[str, dict[str, Any]]:
    """Return the notes of checks.json about what was done with the table."""
    findings = read_json(folder / "prepared" / "checks.json")["findings"]
    return {found["check"]: found for found in findings}


# ---- rows without a target


def half_answered(rows: int = 60, target: str = "ab") -> str:
    random = np.random.default_rng(1)
    cells = [f"{random.normal():.4f},{target[n % 2] if n % 3 else ''}" for n in range(rows)]
    return "\n".join(["x,y", *cells]) + "\n"


@pytest.mark.parametrize("target", ["ab", "12"])
@pytest.mark.parametrize("block_bytes", [30, 2**20])
def test_rows_without_a_target_are_left_out(tmp_path: Path, target: str, block_bytes: int) -> None:
    content = half_answered(target=target)
    prepared = prepare_table(tmp_path, content, missing_target="drop", block_bytes=block_bytes)
    table = pd.read_csv(tmp_path / "table.csv")
    answered = table.index[table["y"].notna()]
    ids = np.concatenate([prepared.train.ids, prepared.test.ids])
    assert sorted(ids) == answered.tolist()  # a row keeps its number in the file
    assert sum(prepared.schema.counts.values()) == len(answered) == 40
    names = np.array(prepared.schema.classes)
    expected = table["y"][prepared.train.ids].map(lambda value: str(value).removesuffix(".0"))
    assert names[prepared.train.y].tolist() == expected.tolist()
    code = prepared.encoder.columns[0]
    assert (code.mean, code.fill) == pytest.approx(  # type: ignore[union-attr]
        (table["x"][prepared.train.ids].mean(), table["x"][prepared.train.ids].median())
    )
    assert told(tmp_path)["missing_target"]["message"] == "20 row(s) without a value of 'y' are left out"


def test_the_same_as_a_file_without_them(tmp_path: Path) -> None:
    content = half_answered()
    (tmp_path / "without").mkdir()
    lines = [line for line in content.splitlines() if not line.endswith(",")]
    one = prepare_table(tmp_path, content, missing_target="drop")
    two = prepare_table(tmp_path / "without", "\n".join(lines))
    assert np.array_equal(one.train.x, two.train.x)
    assert np.array_equal(one.test.y, two.test.y)
    assert one.encoder == two.encoder


def test_refused_by_default_with_the_way_out(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"add it, or set prepare\.csv\.missing_target to drop"):
        prepare_table(tmp_path, half_answered())


def test_what_is_wrong_in_a_row_that_is_left_out_does_not_matter(tmp_path: Path) -> None:
    rows = "".join(f"{-n},g{n % 9},{'ab'[n % 2]}\n" for n in range(40))
    table = "x,who,y\n" + rows + "oops,,?\n"
    prepared = prepare_table(tmp_path, table, missing_target="drop", group="who")
    assert sum(prepared.schema.counts.values()) == 40
    with pytest.raises(UserError, match="line 42: column 'x': 'oops' is not a number"):
        prepare_table(tmp_path, "x,who,y\n" + rows + "oops,g1,a\n,g2,\n", missing_target="drop")


def test_a_target_that_is_no_number_is_not_a_missing_one(tmp_path: Path) -> None:
    table = "x,y\n" + "".join(f"{-n},{n}.5\n" for n in range(40)) + "1,oops\n1,\n"
    with pytest.raises(UserError, match="line 42: column 'y': 'oops' is not a number"):
        prepare_table(tmp_path, table, missing_target="drop")


def test_no_row_with_a_target_at_all(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no row has a value of 'y'"):
        prepare_table(tmp_path, "x,y\n1,\n2,?\n", missing_target="drop")
    with pytest.raises(UserError, match=r"test\.csv: no row has a value of 'y'"):
        prepare_table(tmp_path, half_answered(), test_content="x,y\n1,\n", missing_target="drop")


def test_rows_of_a_test_file_are_left_out_too(tmp_path: Path) -> None:
    prepared = prepare_table(
        tmp_path, half_answered(), test_content="x,y\n1,\n2,a\n3,b\n", missing_target="drop"
    )
    assert prepared.test.ids.tolist() == [61, 62]
    assert told(tmp_path)["missing_target"]["affected"] == 21


# ---- columns that number the rows


def numbered(numbers: list[Any], name: str = "n", rows: int = 40, at: int = 0) -> str:
    random = np.random.default_rng(2)
    table = pd.DataFrame({"x": random.normal(size=rows).round(3), "y": random.choice(["a", "b"], rows)})
    table.insert(at, name, numbers)
    return table.to_csv(index=False)


@pytest.mark.parametrize("start", [0, 1])
def test_a_column_that_counts_the_rows_is_no_feature(tmp_path: Path, start: int) -> None:
    prepared = prepare_table(tmp_path, numbered([n + start for n in range(40)]))
    assert prepared.schema.columns == ("x",)
    assert [code.kind for code in prepared.encoder.columns] == ["row_number", "numeric"]
    assert told(tmp_path)["row_numbers"]["message"].endswith("are not learnt from: 'n'")
    # New rows need not have it, and may have anything there.
    for text in ("x\n0.5\n", "n,x\nanything,0.5\n"):
        features, _, problems, _ = new_rows(text, prepared.encoder)
        assert features.shape == (1, 1)
        assert not problems


@pytest.mark.parametrize(
    "numbers",
    [
        [n + 2 for n in range(40)],
        [*range(39), 40],
        [*range(39), 38],
        [*range(38), 39, 38],
        [*range(39), ""],
        [n * 2 for n in range(40)],
        [n + 0.5 for n in range(40)],
    ],
)
def test_a_column_that_does_not_quite_count_is_a_feature(tmp_path: Path, numbers: list[Any]) -> None:
    assert prepare_table(tmp_path, numbered(numbers)).schema.columns[0] == "n"
    assert "row_numbers" not in told(tmp_path)


@pytest.mark.parametrize(("name", "at"), [("", 0), ("Unnamed: 0", 0), ("Unnamed: 0.1", 1)])
def test_an_index_that_pandas_wrote_is_no_feature(tmp_path: Path, name: str, at: int) -> None:
    shuffled = np.random.default_rng(3).permutation(100)[:40].tolist()
    content = numbered(shuffled, name, at=at)
    assert prepare_table(tmp_path, content).schema.columns == ("x",)
    twice = [*shuffled[:-1], shuffled[0]]
    assert len(prepare_table(tmp_path, numbered(twice, name, at=at)).schema.columns) == 2


def test_an_unnamed_column_of_another_file_is_a_feature(tmp_path: Path) -> None:
    shuffled = np.random.default_rng(3).permutation(100)[:40].tolist()
    content = numbered(shuffled).replace("n,x,y\n", "")
    prepared = prepare_table(tmp_path, content, target="column_3", header="no")
    assert prepared.schema.columns == ("column_1", "column_2")
    prepared = prepare_table(tmp_path, "column_1,column_2,y\n" + content)
    assert prepared.schema.columns == ("column_1", "column_2")


def test_what_the_params_declare_is_learnt_from_and_else_something_must_be_left(tmp_path: Path) -> None:
    content = numbered(list(range(40)))
    assert prepare_table(tmp_path, content, types={"n": "numeric"}).schema.columns == ("n", "x")
    assert prepare_table(tmp_path, content, drop=["x"], types={"n": "numeric"}).schema.columns == ("n",)
    with pytest.raises(UserError, match="column 'n' only counts the rows, and no other column is left"):
        prepare_table(tmp_path, content, drop=["x"])
    few = "".join(f"{n},{-n},{'ab'[n % 2]}\n" for n in range(9))
    assert prepare_table(tmp_path, "n,x,y\n" + few).schema.columns == ("n", "x")


def test_counting_goes_by_the_rows_of_the_first_file(tmp_path: Path) -> None:
    content = numbered(list(range(40)))
    prepared = prepare_table(tmp_path, content, test_content="n,x,y\n7,1,a\n7,2,b\n")
    assert prepared.schema.columns == ("x",)
    # Rows without a target count too.
    content = content.replace("a\n", "\n", 5)
    assert prepare_table(tmp_path, content, missing_target="drop").schema.columns == ("x",)


# ---- texts, and many categories


def test_of_a_presence_is_learnt_whether_it_is_there(tmp_path: Path) -> None:
    rows = [f"{-n},{'' if n % 4 == 1 else f'text {n}'},{'ab'[n % 2]}" for n in range(60)]
    prepared = prepare_table(tmp_path, "x,note,y\n" + "\n".join(rows), types={"note": "presence"})
    assert prepared.schema.columns == ("x", "note missing")
    assert np.array_equal(prepared.train.x[:, 1], (prepared.train.ids % 4 == 1).astype(np.float32))
    x, _, problems, _ = new_rows("note,x\nnew,1\nNA,1\n", prepared.encoder)
    assert not problems
    assert x[:, 1].tolist() == [0, 1]


def test_a_presence_that_is_always_there_is_not_needed(tmp_path: Path) -> None:
    rows = [f"{-n},text {n},{'ab'[n % 2]}" for n in range(60)]
    prepared = prepare_table(tmp_path, "x,note,y\n" + "\n".join(rows), types={"note": "presence"})
    assert prepared.schema.columns == ("x",)
    x, _, _, notes = new_rows("x\n1\n", prepared.encoder)
    assert x.shape == (1, 1)
    assert notes == []


@pytest.mark.parametrize(("kinds", "hashed"), [(50, False), (51, True)])
def test_what_is_hashed_is_told(tmp_path: Path, kinds: int, hashed: bool) -> None:
    rows = [f"{-n},k{n % kinds},{'ab'[n % 2]}" for n in range(4 * kinds)]
    prepared = prepare_table(tmp_path, "x,c,y\n" + "\n".join(rows), split=Split(method="none"))
    assert ("c=k0" in prepared.schema.columns) == (not hashed)
    assert ("hashed" in told(tmp_path)) == hashed
    if hashed:
        assert told(tmp_path)["hashed"]["message"].endswith("hashed into 50 features each: 'c'")


def test_the_same_bytes_whatever_is_read_at_a_time(tmp_path: Path) -> None:
    content = numbered(list(range(40))).replace("a\n", "\n", 5)
    for name, size in (("whole", 2**20), ("parts", 7)):
        (tmp_path / name).mkdir()
        prepare_table(tmp_path / name, content, missing_target="drop", block_bytes=size)
    assert files(tmp_path / "whole" / "prepared") == files(tmp_path / "parts" / "prepared")
