"""Metrics of one's own beside ours, and new rows encoded by one's own code."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from own_project import in_folder, network, write_own
from trained import labels, table, write_model, write_prepared

from reprise.evaluation.evaluate import Places, evaluate
from reprise.evaluation.files import DETAILS
from reprise.export.export import export
from reprise.foundation.errors import UserError
from reprise.own.carried import code_to_carry
from reprise.prediction.predict import predict
from reprise.prepared.schema import Schema
from reprise.preparing.prepare import prepare
from reprise.settings.contradictions import contradictions
from reprise.settings.params import Bar, Evaluate, Params, Prepare
from reprise.training.refusals import refuse_unfit

PLACES = Places(Path("prepared"), Path("models"), Path("metrics"))


@pytest.fixture(autouse=True)
def _project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    in_folder(tmp_path, monkeypatch)


def judged(own: dict[str, Any] | None, *, values: bool = False, bar: Bar | None = None) -> dict[str, Any]:
    """Evaluate an untrained model on 40 made rows; return the test section of metrics.json."""
    x = table(80)
    y, classes = (x[:, 0], ()) if values else (labels(80, 3), ("a", "b", "c"))
    schema = write_prepared(PLACES.prepared, x, y, classes=classes, test=40)
    write_model(PLACES.model, schema)
    evaluate(Evaluate(own=own, bar=bar), PLACES, "cpu", 1)
    return json.loads(Path("metrics/metrics.json").read_text())["test"]


def metrics(body: str, arguments: str = "") -> str:
    return f"def metrics(schema, actual, predicted, probabilities{arguments}):\n    {body}\n"


def test_metrics_of_classes_are_told_beside_ours_and_may_be_the_bar() -> None:
    body = (
        "assert (actual.dtype, predicted.dtype, probabilities.dtype) == ('int64', 'int64', 'float64')\n"
        "    assert probabilities.shape == (40, len(schema.classes))\n"
        "    actual_before = actual.copy()\n"
        "    actual[:] = 0\n"
        "    return {'hits': share * (actual_before == predicted).mean(), 'rows': len(actual)}"
    )
    write_own(Path(), metrics=metrics(body, ", share"))
    test = judged({"share": 0.5}, bar=Bar(metric="hits", at_most=0.5))
    assert test["hits"] == test["accuracy"] / 2
    assert test["rows"] == 40.0
    judged({"share": 0.5}, bar=Bar(metric="hits", at_least=0.9))
    told = json.loads((PLACES.metrics / DETAILS).read_text())["bar"]["told"]
    assert re.fullmatch(r"hits .* is below at_least 0\.9", told)


def test_metrics_of_values_are_in_their_own_unit() -> None:
    body = "assert probabilities is None\n    return {'squares': ((actual - predicted) ** 2).mean()}"
    write_own(Path(), metrics=metrics(body))
    test = judged({}, values=True)
    assert test["squares"] == pytest.approx(test["rmse"] ** 2)


def test_without_the_key_nothing_is_called() -> None:
    write_own(Path(), metrics="1 / 0\n")
    assert "accuracy" in judged(None)


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        ("return 1.0", "own/metrics.py: metrics must return a dict of numbers by name, not float"),
        ("pass", "own/metrics.py: metrics must return a dict of numbers by name, not None"),
        (
            "return {'accuracy': 1.0}",
            "own/metrics.py: metrics: 'accuracy' is reported already; give it another name",
        ),
        (
            "return {'accuracy_low': 1.0}",
            "own/metrics.py: metrics: 'accuracy_low' is reported already; give it another name",
        ),
        ("return {1: 1.0}", "own/metrics.py: metrics: 1 is no name; names are texts"),
        ("return {'x': 'y'}", "own/metrics.py: metrics: 'x' must be a number; found str"),
        ("return {'x': True}", "own/metrics.py: metrics: 'x' must be a number; found bool"),
        ("return {'x': float('nan')}", "own/metrics.py: metrics: 'x' is nan; it must be finite"),
        ("return {'x': 1 / 0}", "own/metrics.py:2: ZeroDivisionError: division by zero"),
    ],
)
def test_what_is_no_metric_is_told_and_nothing_is_written(body: str, problem: str) -> None:
    write_own(Path(), metrics=metrics(body))
    with pytest.raises(UserError) as caught:
        judged({})
    assert str(caught.value) == problem
    assert not Path("metrics").exists()


def test_a_bar_may_name_any_metric_where_there_are_own_ones() -> None:
    sections: dict[str, Any] = {
        "prepare": {},
        "model": {},
        "train": {},
        "evaluate": {"bar": {"metric": "cost"}},
    }
    sections["evaluate"]["bar"]["at_most"] = 1.0
    assert len(contradictions(Params.model_validate(sections))) == 1
    sections["evaluate"]["own"] = {}
    assert contradictions(Params.model_validate(sections)) == []


# New rows

DATA = """
import numpy as np
from reprise.own.dataset import Dataset


