"""Images that can't be read, among others that predict is given."""

from __future__ import annotations

import csv
import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from image_files import content_of, pixels
from predicting import run
from trained import images, labels, write_model, write_prepared

from reprise.evaluation.evaluate import Places
from reprise.foundation.errors import UserError
from reprise.prediction.predict import predict

LEAVES = ("oak", "elm, red", "ash")


@pytest.fixture
def model(tmp_path: Path) -> Places:
    """A trained model of images."""
    places = Places(tmp_path / "prepared", tmp_path / "model", tmp_path / "metrics")
    schema = write_prepared(places.prepared, images(9, (3, 8, 8)), labels(9, 3), classes=LEAVES)
    write_model(places.model, schema)
    return places


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Five good images and two bad ones between them."""
    made = tmp_path / "new"
    made.mkdir()
    for number in (0, 2, 3, 5, 6):
        (made / f"{number}.png").write_bytes(content_of(pixels(number)))
    (made / "1.jpg").write_bytes(b"<html>404</html>")
    (made / "4, cut.png").write_bytes(content_of(pixels(9))[:80])
    return made


def written(model: Places, source: Path, ending: str, size: int = 1000) -> list[dict[str, Any]]:
    output = source.parent / f"out{ending}"
    assert predict(model.model, str(source), str(output), None, size, "cpu", 2) == 5
    with output.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream)) if ending == ".csv" else [json.loads(line) for line in stream]


def good_rows(model: Places, folder: Path) -> list[dict[str, Any]]:
    """What is predicted when the bad files are not there."""
    for name in ("1.jpg", "4, cut.png"):
        (folder / name).unlink()
    return run(model, folder)


@pytest.mark.parametrize("size", [1, 3, 1000])
def test_others_are_predicted_and_the_bad_have_empty_rows(
    model: Places, folder: Path, size: int, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = written(model, folder, ".csv", size)
    assert [row["id"] for row in rows] == ["0.png", "1.jpg", "2.png", "3.png", "4, cut.png", "5.png", "6.png"]
    for place in (4, 1):
        assert set(rows.pop(place).values()) - {"1.jpg", "4, cut.png"} == {""}
    assert capsys.readouterr().err.splitlines() == [
        "skipped: 1.jpg: is not a JPEG, PNG, GIF, WebP, BMP or TIFF image",
        "skipped: 4, cut.png: is damaged or cut off (PNG)",
    ]
    assert rows == good_rows(model, folder)


def test_json_lines_say_why(model: Places, folder: Path) -> None:
    rows = written(model, folder, ".jsonl")
    assert rows[1] == {
        "id": "1.jpg",
        "predicted": None,
        "skipped": "is not a JPEG, PNG, GIF, WebP, BMP or TIFF image",
    }
    assert all(row["predicted"] in LEAVES for place, row in enumerate(rows) if place not in (1, 4))


def test_files_of_a_list_are_skipped_likewise(model: Places, folder: Path, tmp_path: Path) -> None:
    names = sorted(file.name for file in folder.iterdir())
    source = tmp_path / "in.jsonl"
    rows = [{"path": str(folder / name)} for name in names] + [{"path": str(folder / "none.png"), "id": 7}]
    source.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    found = written(model, source, ".jsonl")
    assert [row["predicted"] is None for row in found] == [
        False,
        True,
        False,
        False,
        True,
        False,
        False,
        True,
    ]
    assert found[-1]["skipped"] == "can't be read (no such file or directory)"
    assert found[-1]["id"] == 7


def test_refused_by_name_when_asked(model: Places, folder: Path, tmp_path: Path) -> None:
    output = tmp_path / "out.csv"
    with pytest.raises(UserError, match=r"1\.jpg: is not a JPEG"):
        predict(model.model, str(folder), str(output), None, 10, "cpu", 1, corrupt="refuse")
    assert not output.exists()


@pytest.mark.parametrize("alone", [False, True])
def test_without_a_good_image_nothing_is_written(
    model: Places, folder: Path, tmp_path: Path, alone: bool
) -> None:
    for number in (0, 2, 3, 5, 6):
        (folder / f"{number}.png").unlink()
    source, output = folder / "1.jpg" if alone else folder, tmp_path / "out.csv"
    with pytest.raises(UserError) as caught:
        predict(model.model, str(source), str(output), None, 10, "cpu", 1)
    assert len(caught.value.problems) == (1 if alone else 2)
    assert not output.exists()


def test_pages_are_told_once(model: Places, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from PIL import Image

    first, second = (Image.fromarray(pixels(number)) for number in (0, 1))
    for name in ("7.tif", "8.tif"):
        (folder / name).write_bytes(content_of(first, "TIFF", save_all=True, append_images=[second]))
    rows = run_all(model, folder)
    assert "note: 7.tif and 1 more: several pages, of which the first is taken" in capsys.readouterr().err
    assert np.isclose(float(rows[7]["probability_oak"]), float(rows[0]["probability_oak"]))


def run_all(model: Places, folder: Path) -> list[dict[str, Any]]:
    output = folder.parent / "all.csv"
    predict(model.model, str(folder), str(output), None, 1000, "cpu", 2)
    with output.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def test_a_name_that_is_not_utf8_is_told_as_in_the_prepared_data(model: Places, folder: Path) -> None:
    try:
        (folder / "6.png").rename(folder / os.fsdecode(b"6\xff.png"))
    except OSError:
        pytest.skip("the file system takes names in UTF-8 alone")
    for ending in (".csv", ".jsonl"):
        assert written(model, folder, ending)[-1]["id"] == "6\\xff.png"
