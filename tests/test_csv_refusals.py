"""Tables that can't be prepared: refused by name and line, with nothing written."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import Any

import pytest
from csv_tables import files, prepare_table
from hypothesis import given, settings
from hypothesis import strategies as st

from reprise.foundation.errors import UserError
from reprise.settings.contradictions import contradictions
from reprise.settings.params import Csv, Evaluate, Model, Params, Prepare, Split, Train

ROWS = "".join(f"{n // 2},{'ab'[n % 2]}\n" for n in range(40))


@pytest.mark.parametrize(
    ("content", "csv", "message"),
    [
        ("", {}, "table.csv: empty"),
        ("x,y\n", {}, "a header and no rows"),
        ("x,y\n" + ROWS + "1\n", {}, r"line 42: 1 field\(s\), but the header has 2"),
        ("x,y\n" + ROWS + "5,\n6,?\n", {}, "line 42: column 'y': no value"),
        ("x,y\n" + ROWS + "5,\n6,?\n", {}, "line 43: column 'y': no value"),
        ("x,y\n" + ROWS + "oops,a\n", {}, "line 42: column 'x': 'oops' is not a number"),
        ('x,"y"\n"3\n",a\n' + ROWS + "oops,a\n", {}, "line 44: column 'x': 'oops' is not a number"),
        ("x,y\n" + ROWS + "inf,a\n", {}, "line 42: column 'x': 'inf' is not a number"),
        ("x,y\n" + ROWS.replace("b", "a"), {}, "column 'y' .*: one class only"),
        ("x,y\n" + ROWS, {"target": " yy"}, "did you mean 'y'"),
        ("1,2\n3,4\n", {}, "the first row was taken for data"),
        ("x,y\n" + ROWS, {"drop": ["z"]}, r"prepare\.csv\.drop: no column 'z'"),
        ("x,y\n" + ROWS, {"drop": ["x"]}, "no column to learn from"),
        ("x,y\n" + ROWS, {"dates": ["x"]}, "line 2: column 'x': '0' is not a date"),
        ("x,y\n" + ROWS, {"types": {"x": "boolean"}}, "line 6: column 'x': '2' is not true or false"),
        ("x,y\n" + "01/02/2024,a\n02/01/2024,b\n" * 9, {}, "may start with the day or the month"),
        ("x,y\n" + ROWS, {"task": "regression"}, "line 2: column 'y': 'a' is not a number"),
        ("x,z,y\n" + "1,2,3.5\n" * 40 + ",1,2\n", {"group": "x"}, "line 42: column 'x': no value"),
        ("x,y\n" + "".join(f"{n},name {n}\n" for n in range(1500)), {}, "more than 1000 classes"),
        ("x,y\n" + ROWS + "1,\xff\n", {"encoding": "ascii"}, "line 42: bytes that are not ascii"),
        ("x,y\n" + "1e200,a\n-1e200,b\n" * 9, {}, "column 'x': numbers too large"),
        ("x,y\n" + "1,1e39\n2,3\n" * 9, {"task": "regression"}, "line 2: column 'y': too large a number"),
    ],
)  # fmt: skip
def test_refusals(tmp_path: Path, content: str, csv: dict[str, Any], message: str) -> None:
    prepare_table(tmp_path, "x,y\n" + ROWS)
    before = files(tmp_path / "prepared")
    with pytest.raises(UserError, match=message) as caught:
        prepare_table(tmp_path, content, **csv)
    assert all("\n" not in problem for problem in caught.value.problems)
    assert files(tmp_path / "prepared") == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["prepared", "table.csv"]


def test_too_large_for_float32_is_refused_while_writing(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="line 3: column 'x': the number is too large"):
        prepare_table(tmp_path, "x,y\n0,a\n1e39,b\n" + ROWS, prepare={"normalise": "none"})
    assert sorted(path.name for path in tmp_path.iterdir()) == ["table.csv"]


def test_scale_target_of_classes_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"prepare\.scale_target"):
        prepare_table(tmp_path, "x,y\n" + ROWS, prepare={"scale_target": True})


def test_test_file_refusals(tmp_path: Path) -> None:
    for content, message in (
        ("x,y\n1,c\n", "test.csv: line 2: column 'y': a class that the first table has not"),
        ("x\n1\n", "test.csv: no column 'y'"),
        ("x,y\n1,\n", "test.csv: line 2: column 'y': no value"),
    ):
        with pytest.raises(UserError, match=message):
            prepare_table(tmp_path, "x,y\n" + ROWS, test_content=content)


def test_missing_files_and_folders(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    with pytest.raises(UserError, match=r"prepare\.csv\.test_path: .*: no such file"):
        prepare_table(tmp_path, "x,y\n" + ROWS, test_path=str(tmp_path / "none.csv"))
    with pytest.raises(UserError, match=r"prepare\.csv\.test_path: .*: a folder"):
        prepare_table(tmp_path, "x,y\n" + ROWS, test_path=str(tmp_path / "folder"))


@pytest.mark.parametrize(
    ("csv", "key"),
    [
        ({"separator": "ab"}, "separator"),
        ({"separator": '"'}, "separator"),
        ({"separator": ",", "decimal": ","}, "decimal"),
        ({"drop": ["target"]}, "drop"),
        ({"sheet": "rows"}, "sheet"),
        ({"types": {"target": "presence"}}, "types"),
        ({"group": "target"}, "group"),
        ({"dates": ["d"], "types": {"d": "numeric"}}, "types"),
        ({"types": {"target": "date"}}, "types"),
    ],
)
def test_contradictions(csv: dict[str, Any], key: str) -> None:
    def of(section: Csv) -> list[str]:
        model = Model(kind="mlp")
        return contradictions(
            Params(
                prepare=Prepare(dataset="csv", csv=section), model=model, train=Train(), evaluate=Evaluate()
            )
        )

    assert of(Csv()) == []
    assert [line.split(":")[0] for line in of(Csv(**csv))] == [f"prepare.csv.{key}"]


@pytest.mark.parametrize(
    ("prepare", "problems"),
    [
        ({"dataset": "csv", "split": Split(method="time", by="day")}, []),
        ({"dataset": "csv", "split": Split(method="time", by="day"), "csv": Csv(drop=("day",))}, []),
        ({"dataset": "csv", "split": Split(method="time")}, ["by: null, but"]),
        ({"dataset": "csv", "split": Split(by="day")}, ["by: 'day' orders nothing with"]),
        (
            {"dataset": "iris", "split": Split(method="time", by="day")},
            ["method: time needs a table of your own"],
        ),
        (
            {"dataset": "images", "split": Split(method="time", by="day")},
            ["method: time needs a table of your own"],
        ),
        (
            {"dataset": "csv", "split": Split(method="time", by="target")},
            ["by: 'target' is prepare.csv.target"],
        ),
        (
            {"dataset": "csv", "split": Split(method="time", by="day"), "csv": Csv(group="who")},
            ["method: time takes no account of groups"],
        ),
        (
            {"dataset": "csv", "split": Split(method="time", by="day"), "csv": Csv(types={"day": "text"})},
            ["by: 'day' is text in prepare.csv.types"],
        ),
    ],
)
def test_contradictions_of_a_split_by_time(prepare: dict[str, Any], problems: list[str]) -> None:
    kind = "cnn" if prepare["dataset"] == "images" else "mlp"
    params = Params(prepare=Prepare(**prepare), model=Model(kind=kind), train=Train(), evaluate=Evaluate())
    found = contradictions(params)
    assert len(found) == len(problems)
    for line, start in zip(found, problems, strict=True):
        assert line.startswith(f"prepare.split.{start}")


PIECES = [
    b"a", b"b", b"1", b"2.5", b"-3", b'"', b'""', b",", b",", b";", b"\t", b"\n", b"\n", b"\r\n", b"\r", b" ",
    b"y", b"x,y\n", b"NA", b"?", b"yes", b"no", b"2024-01-02", b"1/2/2024", b"\xef\xbb\xbf", "서울".encode(),
    "서울".encode("cp949"), b"\xe9", b"\xff", b"\0", b"1e999", b"inf", b"nan", b"9" * 30, b'"1,234"', b"1,5",
]  # fmt: skip
RECORDS = st.lists(
    st.lists(st.sampled_from(["1", "2", "x", "", "?", "yes", '"q\n"', "2024-01-02"]), min_size=3, max_size=3),
    min_size=2,
    max_size=12,
).map(lambda rows: ("a,b,y\n" + "\n".join(map(",".join, rows))).encode())
CONTENTS = st.one_of(
    st.lists(st.sampled_from(PIECES), max_size=40).map(b"".join),
    st.binary(max_size=60),
    RECORDS,
    st.tuples(RECORDS, st.integers(0, 99), st.sampled_from(PIECES)).map(
        lambda change: change[0][: change[1]] + change[2] + change[0][change[1] :]
    ),
)
PARAMS = st.fixed_dictionaries(
    {},
    optional={
        "target": st.sampled_from(["y", "column_2", "a"]),
        "task": st.sampled_from(["classification", "regression"]),
        "separator": st.sampled_from([",", ";"]),
        "decimal": st.sampled_from([".", ","]),
        "header": st.sampled_from(["yes", "no"]),
        "encoding": st.sampled_from(["utf-8", "cp949", "latin-1", "utf-16", "utf-7"]),
        "day_first": st.just("yes"),
        "many_categories": st.just("frequency"),
        "max_categories": st.just(2),
        "missing_target": st.just("drop"),
        "types": st.just({"a": "text"}),
    },
)


@settings(max_examples=250, deadline=None)
@given(content=CONTENTS, csv=PARAMS, normalise=st.sampled_from(["feature", "global", "none"]))
def test_whatever_the_bytes_a_result_or_one_clear_error(
    content: bytes, csv: dict[str, Any], normalise: str
) -> None:
    folder = Path(tempfile.mkdtemp())
    try:
        (folder / "prepared").mkdir()
        old = folder / "prepared" / "train-00007.safetensors"
        old.write_bytes(b"kept")
        split = Split(test=0.3, val=0.0, method="shuffle")
        refused: tuple[str, ...] = ()
        try:
            prepare_table(folder, content, split=split, prepare={"normalise": normalise}, **csv)
        except UserError as error:
            refused = error.problems or ("",)
        assert all(problem and "\n" not in problem and len(problem) < 700 for problem in refused)
        assert old.exists() == bool(refused)
        if refused:
            assert files(folder) == {"table.csv": content, "prepared/train-00007.safetensors": b"kept"}
        assert sorted(path.name for path in folder.iterdir()) == ["prepared", "table.csv"]
    finally:
        shutil.rmtree(folder)
