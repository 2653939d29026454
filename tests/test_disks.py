"""Full and read-only disks: one line that names the place, nothing half-written, finished work kept."""

from __future__ import annotations

import importlib
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import forked
import pytest
from disks import NO_MOUNTS, Kind, spoil

from reprise.foundation.errors import exit_with
from reprise.foundation.states import STATE_VARIABLE
from reprise.training import checkpoint, run

if TYPE_CHECKING:
    from train_process import Place

SAID = {"full": "no space left on its disk; free some", "read-only": "is on a read-only disk; make that"}
KINDS = ("full", "read-only")


def stage(name: str, arguments: list[str], folder: Path, kind: Kind) -> None:
    """A stage in this process, with one folder spoilt."""
    spoil(folder, kind)
    sys.argv = [name, *arguments]
    exit_with(importlib.import_module(f"stages.{name}").main)


def stage_that_ends_badly(arguments: list[str], folder: Path, kind: Kind) -> None:
    """The train stage, whose folder of models is spoilt when all the training is done."""
    checkpoint.SHORTEST_INTERVAL, checkpoint.LARGEST_SHARE = 0.0, float("inf")
    save = run.save_model

    def spoilt_save(*args: Any) -> Any:
        spoil(folder, kind)
        return save(*args)

    run.save_model = spoilt_save
    sys.argv = ["train", *arguments]
    from stages import train

    exit_with(train.main)


def outcome(place: Place, work: Any, *arguments: Any, expected: int = 3) -> str:
    """Run a stage to its end and return what it printed."""
    state = {STATE_VARIABLE: str(place.folder / "state")}
    process = forked.start(work, *arguments, log=place.folder / "log", **state)
    process.join(60)
    if process.exitcode == NO_MOUNTS:
        pytest.skip("nothing may be mounted here")
    assert process.exitcode == expected, place.log
    return place.log


def litter(place: Place) -> list[Path]:
    return [path for path in place.folder.rglob("*") if ".tmp-" in path.name]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("spoilt", ["models", "metrics", "state"])
def test_train_finds_out_before_it_trains(spoilt: str, kind: Kind, place: Place) -> None:
    told = outcome(place, stage, "train", place.arguments(), place.folder / spoilt, kind)
    assert told.startswith(f"{place.folder / spoilt}: {SAID[kind]}")
    assert told.count("\n") == 1
    assert place.outputs() == {}
    assert litter(place) == []


@pytest.mark.parametrize("kind", KINDS)
def test_what_was_trained_is_kept_when_the_model_can_not_be_written(
    kind: Kind, place: Place, real: Place
) -> None:
    told = outcome(place, stage_that_ends_badly, place.arguments(), place.folder / "models", kind)
    assert told.splitlines()[-1].startswith(f"{place.folder}/models/model.safetensors: {SAID[kind]}")
    assert place.outputs() == {}  # the history was taken back, too
    assert litter(place) == []
    assert place.train() == 0  # the disk is well again
    assert "resuming in epoch 3 after step 3" in place.log
    assert place.outputs() == real.outputs()


@pytest.mark.parametrize("kind", KINDS)
def test_prepare(kind: Kind, place: Place) -> None:
    params = place.folder / "params.yaml"
    params.write_text("prepare: {}\nmodel: {}\ntrain: {}\nevaluate: {}\n")
    out = place.folder / "data" / "prepared"
    arguments = [f"--params={params}", f"--prepared={out}"]
    told = outcome(place, stage, "prepare", arguments, out.parent, kind)
    assert told.startswith(f"{out}: {SAID[kind]}")
    assert told.count("\n") == 1
    assert not out.exists()
    assert litter(place) == []


@pytest.mark.parametrize("kind", KINDS)
def test_evaluate(kind: Kind, place: Place, real: Place) -> None:
    metrics = place.folder / "metrics"
    shutil.copytree(real.folder / "models", place.folder / "models")
    told = outcome(place, stage, "evaluate", place.arguments(), metrics, kind)
    assert told.startswith(f"{metrics}: {SAID[kind]}")
    assert told.count("\n") == 1
    assert list(metrics.iterdir()) == []
