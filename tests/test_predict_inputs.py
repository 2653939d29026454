"""`reprise predict`: every kind of input, and what is said of bad ones."""

from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image
from predicting import by_name, run, write_csv
from trained import LEAVES, images, labels, table, write_model, write_prepared

from reprise.evaluation.evaluate import Places
from reprise.foundation.errors import UserError
from reprise.prediction.predict import predict
from reprise.settings.params import Csv, Prepare
from reprise.tables.prepare import prepare_csv


@pytest.fixture
def places(tmp_path: Path) -> Places:
    return Places(tmp_path / "prepared", tmp_path / "models", tmp_path / "metrics")


def test_json_lines_are_the_csvs_rows(places, tmp_path, monkeypatch, capfdbinary):
    x = table(25)
    schema = write_prepared(places.prepared, x, labels(25, 3), classes=LEAVES)
    write_model(places.model, schema)
    from_csv = run(places, write_csv(tmp_path / "x.csv", by_name(schema, x)))
    lines = "".join(
        json.dumps({**dict(zip(schema.columns, row, strict=True)), "id": n * 2}) + "\n\n"
        for n, row in enumerate(x.tolist())
    )
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(lines.encode())))
    assert predict(places.model, "-", "-", None, 1000, "cpu", 1) == 25
    out = [json.loads(line) for line in capfdbinary.readouterr().out.splitlines()]
    assert [row["id"] for row in out] == [n * 2 for n in range(25)]
    assert [row["predicted"] for row in out] == [row["predicted"] for row in from_csv]
    assert [row["probabilities"] for row in out] == [
        {name: float(row[f"probability_{name}"]) for name in LEAVES} for row in from_csv
    ]


def test_json_pixels_and_paths(places, tmp_path):
    pixels = images(3, (1, 6, 6))
    schema = write_prepared(places.prepared, pixels, np.array([0, 1, 2]), classes=LEAVES)
    write_model(places.model, schema)
    path = tmp_path / "one.png"
    Image.fromarray(pixels[0, 0]).save(path)
    rows = [{"path": str(path)}, {"pixels": pixels[0].tolist(), "id": "a"}, {"pixels": pixels[0, 0].tolist()}]
    source = tmp_path / "in.jsonl"
    source.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    found = run(places, source, ending=".jsonl")
    assert [row["id"] for row in found] == [str(path), "a", 2]
    assert found[0]["probabilities"] == found[1]["probabilities"] == found[2]["probabilities"]


BAD_OBJECTS = [
    ('{"column 0": Infinity, "column 1": 2, "column 2": 3, "column 3": 4}', "Infinity is not a number"),
    ('{"column 0": 1, "column 1": 2, "column 2": 3, "column 3": 1' + "0" * 400 + "}", "is not a number"),
    ('{"column 0": 1, "column 1": 2, "column 2": 3, "column 3": 4, "id": "\\ud800"}', "not JSON"),
    ("[1, 2]", r"line 1: must be an object"),
    ("{", r"line 1: not JSON"),
    ("\xff", r"line 1: no column|line 1: not JSON"),
    ('{"column 0": 1}', r"line 1: no column 'column 1', which the model needs"),
    (
        '{"column 0": [1], "column 1": 2, "column 2": 3, "column 3": 4}',
        r"line 1: column 'column 0': must be a text",
    ),
    (
        '{"column 0": "x", "column 1": 2, "column 2": 3, "column 3": 4}',
        r"line 1: column 'column 0': 'x' is not a number",
    ),
    (
        '{"column 0": true, "column 1": 2, "column 2": 3, "column 3": 4}',
        r"column 'column 0': 'true' is not a number",
    ),
]


@pytest.mark.parametrize(("line", "message"), BAD_OBJECTS)
def test_bad_objects_are_named_and_nothing_is_written(places, tmp_path, line, message):
    schema = write_prepared(places.prepared, table(5), labels(5, 3), classes=LEAVES)
    write_model(places.model, schema)
    source = tmp_path / "in.jsonl"
    source.write_text(line, encoding="utf-8")
    with pytest.raises(UserError, match=message):
        run(places, source)
    assert not list(tmp_path.glob("predictions*"))


BAD_TABLES = [
    ("column 0,column 1,column 2\n1,2,3\n", r"no column 'column 3', which the model needs"),
    ("column 0,column 1,column 2,colum 3\n1,2,3,4\n", r"no column 'column 3', .* did you mean 'colum 3'\?"),
    (
        "column 0,column 1,column 2,column 3\n1,2,3,4\n1,2,blue,4\n",
        r"line 3: column 'column 2': 'blue' is not a number",
    ),
    ("column 0,column 1,column 2,column 3\n1,2,3,4\n1,2\n", r"line 3: 2 field\(s\)"),
    ("column 0,column 1,column 2,column 3\n1,2,3,1e300\n", r"line 2: column 'column 3'"),
    ("", r"empty"),
]


@pytest.mark.parametrize(("text", "message"), BAD_TABLES)
def test_bad_tables_are_named_and_nothing_is_written(places, tmp_path, text, message):
    schema = write_prepared(places.prepared, table(5), labels(5, 3), classes=LEAVES)
    write_model(places.model, schema)
    source = tmp_path / "in.csv"
    source.write_text(text, encoding="utf-8")
    with pytest.raises(UserError, match=message):
        run(places, source)
    assert not list(tmp_path.glob("predictions*"))


