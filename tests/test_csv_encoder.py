"""New rows: the encoder gives them the features that prepare gave, or says precisely what is wrong."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from csv_tables import new_rows, prepare_table
from test_csv_prepare import mixed_table

from reprise.foundation.errors import UserError
from reprise.tables.codes import positions
from reprise.tables.encoder import Encoder
from reprise.tables.parse import cells

TABLE = "age,city,y\n" + "".join(f"{n + 20},{'pq'[n % 2]},{'ab'[n % 2]}\n" for n in range(20))


def encoder_of(tmp_path: Path, table: str = TABLE, **csv: object) -> Encoder:
    return prepare_table(tmp_path, table, **csv).encoder


def features(encoder: Encoder, text: str) -> tuple[np.ndarray, list[str], list[str]]:
    """Return the features, problems and notes of a text that comes as a stream."""
    x, _, problems, notes = new_rows(text, encoder)
    return x, problems, notes


@pytest.mark.parametrize("block_bytes", [50, 10**6])
def test_new_rows_get_the_features_that_prepare_gave(tmp_path: Path, block_bytes: int) -> None:
    prepared = prepare_table(tmp_path, mixed_table())
    encoder = Encoder.from_json(json.loads(json.dumps(prepared.encoder.to_json())))
    assert encoder == prepared.encoder
    x, lines, problems, notes = new_rows(tmp_path / "table.csv", encoder, block_bytes)
    assert not problems
    assert not notes
    assert np.array_equal(x[prepared.train.ids], prepared.train.x)
    assert np.array_equal(x[prepared.test.ids], prepared.test.x)
    content = mixed_table().split("\n")
    starts = [number for number, line in enumerate(content, 1) if not line.startswith("island") and line]
    assert lines.tolist() == starts[1:]


def test_columns_in_another_order_and_columns_too_many(tmp_path: Path) -> None:
    encoder = encoder_of(tmp_path)
    expected, _, notes = features(encoder, "age,city\n3,q\n,new\n")
    assert notes == []
    x, problems, notes = features(encoder, "city,extra,age\nq,1,3\nnew,2,\n")
    assert np.array_equal(x, expected)
    assert not problems
    assert notes == [
        "standard input: column 'extra' is not used: the training data had none",
        "standard input: the columns are in another order than in training; they are matched by name",
    ]
    median = encoder.columns[0].fill  # type: ignore[union-attr]
    filled, _, _ = features(encoder, f"age,city\n{median},new\n")
    assert np.array_equal(expected[1], filled[0])
    assert expected[1, 1:].tolist() == [0, 0, 1]


def test_missing_columns_are_named(tmp_path: Path) -> None:
    with pytest.raises(UserError) as caught:
        features(encoder_of(tmp_path), "Age,town\n1,2\n")
    assert caught.value.problems == (
        "standard input: no column 'age', which the model needs; did you mean 'Age'?",
        "standard input: no column 'city', which the model needs; "
        "add it, with empty cells if it is not known",
    )


def test_cells_of_another_type_are_named(tmp_path: Path) -> None:
    _, problems, _ = features(encoder_of(tmp_path), 'age,city\n1,p\n"two\n",q\n3,1\nx,p\n')
    assert problems == [
        "line 3: column 'age': 'two' is not a number",
        "line 6: column 'age': 'x' is not a number",
    ]
    _, problems, _ = features(encoder_of(tmp_path), "age,city\n" + "x,p\n" * 50)
    assert len(problems) == 5
    assert problems[-1].endswith("(45 more in this column)")


def test_a_number_too_large_for_the_model(tmp_path: Path) -> None:
    _, problems, _ = features(encoder_of(tmp_path), "age,city\n1,p\n1e300,p\n")
    assert problems == ["line 3: column 'age': the number is too large for the model"]


def test_another_dialect(tmp_path: Path) -> None:
    encoder = encoder_of(tmp_path)
    expected, _, _ = features(encoder, "age,city\n3.5,q\n1234,p\n")
    x, problems, _ = features(encoder, "city;age\r\nq;3,5\r\np;1.234\r\n")
    assert not problems
    assert np.array_equal(x, expected)


def test_without_a_header_columns_are_matched_by_place(tmp_path: Path) -> None:
    table = "".join(f"{n}.5,{'ab'[n % 2]},{n % 3}\n" for n in range(20))
    encoder = encoder_of(tmp_path, table, target="column_2")
    expected, _, _ = features(encoder, "1.5,a,2\n")
    assert np.array_equal(features(encoder, "1.5,2\n")[0], expected)
    with pytest.raises(UserError, match=r"4 column\(s\) without names, but the training data had 3"):
        features(encoder, "1,2,3,4\n")


def test_rows_from_elsewhere(tmp_path: Path) -> None:
    encoder = encoder_of(tmp_path)
    expected, _, _ = features(encoder, "age,city\n3,q\n,p\n")
    columns = {"age": cells(["3", None]), "city": cells(["q", "p"])}
    x, problems = encoder.transform(columns, np.array([1, 2]))
    assert not problems
    assert np.array_equal(x, expected)
    columns["age"] = np.array([3.0, np.nan])  # type: ignore[assignment]
    assert np.array_equal(encoder.transform(columns, np.array([1, 2]))[0], expected)


def test_a_broken_encoder_is_refused() -> None:
    with pytest.raises(UserError, match="the schema's encoder: target"):
        Encoder.from_json({"header": True, "order": [], "columns": []})


def test_positions() -> None:
    from reprise.tables.values import text_hash

    categories = tuple(f"category {n}" for n in range(50))
    hashes = np.array([text_hash(name) for name in (*categories, "other")] + [0], np.uint64)
    assert positions(hashes, categories).tolist() == [*range(50), 50, 50]
