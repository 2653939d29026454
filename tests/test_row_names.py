"""Names of rows: what prepare stores finds the row again, and all that speaks of a row calls it the same."""

from __future__ import annotations

import csv
import io
import itertools
import json
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
from csv_tables import prepare_table
from hypothesis import given
from hypothesis import strategies as st
from image_files import folder_of
from image_files import prepared as prepared_images
from PIL import Image
from predicting import run
from table_files import ENDINGS, mixed, prepared, write
from trained import LEAVES, labels, table, write_model, write_prepared

from reprise.evaluation.evaluate import Places, evaluate
from reprise.foundation.errors import UserError
from reprise.prediction.texts import Texts
from reprise.prepared.names import Names, Naming, RowNames, read_names
from reprise.prepared.packed import PackedTexts
from reprise.prepared.schema import Schema
from reprise.prepared.shards import Arrays, PreparedWriter, read_schema, read_split
from reprise.settings.params import Evaluate, Prepare, Split
from reprise.tables.prepare import prepare_csv

RED = ("red", "blue")


def names_in(folder: Path) -> tuple[tuple[str, ...], list[dict[str, int | str]], list[str]]:
    """Return the columns, the cells and what is told of all test rows."""
    schema = read_schema(folder)
    ids = read_split(folder, schema, "test").ids
    names = read_names(folder, schema, ids)
    cells = [dict(zip(names.columns, names.cells(place), strict=True)) for place in range(len(ids))]
    return names.columns, cells, [names.told(place) for place in range(len(ids))]


