"""A head on a backbone's features, from pictures to model files: bytes, what is kept, refusals."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from exact_operations import OVERWRITTEN, guarded
from pictures import SHAPES, folder_of_shapes, prepared_shapes
from ruamel.yaml import YAML
from sklearn.linear_model import LogisticRegression
from torch import Tensor
from torchrun import torchrun_stage

from reprise.evaluation import evaluate as evaluation
from reprise.foundation.errors import Interrupted, UserError
from reprise.foundation.states import STATE_VARIABLE
from reprise.model.file import load_model
from reprise.model.inference import PortableProgram, load_inference
from reprise.model.pretrained import PretrainedNetwork
from reprise.model.tensors import Normaliser
from reprise.prepared.shards import read_schema, read_split
from reprise.settings.contradictions import contradictions
from reprise.settings.params import Params
from reprise.training import canary, features
from reprise.training.run import Places, run

OUTPUTS = ("models/model.json", "models/model.safetensors", "metrics/history.csv")
PLACES = Places(Path("prepared"), Path("models"), Path("metrics"))
TRAINED = {"optimizer": "adamw", "weight_decay": 0.01, "lr": 0.01, "epochs": 5, "batch_size": 8}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("shapes")
    prepared_shapes(folder_of_shapes(made / "shapes", 8), made / "prepared")
    return made


@pytest.fixture(autouse=True)
def _in_a_folder(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(STATE_VARIABLE, "state")
    Path("prepared").symlink_to(folder / "prepared")
    monkeypatch.setattr(features, "PART", 8)  # several parts


def params(pretrained: dict[str, Any] | None = None, prepare: Any = None, **train: Any) -> Params:
    settings = {"optimizer": "exact", "weight_decay": "auto", **train}
    return Params.model_validate({
        "prepare": {"dataset": "images", "normalise": "none", "images": {"pixels": 224}} | (prepare or {}),
        "model": {"kind": "pretrained", "pretrained": pretrained or {}},
        "train": settings,
        "evaluate": {"batch_size": 4},
    })  # fmt: skip


def outputs(workers: int = 1, **changes: Any) -> list[bytes]:
    run(params(**changes), PLACES, "auto", workers)
    return [Path(name).read_bytes() for name in OUTPUTS]


def loaded() -> PretrainedNetwork:
    module, _ = load_model(Path("models"))
    assert isinstance(module, PretrainedNetwork)
    return module


def test_a_solved_head_needs_nothing_but_the_model_files(capsys: pytest.CaptureFixture[str]) -> None:
    outputs()
    told = capsys.readouterr().out
    assert "features: 1,280 of each of 18 pictures" in told
    assert "chosen by 10 folds of the train split" in told
    module, schema = loaded(), read_schema(Path("prepared"))
    rows = read_split(Path("prepared"), schema, "train")
    x = PortableProgram(module.features, schema.shape).outputs(
        torch.from_numpy(rows.x), Normaliser(None, None)
    )
    decay = float(Path("metrics/history.csv").read_text().splitlines()[1].split(",")[1])
    theirs = LogisticRegression(C=1 / (decay * len(x)), tol=1e-8, max_iter=10_000).fit(x.numpy(), rows.y)
    ours = load_inference(Path("models"), "cpu")
    test = read_split(Path("prepared"), schema, "test")
    found = ours.probabilities(next(ours.outputs(iter([test.x]))))
    by_torch = PortableProgram(module.features, schema.shape)
    expected = theirs.predict_proba(
        by_torch.outputs(torch.from_numpy(test.x), Normaliser(None, None)).numpy()
    )
    assert found == pytest.approx(expected, abs=2e-4)
    assert (found.argmax(1) == test.y).mean() >= 0.5  # of three shapes that it never saw


def test_the_number_of_workers_and_rerunning_change_no_byte(monkeypatch: pytest.MonkeyPatch) -> None:
    first = outputs()
    for path in Path("state").rglob("train-*"):
        path.unlink()
    assert outputs(workers=3) == first
    monkeypatch.setattr(features, "AT_ONCE", 3)
    assert outputs() == first


def test_features_are_kept_for_another_head(monkeypatch: pytest.MonkeyPatch) -> None:
    computed: list[int] = []
    compute = PortableProgram.outputs

    def counted(self: PortableProgram, x: Tensor, normalise: Normaliser) -> Tensor:
        computed.append(len(x))
        return compute(self, x, normalise)

    monkeypatch.setattr(PortableProgram, "outputs", counted)
    outputs()
    assert sum(computed) == 18
    outputs(weight_decay=0.5)
    trained = outputs(**TRAINED)
    assert sum(computed) == 18
    assert trained[2].decode().splitlines()[0].startswith("epoch,lr,")
    damaged = next(Path("state").rglob("train-00001"))
    damaged.write_bytes(damaged.read_bytes()[:-1])
    assert outputs(**TRAINED) == trained
    assert sum(computed) == 18 + 8  # the damaged part
    prepared_shapes(folder_of_shapes(Path("others"), 3, first=50), Path("new"))
    run(params(), Places(Path("new"), Path("models"), Path("metrics")), "auto", 1)
    assert sum(computed) > 26  # other pictures


def test_only_the_last_used_are_kept() -> None:
    for number in range(8):
        old = Path("state/features") / f"old{number}"
        old.mkdir(parents=True)
        os.utime(old, (number, number))
    outputs()
    left = sorted(path.name for path in Path("state/features").iterdir())
    assert len(left) == features.KEPT
    assert [name for name in left if name.startswith("old")] == ["old4", "old5", "old6", "old7"]


def test_stopped_in_the_middle_it_goes_on_where_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    first = outputs(**TRAINED)
    for path in [*Path("state").rglob("train-*"), *map(Path, OUTPUTS)]:
        path.unlink()
    computed: list[int] = []
    compute = PortableProgram.outputs

    def fateful(self: PortableProgram, x: Tensor, normalise: Normaliser) -> Tensor:
        computed.append(len(x))
        if len(computed) == 2:
            os.kill(os.getpid(), signal.SIGTERM)
        return compute(self, x, normalise)

    monkeypatch.setattr(PortableProgram, "outputs", fateful)
    with pytest.raises(Interrupted, match="stopped while computing features; those done are kept"):
        outputs(**TRAINED)
    assert not any(Path(name).exists() for name in OUTPUTS)
    assert outputs(**TRAINED) == first
    assert sum(computed) == 18 + 8  # the part that was in hand is computed again


def test_several_processes_write_the_same_bytes() -> None:
    alone = outputs()
    for path in Path("state").rglob("train-*"):
        path.unlink()
    with Path("params.yaml").open("w") as stream:
        YAML().dump(params().model_dump(mode="json", exclude_unset=True), stream)
    torchrun_stage()
    assert [Path(name).read_bytes() for name in OUTPUTS] == alone


def test_native_numerics_agree() -> None:
    outputs(**TRAINED)
    portable = loaded().head.weight.numpy()
    outputs(**TRAINED, numerics="native")
    assert loaded().head.weight.numpy() == pytest.approx(portable, abs=1e-3)


def test_all_layers_are_trained() -> None:
    settings = {**TRAINED, "epochs": 2, "lr": 0.001, "slices": 2, "augment": {"flip": True}}
    first = outputs(pretrained={"tune": "all"}, **settings)
    losses = [float(line.split(",")[2]) for line in first[2].decode().splitlines()[1:]]
    assert losses[1] < losses[0]
    assert losses[0] == pytest.approx(np.log(3), abs=0.4)  # the head begins at 0
    module, _ = load_model(Path("models"))
    assert module.backbone.stem[1].running_var.std() > 0
    assert outputs(workers=2, pretrained={"tune": "all"}, **settings) == first


def test_the_canary_knows_them() -> None:
    settings, schema = params(), read_schema(Path("prepared"))
    key = canary.record(settings.model, settings.train, schema)
    assert canary.check(settings.model, settings.train, schema)
    trained = params(**TRAINED)
    assert canary.record(trained.model, trained.train, schema) != key


def test_it_is_evaluated() -> None:
    outputs()
    evaluation.evaluate(
        params().evaluate, evaluation.Places(Path("prepared"), Path("models"), Path("metrics")), "cpu", 2
    )
    assert Path("metrics/predictions.csv").read_text().count("\n") == 1 + 6
    assert SHAPES[0] in Path("metrics/predictions.csv").read_text()


@pytest.mark.parametrize(
    ("changes", "lines"),
    [
        ({"prepare": {"normalise": "feature"}}, ["prepare.normalise: feature, but model.kind"]),
        ({"prepare": {"images": {"pixels": 32}}}, ["prepare.images.pixels: 32, but efficientnet_lite0"]),
        ({"prepare": {"images": {"pixels": 224, "mode": "grayscale"}}}, ["prepare.images.mode: gray"]),
        ({"prepare": {"flatten": True}}, ["prepare.flatten: true, but model.kind: pretrained needs images"]),
        ({"prepare": {"dataset": "cifar10"}}, ["model.kind: pretrained is for folders of pictures "]),
        ({"folds": 5, **TRAINED}, ["train.folds: has no meaning for model.kind"]),
        ({"augment": {"flip": True}}, ["train.augment: flip: with model.pretrained.tune: head"]),
        ({"pretrained": {"tune": "all"}}, ["train.optimizer: exact solves one linear layer, but"]),
        ({"pretrained": {"tune": "all"}, **TRAINED, "augment": {"flip": True}}, []),
        ({"class_weights": "balanced", **TRAINED}, []),
        ({}, []),
    ],
)  # fmt: skip
def test_what_cannot_stand_together(changes: dict[str, Any], lines: list[str]) -> None:
    found = contradictions(params(**changes))
    assert len(found) == len(lines)
    assert all(line.startswith(start) for line, start in zip(found, lines, strict=True))


def test_data_of_another_kind_is_refused_before_anything_is_done(folder: Path) -> None:
    Path("prepared").unlink()
    prepared_shapes(folder / "shapes", Path("prepared"), normalise="feature")
    with pytest.raises(UserError, match=r"prepare.normalise: model.kind: pretrained normalises by itself"):
        outputs()
    assert not Path("models").exists()


def test_torch_is_asked_for_nothing_that_rounds() -> None:
    first = outputs()  # which stores the weights: reading a .pth only copies
    for path in Path("state").rglob("train-*"):
        path.unlink()
    with guarded(OVERWRITTEN):
        assert outputs() == first
