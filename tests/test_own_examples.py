"""docs/own-code.md followed word for word: each example through real dvc commands, and what else one does."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from pathlib import Path

import pytest
from own_examples import examples, write_example
from project_copy import copy_project, environment, run
from sklearn.datasets import load_digits

from reprise.prepared.shards import read_schema, read_split

OUTPUTS = ("models/model.json", "models/model.safetensors", "metrics/history.csv")
PIXELS = "a small transformer over pixels"
TABLE = "a residual MLP"
TEXTS = "texts"
# The train stage, killed for good at a step, with a state after every step.
KILLED = """
import os, signal, sys
from reprise.training import checkpoint
from reprise.training.display import Display
checkpoint.SHORTEST_INTERVAL, checkpoint.LARGEST_SHARE = 0.0, float("inf")
report = Display.report
def fateful(self, done, total, row):
    report(self, done, total, row)
    if done == 150:
        os.kill(os.getpid(), signal.SIGKILL)
Display.report = fateful
sys.argv = ["stages.train"]
from stages import train
train.main()
"""


def written(project: Path) -> dict[str, bytes]:
    return {name: (project / name).read_bytes() for name in OUTPUTS}


def metrics_of(project: Path) -> dict[str, float]:
    return json.loads((project / "metrics/metrics.json").read_text())["test"]


def followed(name: str, folder: Path) -> Path:
    """Follow an example in a copy of the project: write its files, then dvc repro, whose bar must be met."""
    project = copy_project(folder)
    write_example(name, project)
    (project / "data/raw").mkdir(parents=True, exist_ok=True)
    if "make_messages.py" in examples()[name]:
        run("python make_messages.py", project)
    assert "bar met" in run("dvc repro", project)
    run("git add --all", project)
    run("git commit --quiet --message own", project)
    return project


def test_the_page_has_four_examples() -> None:
    found = examples()
    assert list(found) == [TABLE, "a depthwise CNN with group norm", PIXELS, TEXTS]
    assert all({"own/model.py", "params.yaml"} <= files.keys() for files in found.values())
    assert "own/data.py" in found[TEXTS]
    assert "own/metrics.py" in found[TABLE]


def test_a_depthwise_cnn(tmp_path: Path) -> None:
    project = followed("a depthwise CNN with group norm", tmp_path)
    assert metrics_of(project)["accuracy"] > 0.95
    assert "Running stage" not in run("dvc repro", project)


def test_a_residual_mlp_its_metrics_and_a_table_of_ones_own(tmp_path: Path) -> None:
    project = followed(TABLE, tmp_path)
    assert metrics_of(project)["accuracy"] > 0.93
    assert metrics_of(project)["cost"] <= 0.3
    output = run("dvc exp run -S evaluate.own.miss=1.0", project)
    assert "Stage 'train' didn't change" in output
    rows = json.loads((project / "metrics/metrics.json").read_text())["rows"]
    wrong = round((1 - metrics_of(project)["accuracy"]) * rows)
    assert metrics_of(project)["cost"] == pytest.approx(wrong / rows)  # every error costs 1
    # The same network on a table that init-data looked at.
    lines = [f"{n % 7},{n % 5},{'yes' if n % 7 > 2 else 'no'}" for n in range(300)]
    (project / "data/raw/table.csv").write_text("\n".join(["a,b,answer", *lines]) + "\n")
    run("reprise init-data data/raw/table.csv --target answer", project)
    output = run("dvc exp run -S model.kind=own -S train.folds=1 -S train.epochs=5", project)
    assert "own/" not in output  # no complaint
    assert json.loads((project / "models/model.json").read_text())["model"]["kind"] == "own"
    assert metrics_of(project)["accuracy"] > 0.9


def test_texts_from_data_to_predictions(tmp_path: Path) -> None:
    project = followed(TEXTS, tmp_path)
    assert metrics_of(project)["accuracy"] > 0.9
    output = run("dvc exp run -S model.own.width=8 -S +train.folds=2", project)
    assert "Stage 'prepare' didn't change" in output
    card = json.loads((project / "models/model.json").read_text())
    assert (card["model"]["own"]["width"], card["train"]["folds"]) == (8, 2)
    assert (sorted(card["own"]), sorted(card["data"]["own"]["files"])) == (["model.py"], ["data.py"])
    (project / "new.jsonl").write_text('{"text": "when does the lamp arrive?"}\n')
    run("reprise predict new.jsonl --output out.csv", project)
    assert "0,question," in (project / "out.csv").read_text()


@pytest.fixture(scope="module")
def pixels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a copy of the project in which the transformer's example was followed and committed."""
    return followed(PIXELS, tmp_path_factory.mktemp("pixels"))


def test_a_transformer_that_is_killed_goes_on_to_the_same_bytes(pixels: Path) -> None:
    assert metrics_of(pixels)["accuracy"] > 0.93
    once = written(pixels)
    for name in OUTPUTS:
        (pixels / name).unlink()
    killed = subprocess.run(
        [sys.executable, "-c", KILLED], cwd=pixels, env=environment(), capture_output=True, check=False
    )
    assert killed.returncode == -9
    assert "resuming in epoch 4 after step" in run("python -m stages.train", pixels)
    assert written(pixels) == once
    # A state that other code left is not taken up.
    subprocess.run(
        [sys.executable, "-c", KILLED], cwd=pixels, env=environment(), capture_output=True, check=False
    )
    code = (pixels / "own/model.py").read_text()
    (pixels / "own/model.py").write_text(code + "# a remark\n")
    assert "resuming" not in run("python -m stages.train", pixels)
    (pixels / "own/model.py").write_text(code)
    assert "resuming" in run("python -m stages.train", pixels)
    assert written(pixels) == once


def test_a_transformer_predicts_what_was_judged_and_is_exported(pixels: Path) -> None:
    schema = read_schema(pixels / "data/prepared")
    ids = read_split(pixels / "data/prepared", schema, "test").ids.tolist()
    images = load_digits().images.astype(int)
    lines = [json.dumps({"pixels": images[number].tolist(), "id": number}) for number in ids]
    (pixels / "new.jsonl").write_text("\n".join(lines) + "\n")
    run("reprise predict new.jsonl --output out.csv", pixels)
    with (pixels / "out.csv").open() as one, (pixels / "metrics/predictions.csv").open() as other:
        predicted = [row["predicted"] for row in csv.DictReader(one)]
        assert predicted == [row["predicted"] for row in csv.DictReader(other)]
    assert "checked on 359 test rows" in run("reprise export --output model.onnx", pixels)
    assert "own/model.py, SHA-256" in run("reprise inspect", pixels)


def test_a_transformer_is_verified_in_a_clean_clone(pixels: Path) -> None:
    output = run("reprise verify main", pixels)
    assert "models/model.safetensors" in output
    assert "differs" not in output


def test_a_model_from_elsewhere_needs_trust(pixels: Path, tmp_path: Path) -> None:
    (tmp_path / "new.jsonl").write_text(json.dumps({"pixels": [[0] * 8] * 8}) + "\n")
    command = f"reprise predict new.jsonl --model {pixels / 'models'}"
    assert "(own/model.py is not here)" in run(command, tmp_path, fails=2)
    assert '"predicted"' in run(f"{command} --trust-code", tmp_path)