def test_extra_and_reordered_columns_are_told(places, tmp_path, capsys):
    x = table(8)
    schema = write_prepared(places.prepared, x, labels(8, 3), classes=LEAVES)
    write_model(places.model, schema)
    columns = by_name(schema, x)
    plain = run(places, write_csv(tmp_path / "a.csv", columns))
    assert capsys.readouterr().err == ""
    columns["more"] = [0] * 8
    mixed = run(places, write_csv(tmp_path / "b.csv", columns, sorted(columns, reverse=True)))
    told = capsys.readouterr().err
    assert "column 'more' is not used" in told
    assert "matched by name" in told
    assert mixed == plain


@pytest.mark.parametrize(
    ("content", "source", "message"),
    [
        ("table", "folder", "a folder; give a file"),
        ("table", "none.csv", "no such file; give the path of a table"),
        ("table", "none.jsonl", "no such file"),
        ("images", "x.csv", "a table, but the model takes images"),
        ("images", "folder", "no images in this folder"),
        ("images", "x.png", "is not a JPEG, PNG"),
    ],
)
def test_an_input_of_another_kind_is_refused(places, tmp_path, content, source, message):
    x = table(5) if content == "table" else images(5, (1, 6, 6))
    schema = write_prepared(places.prepared, x, labels(5, 3), classes=LEAVES)
    write_model(places.model, schema)
    (tmp_path / "folder").mkdir()
    for name in ("x.csv", "x.png"):
        (tmp_path / name).write_text("a,b\n1,2\n")
    with pytest.raises(UserError, match=message):
        run(places, tmp_path / source)


@pytest.mark.parametrize("with_target", [True, False])
def test_a_table_without_a_header_is_matched_by_place(places, tmp_path, with_target):
    x = table(60, 2)
    rows = [[n + 100, *row, "ab"[n % 2]] for n, row in enumerate(x.tolist())]
    path = tmp_path / "all.csv"
    path.write_text("".join(",".join(map(str, row)) + "\n" for row in rows))
    chosen = Csv(path=str(path), target="column_4", id="column_1", header="no")
    write_model(places.model, prepare_csv(Prepare(dataset="csv", csv=chosen), places.prepared))
    source = tmp_path / "new.csv"
    source.write_text("".join(",".join(map(str, row[: 3 + with_target])) + "\n" for row in rows))
    found = run(places, source)
    assert [row["id"] for row in found] == [str(row[0]) for row in rows]
    source.write_text("1,2\n")
    with pytest.raises(UserError, match=r"2 column\(s\) without names"):
        run(places, source)


@pytest.fixture(scope="module")
def mixed_model(tmp_path_factory) -> Places:
    folder = tmp_path_factory.mktemp("mixed")
    columns = {
        "n": [f"{n / 3:.3f}" for n in range(60)],
        "c": [("red", "green")[n % 2] for n in range(60)],
        "y": [("no", "yes")[n % 3 > 0] for n in range(60)],
    }
    path = write_csv(folder / "all.csv", columns)
    places = Places(folder / "prepared", folder / "models", folder / "metrics")
    schema = prepare_csv(Prepare(dataset="csv", csv=Csv(path=str(path), target="y")), places.prepared)
    write_model(places.model, schema)
    return places


CELLS = st.text("n,c;\"'\n\r\t01.5e9-?é한\x00\ufeff", max_size=8)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.one_of(
        st.binary(max_size=60),
        st.lists(st.tuples(CELLS, CELLS), max_size=4).map(
            lambda rows: ("n,c\n" + "\n".join(map(",".join, rows))).encode()
        ),
        st.lists(CELLS, max_size=4).map(lambda lines: "\n".join(lines).encode("utf-16")),
    ),
    st.sampled_from(["in.csv", "in.jsonl"]),
)
def test_whatever_the_bytes_there_is_a_result_or_an_error_and_nothing_half_written(mixed_model, data, name):
    folder = mixed_model.model.parent
    output = folder / "out.csv"
    output.unlink(missing_ok=True)
    (folder / name).write_bytes(data)
    before = set(folder.iterdir())
    problems = None
    try:
        predict(mixed_model.model, str(folder / name), str(output), "csv", 1000, "cpu", 1)
    except UserError as error:
        problems = error.problems
    if problems is not None:
        assert problems
        assert all(line and "\n" not in line for line in problems)
        assert set(folder.iterdir()) == before
    else:
        assert output.read_bytes().startswith(b"id,line,predicted,probability_no,probability_yes\n")


def test_json_of_other_programs_is_understood(mixed_model):
    folder = mixed_model.model.parent
    lines = ['{"n": NaN, "c": "red"}', '{"n": null, "c": "red"}', '{"n": "", " c ": "red"}']
    (folder / "in.jsonl").write_text("\ufeff" + "\r\n".join(lines), encoding="utf-8")
    rows = run(mixed_model, folder / "in.jsonl", ending=".jsonl")
    assert rows[0]["probabilities"] == rows[1]["probabilities"] == rows[2]["probabilities"]


@pytest.mark.parametrize(
    "row",
    [
        {"pth": "a.png"},
        {"path": "a\0b"},
        {"pixels": [[1, 2], [3]]},
        {"pixels": "x"},
        {"pixels": [[0.5] * 6] * 6},
        {"pixels": [[-1] * 6] * 6},
        {"path": "none.png"},
    ],
)
def test_bad_image_objects_are_named(places, tmp_path, row):
    schema = write_prepared(places.prepared, images(5, (1, 6, 6)), labels(5, 3), classes=LEAVES)
    write_model(places.model, schema)
    (tmp_path / "in.jsonl").write_text(json.dumps(row), encoding="utf-8")
    with pytest.raises(UserError, match=r"line 1: (needs 'path'|pixels: )|none\.png"):
        run(places, tmp_path / "in.jsonl")