def awkward(rows: int) -> str:
    """A CSV file whose lines and records differ: cells of several lines, blank lines, quoted quotes."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(["note", "code", "n", "y"])
    for row in range(rows):
        writer.writerow([f'a\n"b"{row}\n' * (row % 3), f"키-{row:03}", row * 0.5, RED[row % 2]])
        stream.write("\n" * (row % 5 == 4))
    return stream.getvalue()


@pytest.mark.parametrize("block_bytes", [64, 2**22])
@pytest.mark.parametrize("ends", ["\n", "\r\n"])
def test_lines_of_quoted_newlines_are_those_of_the_file(tmp_path: Path, block_bytes: int, ends: str) -> None:
    text = awkward(60).replace("\n", ends)
    prepare_table(tmp_path, text, block_bytes=block_bytes, id="code", types={"note": "presence"})
    columns, rows, told = names_in(tmp_path / "prepared")
    assert columns == ("row", "line", "id")
    assert len(rows) == 15
    # The oracle: the line of the file on which the row's own code stands, less those of its first cell.
    lines = text.split(ends)
    for row, name in zip(rows, told, strict=True):
        on = next(n for n, line in enumerate(lines, 1) if str(row["id"]) in line)
        assert row["id"] == f"키-{row['row']:03}"
        assert row["line"] == on - 2 * (int(row["row"]) % 3)
        assert name == f"line {row['line']} (id {row['id']})"


@pytest.mark.parametrize("ending", ENDINGS)
def test_names_of_each_format(tmp_path: Path, ending: str) -> None:
    columns = {"code": [f"c{n}" for n in range(40)], **mixed(40)}
    prepared(write(tmp_path / f"t{ending}", columns), tmp_path / "out", id="code")
    header, rows, _ = names_in(tmp_path / "out")
    by_line = ending not in (".parquet", ".xlsx")
    assert header == ("row", "line" if by_line else "file_row", "id")
    headed = ending in (".csv", ".csv.gz", ".csv.zst", ".xlsx")
    for row in rows:
        assert row["id"] == f"c{row['row']}"
        assert row[header[1]] == int(row["row"]) + 1 + headed
    if ending == ".parquet":
        read = pq.read_table(tmp_path / "t.parquet")
        assert [read["code"][int(row["file_row"]) - 1].as_py() for row in rows] == [row["id"] for row in rows]


def test_several_files_of_two_formats(tmp_path: Path) -> None:
    for year, start in (("2023", 0), ("2024", 30)):
        (tmp_path / year).mkdir()
        write(
            tmp_path / year / "t.csv",
            {"code": [f"c{n}" for n in range(start, start + 30)], **mixed(30, start)},
        )
    prepared(tmp_path / "*" / "t.csv", tmp_path / "out", id="code")
    header, rows, told = names_in(tmp_path / "out")
    assert header == ("row", "file", "line", "id")
    assert {row["file"] for row in rows} == {"2023/t.csv", "2024/t.csv"}
    for row, name in zip(rows, told, strict=True):
        assert str(row["file"]) == ("2023/t.csv" if int(row["row"]) < 30 else "2024/t.csv")
        assert row["line"] == int(row["row"]) % 30 + 2
        assert row["id"] == f"c{row['row']}"
        assert name == f"{row['file']}: line {row['line']} (id {row['id']})"

    write(tmp_path / "test.parquet", mixed(9, 60))  # without the ids
    prepared(
        tmp_path / "*" / "t.csv", tmp_path / "other", id="code", test_path=str(tmp_path / "test.parquet")
    )
    header, rows, told = names_in(tmp_path / "other")
    assert header == ("row", "file", "file_row", "id")
    assert [tuple(row.values()) for row in rows] == [(60 + n, "test.parquet", n + 1, "") for n in range(9)]
    assert told[4] == "test.parquet: row 5"


def test_rows_left_out_and_files_of_mixed_units_keep_their_places(tmp_path: Path) -> None:
    columns = mixed(60)
    columns["y"] = [None if row % 4 == 1 else value for row, value in enumerate(columns["y"])]
    write(tmp_path / "a.jsonl", {key: values[:30] for key, values in columns.items()})
    write(tmp_path / "b.parquet", {key: values[30:] for key, values in columns.items()})
    prepared(tmp_path / "[ab].*", tmp_path / "out", missing_target="drop")
    header, rows, _ = names_in(tmp_path / "out")
    assert header == ("row", "file", "line", "file_row")
    for row in rows:
        place = int(row["row"])
        assert place % 4 != 1
        expected = ("a.jsonl", place + 1, "") if place < 30 else ("b.parquet", "", place - 29)
        assert (row["file"], row["line"], row["file_row"]) == expected


def test_an_id_that_orders_the_rows_stays_as_written(tmp_path: Path) -> None:
    text = "code,n,y\n" + "".join(f"{row:05},{row * 7 % 10},{RED[row % 2]}\n" for row in range(40))
    split = Split(method="time", by="code", test=0.25, val=0.0)
    prepare_table(tmp_path, text, id="code", split=split)
    assert [row["id"] for row in names_in(tmp_path / "prepared")[1]] == [f"{row:05}" for row in range(30, 40)]


@pytest.mark.parametrize("nested", [False, True])
def test_pictures_are_named_by_their_paths(tmp_path: Path, nested: bool) -> None:
    above = ["train/", "test/"] if nested else [""]
    root = folder_of(
        tmp_path / "raw", {f"{split}{name}": 12 for split in above for name in ("고양이", "dog/old")}
    )
    _, parts = prepared_images(root, tmp_path / "out")
    header, rows, told = names_in(tmp_path / "out")
    assert header == ("row", "path")
    assert len(rows) > 3
    for x, row, name in zip(parts["test"].x, rows, told, strict=True):
        assert np.array_equal(x, np.asarray(Image.open(root / str(row["path"]))).transpose(2, 0, 1))
        assert name == row["path"]
        assert str(row["path"]).startswith("test/") == nested


def test_built_in_and_own_data_go_by_their_numbers(tmp_path: Path) -> None:
    schema = write_prepared(tmp_path / "p", table(30), labels(30, 3), classes=LEAVES, test=10)
    assert not [name for name in schema.files if name.startswith("names-")]
    header, rows, told = names_in(tmp_path / "p")
    assert (header, [row["row"] for row in rows], told[0]) == (("row",), list(range(20, 30)), "row 20")


def test_checks_mistakes_and_errors_call_a_row_the_same(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = [f"k{row},{row * 37 % 101},{row * 11 % 7},{RED[row % 2]}" for row in range(80)]
    lines[50] = "k50," + lines[3].split(",", 1)[1].replace("blue", "red")  # contradicts row 3
    (tmp_path / "t.csv").write_text("code,a,b,y\n" + "\n".join(lines) + "\n")
    params = Prepare.model_validate(
        {
            "dataset": "csv",
            "csv": {"path": str(tmp_path / "t.csv"), "target": "y", "id": "code"},
            "split": {"method": "none"},
        }
    )
    schema = prepare_csv(params, tmp_path / "p")
    checks = json.loads((tmp_path / "p" / "checks.json").read_text())
    examples = [found["examples"] for found in checks["findings"] if found["check"] == "contradicting_labels"]
    assert examples == [[["train: line 5 (id k3)", "train: line 52 (id k50)"]]]

    write_model(tmp_path / "m", schema)
    evaluate(Evaluate(), Places(tmp_path / "p", tmp_path / "m", tmp_path / "out"), "cpu", 1)
    with (tmp_path / "out" / "mistakes.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert list(rows[0])[:3] == ["row", "line", "id"]
    for row in rows:
        assert (int(row["row"]) + 2, f"k{row['row']}") == (int(row["line"]), row["id"])
        assert row["label_error"] in ("true", "false")
    worst = rows[0]
    named = f"the worst: line {worst['line']} (id {worst['id']})"
    assert f"{named} is {worst['actual']}, predicted {worst['predicted']}" in capsys.readouterr().out

    (tmp_path / "t.csv").write_text(
        "code,a,b,y\n" + "\n".join([*lines[:9], "k9,x,1,red", *lines[10:]]) + "\n"
    )
    with pytest.raises(UserError, match=r"t\.csv: line 11: column 'a': 'x' is not a number"):
        prepare_csv(
            params.model_copy(update={"csv": params.csv.model_copy(update={"types": {"a": "numeric"}})}),
            tmp_path / "p",
        )


def test_names_are_cut_as_the_shards_are_and_a_damaged_file_is_named(tmp_path: Path) -> None:
    schema = write_prepared(tmp_path / "p", table(30), labels(30, 3), classes=LEAVES, test=30)
    x = np.zeros((30, 2), np.float32)
    texts = [f"é{row}" * (row % 3) for row in range(30)]
    for cuts in ([30], [1, 12, 30], [7, 8, 9, 30]):
        with PreparedWriter(tmp_path / "p", 80, Naming(("a", "b"), ("line", "row"), "id")) as writer:
            for start, stop in itertools.pairwise([0, *cuts]):
                here = np.arange(start, stop)
                rows = Arrays(x[here], np.zeros(len(here), np.int64), here)
                writer.add("test", rows, Names(here % 2, here * 3, PackedTexts.of(texts[start:stop])))
            written = writer.finish(schema.model_copy(update={"shape": (2,)}))
        assert [name for name in written.files if name.startswith("names-")] == [
            f"names-test-0000{shard}.safetensors" for shard in range(3)
        ]
        names = read_names(tmp_path / "p", written, np.arange(30))
        for row, text in enumerate(texts):
            units = (row * 3, "") if row % 2 == 0 else ("", row * 3)
            assert names.cells(row) == (row, "ab"[row % 2], *units, text)
    path = tmp_path / "p" / "names-test-00001.safetensors"
    path.write_bytes(path.read_bytes()[:-1] + b"?")
    with pytest.raises(
        UserError, match=r"names-test-00001\.safetensors: is not what schema\.json beside it names"
    ):
        read_names(tmp_path / "p", written, np.arange(30))


@given(st.lists(st.text(st.characters(codec="utf-8"), max_size=5), max_size=20), st.data())
def test_packed_texts_are_the_texts(texts: list[str], data: st.DataObject) -> None:
    def unpacked(packed: PackedTexts) -> list[str]:
        return [packed.text(row) for row in range(len(packed.ends))]

    packed = PackedTexts.of(texts)
    assert unpacked(packed) == texts
    keep = np.array(data.draw(st.lists(st.booleans(), min_size=len(texts), max_size=len(texts))), np.bool_)
    assert unpacked(packed.only(keep)) == [text for text, kept in zip(texts, keep, strict=True) if kept]
    middle = data.draw(st.integers(0, len(texts)))
    parts = [packed.part(0, middle), packed.part(middle, len(texts))]
    assert [unpacked(part) for part in parts] == [texts[:middle], texts[middle:]]
    assert unpacked(PackedTexts.joined(parts)) == texts


def test_a_row_without_a_text_has_the_rest() -> None:
    names = Names(None, np.array([4, 7]), PackedTexts.of(["", "x"]))
    told = RowNames(np.array([2, 5]), Naming(("t.csv",), ("line",), "id"), names)
    assert [told.told(0), told.told(1)] == ["line 4", "line 7 (id x)"]


def test_predict_calls_the_rows_as_mistakes_do(tmp_path: Path) -> None:
    text = awkward(60)
    prepare_table(tmp_path, text, id="code", types={"note": "presence"})
    schema = read_schema(tmp_path / "prepared")
    write_model(tmp_path / "m", schema)
    places = Places(tmp_path / "prepared", tmp_path / "m", tmp_path / "out")
    evaluate(Evaluate(), places, "cpu", 1)
    predicted = run(places, tmp_path / "table.csv")
    with (tmp_path / "out" / "mistakes.csv").open(encoding="utf-8", newline="") as stream:
        mistakes = list(csv.DictReader(stream))
    assert mistakes
    for row in mistakes:
        same = predicted[int(row["row"])]
        assert (same["line"], same["id"], same["predicted"]) == (row["line"], row["id"], row["predicted"])


def test_what_predict_refuses_is_called_the_same() -> None:
    schema = Schema.model_construct(classes=(), target_scale=None)
    texts = Texts("csv", schema, lambda _: np.zeros(1), places=("file", "line", "file_row"))
    outputs = torch.tensor([[float("nan")]])
    for place, name in (
        (("a.csv", 12, None), "a.csv: line 12"),
        (("b.parquet", None, 3), "b.parquet: row 3"),
    ):
        for row, called in ((11, name), ("k7", f"{name} (id k7)")):
            with pytest.raises(UserError) as refused:
                texts.rows([row], outputs, [place])
            assert refused.value.problems[0].startswith(f"{called}: the model's output is not finite")


def test_the_largest_residuals_are_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = "code,a,b,y\n" + "".join(f"k{row},{row % 9},{row % 4},{row * row}\n" for row in range(60))
    prepare_table(tmp_path, text, id="code", task="regression")
    write_model(tmp_path / "m", read_schema(tmp_path / "prepared"))
    evaluate(Evaluate(), Places(tmp_path / "prepared", tmp_path / "m", tmp_path / "out"), "cpu", 1)
    with (tmp_path / "out" / "mistakes.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert list(rows[0]) == ["row", "line", "id", "actual", "predicted", "residual"]
    sizes = [abs(float(row["residual"])) for row in rows]
    assert sizes == sorted(sizes, reverse=True)
    for row in rows:
        number = int(row["row"])
        assert (row["line"], row["id"], float(row["actual"])) == (str(number + 2), f"k{number}", number**2)
    worst = rows[0]
    assert f"furthest off: line {worst['line']} (id {worst['id']}) is " in capsys.readouterr().out
