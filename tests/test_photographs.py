"""Photographs as a new user brings them: init-data, dvc repro, predict, another head."""

from __future__ import annotations

from pathlib import Path

from pictures import SHAPES, draw, folder_of_shapes
from project_copy import copy_project, run

from reprise.foundation.files import read_json


def test_a_folder_of_pictures_becomes_a_model(tmp_path: Path) -> None:
    project = copy_project(tmp_path / "project")
    folder_of_shapes(project / "data/raw/shapes", 12, side=150)
    told = run("reprise init-data data/raw/shapes", project)
    assert (
        "model: EfficientNet-Lite0, trained on ImageNet, and a linear layer on its features, solved" in told
    )
    told = run("dvc repro", project)
    assert "features: 1,280 of each of 29 pictures" in told
    assert read_json(project / "metrics/metrics.json")["test"]["accuracy"] >= 0.5  # of three
    draw("circle", 99, 150).save(tmp_path / "new.png")
    told = run(f"reprise predict {tmp_path / 'new.png'} --output -", project)
    assert told.splitlines()[0] == "id,predicted," + ",".join(f"probability_{shape}" for shape in SHAPES)
    kept = sorted((project / ".state/features").rglob("train-*"))
    times = [path.stat().st_mtime_ns for path in kept]
    run("dvc exp run -S train.weight_decay=0.5", project)
    assert sorted((project / ".state/features").rglob("train-*")) == kept
    assert [path.stat().st_mtime_ns for path in kept] == times
    told = run("dvc exp run -S prepare.normalise=feature", project, fails=255)
    assert "model.kind: pretrained normalises by itself, as its weights were trained; set it to none" in told
