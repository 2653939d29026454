"""Rows of one's own become prepared data like any other; what is wrong with them is told in a line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from own_project import in_folder, write_own
from sklearn.preprocessing import StandardScaler

from reprise.foundation.errors import UserError
from reprise.prepared.schema import Schema
from reprise.prepared.shards import Arrays, read_split
from reprise.preparing.prepare import prepare
from reprise.settings.params import Prepare, Split

HEAD = "import numpy as np\nfrom reprise.own.dataset import Dataset\n\n"


@pytest.fixture(autouse=True)
def _project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    in_folder(tmp_path, monkeypatch)


def prepared(returned: str, more: str = "", **params: Any) -> tuple[Schema, dict[str, Arrays]]:
    """Prepare what an own/data.py returns; return the schema and the splits."""
    body = f"def rows(settings, seed):\n    return {returned}\n"
    write_own(Path(), data=HEAD + body + more)
    schema = prepare(Prepare(dataset="own", **params), Path("prepared"), Path("raw"))
    return schema, {split: read_split(Path("prepared"), schema, split) for split in ("train", "val", "test")}


FLOATS = (
    "Dataset(x=np.arange(80.0).reshape(40, 2) ** 2, y=['b', 'a'] * 20, columns=['p', 'q'], target='kind')"
)


def test_floats_are_a_table_that_is_normalised() -> None:
    schema, splits = prepared(FLOATS)
    assert (schema.layout, schema.task, schema.shape) == ("table", "classification", (2,))
    assert (schema.columns, schema.classes, schema.target) == (("p", "q"), ("a", "b"), "kind")
    assert list(schema.raw) == ["own/data.py"]
    assert schema.own is None
    x = np.arange(80.0).reshape(40, 2) ** 2
    scaler = StandardScaler().fit(x[splits["train"].ids])
    for rows in splits.values():
        assert np.allclose(rows.x, scaler.transform(x[rows.ids]), atol=1e-6)
        assert rows.y.tolist() == [1 - number % 2 for number in rows.ids.tolist()]


def test_whole_numbers_stay_as_they_are() -> None:
    schema, splits = prepared("Dataset(x=np.arange(60).reshape(30, 2) - 7, y=np.arange(30) % 3)")
    assert (schema.layout, schema.inputs, schema.classes) == ("table", None, ("0", "1", "2"))
    assert schema.columns == ("x_0", "x_1")
    for rows in splits.values():
        assert rows.x.dtype == np.float32
        assert rows.x.tolist() == [[2 * number - 7, 2 * number - 6] for number in rows.ids.tolist()]


@pytest.mark.parametrize("flatten", [False, True])
def test_bytes_are_images(flatten: bool) -> None:
    x = "np.arange(20 * 12, dtype=np.uint8).reshape(20, 3, 2, 2)"
    schema, splits = prepared(f"Dataset(x={x}, y=np.linspace(0, 1, 20))", flatten=flatten)
    assert (schema.layout, schema.shape) == (("table", (12,)) if flatten else ("images", (3, 2, 2)))
    assert (schema.task, schema.classes) == ("regression", ())
    if not flatten:
        expected = np.arange(240, dtype=np.uint8).reshape(20, 3, 2, 2)
        assert all(np.array_equal(rows.x, expected[rows.ids]) for rows in splits.values())


def test_a_published_test_split_is_kept() -> None:
    _, splits = prepared("Dataset(x=np.eye(20), y=np.arange(20) % 2, test=np.arange(20) >= 15)")
    assert splits["test"].ids.tolist() == [15, 16, 17, 18, 19]


def test_settings_and_seed_reach_the_code_and_the_params_stay() -> None:
    returned = "Dataset(x=np.full((20, 1), seed + settings['sizes'].pop()), y=[0.0, 1.0] * 10)"
    params = Prepare(dataset="own", own={"sizes": [3]}, seed=5, normalise="none")
    write_own(Path(), data=f"{HEAD}def rows(settings, seed):\n    return {returned}\n")
    schema = prepare(params, Path("prepared"), Path("raw"))
    assert (read_split(Path("prepared"), schema, "train").x == 8).all()
    assert params.own == {"sizes": [3]}


def test_the_same_rows_are_the_same_bytes() -> None:
    def files() -> dict[str, bytes]:
        prepared(FLOATS, split=Split(test=0.3))
        return {path.name: path.read_bytes() for path in Path("prepared").iterdir()}

    assert files() == files()


def test_code_for_new_rows_is_carried_with_its_settings() -> None:
    more = "\n\ndef encode(rows, settings):\n    return np.zeros((len(rows), 2))\n"
    schema, _ = prepared(FLOATS, more, own={"width": 3})
    assert schema.own is not None
    assert schema.own.settings == {"width": 3}
    assert schema.own.files["data.py"].text == Path("own/data.py").read_text()
    stored = json.loads(Path("prepared/schema.json").read_text())
    assert Schema.model_validate(stored) == schema


def test_a_table_cannot_be_flattened() -> None:
    with pytest.raises(
        UserError, match=r"rows: its rows are a table already; set prepare\.flatten to false$"
    ):
        prepared(FLOATS, flatten=True)


@pytest.mark.parametrize(
    ("returned", "problem"),
    [
        ("3", "must return a Dataset of reprise.own.dataset, not int"),
        ("None", "must return a Dataset of reprise.own.dataset, not None"),
        ("Dataset(x=np.zeros((3, 2)), y=[1, 2])",
         "y must be of shape (3,), one target for each row of x; found (2,)"),
        ("Dataset(x=np.array([[1, np.nan], [np.inf, 0]]), y=[0, 1])",
         "x[0, 1] is nan; 2 values are not finite"),
        ("Dataset(x=np.zeros((3, 2, 2)), y=[0, 1, 0])",
         "x must be (rows, features) of floats or whole numbers, or (rows, channels, height, width) of "
         "uint8; found float64 of shape (3, 2, 2)"),
        ("Dataset(x=np.zeros((0, 2)), y=[])", "x is empty: its shape is (0, 2)"),
        ("Dataset(x=[[1], [2, 3]], y=[0, 1])", "x can't be made an array ("),
        ("Dataset(x=np.full((2, 1), 2**24 + 1), y=[0, 1])",
         "x: whole numbers must lie from -16,777,216 to 16,777,216; make larger ones floats"),
        ("Dataset(x=np.zeros((2, 1), np.uint8).reshape(2, 1, 1, 1), y=[0, 1], columns=['a'])",
         "columns are of a table, but x is images; leave them out"),
        ("Dataset(x=np.zeros((2, 2)), y=[0, 1], columns=['a', 'a'])",
         "columns must be 2 different names, one for each feature; found 1"),
        ("Dataset(x=np.zeros((2, 1)), y=['a', None])",
         "y must be floats, whole numbers or texts; found object"),
        ("Dataset(x=np.zeros((2, 1)), y=['a', 'a'])",
         "y has one class alone, 'a'; there must be two or more"),
        ("Dataset(x=np.zeros((2, 1)), y=['a', 'c'], classes='ab')", "y holds 'c', which is none of classes"),
        ("Dataset(x=np.zeros((2, 1)), y=[0, 2], classes='ab')", "y holds 0 to 2, but classes are 0 to 1"),
        ("Dataset(x=np.zeros((2, 1)), y=[0, -1])", "y holds -1 to 0, but classes are 0 to 0"),
        ("Dataset(x=np.zeros((2, 1)), y=[0, 1], classes='aa')", "classes holds a name twice"),
        ("Dataset(x=np.zeros((2, 1)), y=[0.0, 1.0], classes='ab')",
         "y is floats, a regression, but classes are given; make y whole numbers or texts"),
        ("Dataset(x=np.zeros((2, 1)), y=[0.0, 1e39])", "y[1] is 1e+39; 1 targets are not finite as float32"),
        ("Dataset(x=np.zeros((2, 1)), y=[0, 1], test=[1, 0])",
         "test must be 2 booleans, one for each row; found int64 of shape (2,)"),
        ("Dataset(x=np.zeros((2, 1)), y=[0, 1], test=[True, True])",
         "test says True for every row; leave it out, or choose some rows"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_rows_is_told(returned: str, problem: str) -> None:
    with pytest.raises(UserError) as caught:
        prepared(returned)
    assert str(caught.value).startswith(f"own/data.py: rows: {problem}")
    assert "\n" not in str(caught.value)
    assert not Path("prepared").exists()


def test_an_error_in_the_code_is_told_with_its_line() -> None:
    with pytest.raises(
        UserError, match=r"^own/data\.py:5: TypeError: Dataset\.__init__\(\) missing 1 required"
    ):
        prepared("Dataset(x=np.zeros((2, 1)))")