def rows(settings, seed):
    texts = [chr(97 + number % 5) * (1 + number % 3) for number in range(60)]
    return Dataset(x=encode([{"text": text} for text in texts], settings), y=[text[0] for text in texts])


def encode(rows, settings):
    return np.array([[ord(row["text"][0]) - 96, len(row["text"])] for row in rows])
"""


def own_model(**changes: str) -> Schema:
    """Prepare rows of one's own and write an untrained network of one's own for them."""
    model = network("nn.Sequential(nn.Linear(2, 4), nn.ReLU(), nn.Linear(4, 5))")
    write_own(Path(), data=DATA, model=model, **changes)
    schema = prepare(Prepare(dataset="own", own={"a": 1}), PLACES.prepared, Path("raw"))
    card = write_model(PLACES.model, schema, kind="own")
    (PLACES.model / "model.json").write_text(
        card.model_copy(update={"own": code_to_carry()}).model_dump_json(), encoding="utf-8"
    )
    return schema


def predictions(source: str, **options: bool) -> list[list[str]]:
    predict(PLACES.model, source, "out.csv", "csv", 1000, "cpu", 1, **options)
    return [line.split(",") for line in Path("out.csv").read_text().splitlines()[1:]]


def test_predict_encodes_tables_and_json_lines_alike() -> None:
    own_model()
    texts = ["a", "bb", "ccc"]
    Path("new.csv").write_text("id,text\n" + "".join(f"row {text},{text}\n" for text in texts))
    Path("new.jsonl").write_text("".join(json.dumps({"text": text, "more": [1]}) + "\n" for text in texts))
    one, other = predictions("new.csv"), predictions("new.jsonl")
    assert [row[0] for row in one] == ["row a", "row bb", "row ccc"]
    assert [row[0] for row in other] == ["0", "1", "2"]
    assert [row[1:] for row in one] == [row[1:] for row in other]
    assert len({tuple(row) for row in one}) == 3


def test_predict_tells_what_is_wrong_with_new_rows() -> None:
    own_model()
    Path("new.jsonl").write_text('{"txt": "a"}\n')
    with pytest.raises(UserError, match=r"^own/data\.py:12: KeyError: 'text'$"):
        predictions("new.jsonl")
    Path("own/data.py").write_text(
        DATA.replace('len(row["text"])]', 'len(row["text"]), 0][: 2 + (len(rows) < 9)]')
    )
    schema = prepare(Prepare(dataset="own"), PLACES.prepared, Path("raw"))
    write_model(PLACES.model, schema)
    Path("new.jsonl").write_text('{"text": "a"}\n')
    with pytest.raises(
        UserError, match=r"^own/data\.py: encode: must return \(1, 2\) for 1 rows; found \(1, 3\)$"
    ):
        predictions("new.jsonl")


@pytest.mark.parametrize("name", ["model", "data"])
def test_a_model_from_elsewhere_runs_only_when_it_is_trusted(name: str) -> None:
    own_model()
    Path("new.jsonl").write_text('{"text": "a"}\n')
    expected = predictions("new.jsonl")
    path = Path(f"own/{name}.py")
    path.write_text(path.read_text() + "# changed\n")
    match = rf"^models/model\.json: carries code that is not this project's \(own/{name}\.py differs\)"
    with pytest.raises(UserError, match=match):
        predictions("new.jsonl")
    assert predictions("new.jsonl", trust=True) == expected
    if name == "model":
        with pytest.raises(UserError, match=match):
            export(PLACES.model, PLACES.prepared, "torch", Path("model.pt2"))
        with pytest.raises(UserError, match=match):
            evaluate(Evaluate(), PLACES, "cpu", 1)
        evaluate(Evaluate(), PLACES, "cpu", 1, trust=True)
    export(PLACES.model, PLACES.prepared, "torch", Path("model.pt2"), trust=True)


def test_an_export_far_from_its_data_is_checked_on_numbers_that_exist() -> None:
    write_own(Path(), data=DATA, model=network("Net()").replace("\n\n\ndef build", """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.table, self.head = nn.Embedding(9, 4), nn.Linear(4, 5)

    def forward(self, x):
        return self.head(self.table(x.long()).mean(1))


