"""`reprise predict` on raw files gives the numbers of evaluate on prepared data, exactly."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from predicting import by_name, run, same_as_evaluate, write_csv
from trained import LEAVES, images, labels, table, write_model, write_prepared

from reprise.evaluation.evaluate import Places, evaluate
from reprise.images.folder import read_folder
from reprise.images.prepare import prepare_images
from reprise.prepared.schema import Statistics
from reprise.prepared.shards import read_split
from reprise.preparing.prepare import prepare
from reprise.settings.params import Cnn, Csv, Evaluate, Images, Prepare, Split
from reprise.tables.prepare import prepare_csv


@pytest.fixture
def places(tmp_path: Path) -> Places:
    return Places(tmp_path / "prepared", tmp_path / "models", tmp_path / "metrics")


@pytest.mark.parametrize(
    ("dataset", "how"), [("iris", "global"), ("breast_cancer", "feature"), ("random", "none")]
)
def test_a_built_in_dataset_gives_evaluates_metrics(places, tmp_path, dataset, how):
    schema = prepare(Prepare(dataset=dataset, normalise=how, split=Split(val=0.0)), places.prepared, tmp_path)
    write_model(places.model, schema)
    from reprise.data.sources import load

    raw = load(Prepare(dataset=dataset), tmp_path)
    ids = read_split(places.prepared, schema, "test").ids
    names = [schema.classes[number] for number in raw.y[ids]]
    path = write_csv(tmp_path / "test.csv", {**by_name(schema, raw.x[ids]), schema.target: names})
    same_as_evaluate(places, run(places, path), names, schema)


def test_a_csv_dataset_gives_evaluates_metrics(places, tmp_path):
    rows = 300
    x = table(rows, 3)
    columns = {
        "a": [("" if n % 7 == 0 else f"{value:.6f}") for n, value in enumerate(x[:, 0])],
        "지역": [("서울", "부산", "대구, 북구")[n % 3] for n in range(rows)],
        "day": [f"2024-{n % 12 + 1:02}-{n % 28 + 1:02}" for n in range(rows)],
        "b": [f"{value:.4f}" for value in x[:, 1]],
        "name": [f"row {n}" for n in range(rows)],
        "answer": [("no", "yes")[n % 5 < 2] for n in range(rows)],
    }
    path = write_csv(tmp_path / "all.csv", columns)
    chosen = Csv(path=str(path), target="answer", id="name")
    schema = prepare_csv(Prepare(dataset="csv", csv=chosen, split=Split(val=0.1)), places.prepared)
    write_model(places.model, schema)
    ids = read_split(places.prepared, schema, "test").ids.tolist()
    order = ["answer", "name", "b", "day", "지역", "a"]
    test = write_csv(tmp_path / "test.csv", {k: [v[n] for n in ids] for k, v in columns.items()}, order)
    predictions = run(places, test)
    assert [row["id"] for row in predictions] == [f"row {n}" for n in ids]
    same_as_evaluate(places, predictions, [columns["answer"][n] for n in ids], schema)


def test_a_regression_gives_evaluates_predictions(places, tmp_path):
    x = table(90)
    schema = write_prepared(
        places.prepared, x, x[:, 1] * 3, test=40, target_scale=Statistics(mean=(5.0,), std=(3.0,))
    )
    write_model(places.model, schema)
    rows = run(places, write_csv(tmp_path / "x.csv", by_name(schema, x[50:])), size=16)
    verdict = evaluate(Evaluate(batch_size=16), places, "cpu", 1)
    assert set(rows[0]) == {"id", "line", "predicted"}
    assert [float(row["predicted"]) for row in rows] == [row[2] for row in verdict.predictions.rows]


def test_image_files_give_evaluates_metrics(places, tmp_path):
    y, pixels = labels(40, 3), images(40, (3, 8, 8))
    schema = write_prepared(places.prepared, pixels, y, classes=LEAVES)
    write_model(places.model, schema, kind="cnn", cnn=Cnn(padding=1))
    for number, one in enumerate(pixels):
        folder = tmp_path / "pictures" / f"{number % 2}"
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(one.transpose(1, 2, 0)).save(folder / f"{number:02}.png")
    (tmp_path / "pictures" / "notes.txt").write_text("not an image")
    rows = sorted(run(places, tmp_path / "pictures"), key=lambda row: row["id"][2:])
    assert rows[5]["id"] == "1/05.png"
    # The folder's order is another than the test split's: that must show in no figure either.
    same_as_evaluate(places, rows, [LEAVES[number] for number in y], schema)
    alone = run(places, tmp_path / "pictures" / "0" / "04.png")
    assert alone[0]["predicted"] == rows[4]["predicted"]


def test_an_image_folder_gives_evaluates_metrics(places, tmp_path):
    root = tmp_path / "raw"
    for number, pixels in enumerate(images(60, (3, 17, 24))):
        folder = root / ("고양이", "dog")[number % 2]
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels.transpose(1, 2, 0)).save(folder / f"{number}.jpg", quality=90)
    chosen = Images(path=str(root), pixels=12, mode="grayscale")
    schema = prepare_images(Prepare(dataset="images", images=chosen), places.prepared)
    write_model(places.model, schema)
    files = read_folder(root).files
    test = [files[number] for number in read_split(places.prepared, schema, "test").ids]
    new = tmp_path / "new"
    new.mkdir()
    for place, file in enumerate(test):
        (new / f"{place:03}.jpg").write_bytes(Path(file.path).read_bytes())
    rows = run(places, new)
    assert len(rows) == len(test) > 5
    same_as_evaluate(places, rows, [schema.classes[file.label] for file in test], schema)


def test_digits_as_files_come_back_in_their_own_value_range(places, tmp_path):
    schema = prepare(Prepare(dataset="digits"), places.prepared, tmp_path)
    write_model(places.model, schema, kind="linear")
    from reprise.images.decode import load_image
    from reprise.prediction.images import in_range

    stored = read_split(places.prepared, schema, "test").x[0]
    path = tmp_path / "digit.png"
    Image.fromarray(np.rint(stored[0] * (255 / 16)).astype(np.uint8)).save(path)
    assert (in_range(load_image(path, size=8, mode="grayscale"), schema) == stored).all()