def build"""))  # fmt: skip
    schema = prepare(Prepare(dataset="own"), PLACES.prepared, Path("raw"))
    card = write_model(PLACES.model, schema, kind="own")
    (PLACES.model / "model.json").write_text(
        card.model_copy(update={"own": code_to_carry()}).model_dump_json()
    )
    done = export(PLACES.model, Path("elsewhere"), "torch", Path("model.pt2"))
    assert done.kind.startswith("random rows")
    assert np.isfinite(done.difference)


def test_images_of_any_shape_come_as_pixels_and_not_as_files() -> None:
    rows = "Dataset(x=np.arange(40 * 24, dtype=np.uint8).reshape(40, 2, 3, 4), y=[0, 1] * 20)"
    head = "import numpy as np\nfrom reprise.own.dataset import Dataset\n"
    write_own(Path(), data=f"{head}def rows(settings, seed):\n    return {rows}\n")
    schema = prepare(Prepare(dataset="own"), PLACES.prepared, Path("raw"))
    write_model(PLACES.model, schema)
    Path("new.jsonl").write_text(json.dumps({"pixels": np.zeros((2, 3, 4), int).tolist()}) + "\n")
    assert len(predictions("new.jsonl")) == 1
    Path("new.png").write_bytes(b"")
    match = (
        r"^new\.png: the model takes 2x3x4, which no image file is read as; give JSON lines with 'pixels'$"
    )
    with pytest.raises(UserError, match=match):
        predictions("new.png")


def test_a_table_of_ones_own_is_not_augmented() -> None:
    sections: dict[str, Any] = {
        "prepare": {"dataset": "own"}, "model": {"kind": "mlp"}, "train": {"augment": {"shift": 1}},
        "evaluate": {},
    }  # fmt: skip
    params = Params.model_validate(sections)
    assert contradictions(params) == []  # it may be images
    schema = write_prepared(PLACES.prepared, table(20), labels(20, 2), classes=("a", "b"))
    with pytest.raises(
        UserError, match=r"^train\.augment: shift: for images, but the prepared data is a table; leave it out"
    ):
        refuse_unfit(params, schema)


@pytest.mark.parametrize("kind", ["linear", "mlp", "tabm", "cnn", "resnet18", "own"])
def test_rows_of_ones_own_go_with_every_kind_until_they_are_known(kind: str) -> None:
    sections: dict[str, Any] = {
        "prepare": {"dataset": "own"},
        "model": {"kind": kind},
        "train": {},
        "evaluate": {},
    }
    assert contradictions(Params.model_validate(sections)) == []
