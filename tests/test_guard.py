"""No hashed byte comes from a torch operation whose bits are torch's choice: all stages under a guard."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torchvision.models  # noqa: F401  # asks for its version when it is loaded, which nobody needs to judge
from exact_operations import EXACT, EXACT_OF_INTEGERS, OVERWRITTEN, InexactOperation, guarded
from PIL import Image
from tiny import rows_of, schema_of
from torch.nn import functional as F
from train_process import PARAMS

from reprise.evaluation.evaluate import Places as Judged
from reprise.evaluation.evaluate import evaluate
from reprise.foundation.states import STATE_VARIABLE
from reprise.prediction.predict import predict
from reprise.prepared.schema import SPLITS, Schema, Statistics
from reprise.prepared.shards import Arrays, PreparedWriter
from reprise.preparing.prepare import prepare
from reprise.settings.params import Augment, Cnn, Evaluate, Mlp, Model, Params, Prepare, Tabm, Train
from reprise.training import canary
from reprise.training.run import Places, run

COUNTS = {"train": 40, "val": 12, "test": 15}
CNN = Cnn(channels=(4, 6), strides=(2, 1), hidden=(8,), padding=1, batch_norm=True, dropout=0.3)
SHIFTED = Augment(shift=1, flip=True)
CHANGED = Augment(shift=1, crop=0.5, rotate=10, brightness=0.2, contrast=0.2, cutout=2, mixup=0.3)
CLASSES = {"classes": 3, "single": 2, "values": 0, "images": 3}
CASES: dict[str, tuple[str, dict[str, Any], dict[str, Any]]] = {
    "linear": ("classes", {"kind": "linear"}, {"optimizer": "sgd"}),
    "solved classes": (
        "classes", {"kind": "linear"}, {"optimizer": "exact", "weight_decay": "auto", "label_smoothing": 0.1}
    ),
    "solved values": ("values", {"kind": "linear"}, {"optimizer": "exact", "patience": 1}),
    **{
        f"mlp {name}": ("classes", {"kind": "mlp", "mlp": Mlp(hidden=(6,), activation=name)}, {})
        for name in ("relu", "sigmoid", "tanh", "gelu")
    },
    "mlp with dropout": (
        "classes",
        {"kind": "mlp", "mlp": Mlp(hidden=(6, 5), dropout=0.3)},
        {"label_smoothing": 0.1, "clip_norm": 0.5, "slices": 3},
    ),
    "one output": (
        "single",
        {"kind": "mlp", "outputs": "single"},
        {"optimizer": "adamw", "weight_decay": 0.1, "label_smoothing": 0.1},
    ),
    "weighted classes": (
        "classes", {"kind": "linear"}, {"class_weights": "balanced", "label_smoothing": 0.1}
    ),
    "a rare class": (
        "single",
        {"kind": "mlp", "outputs": "single"},
        {"class_weights": "balanced", "threshold": "best_f1", "slices": 2},
    ),
    "a regression": (
        "values", {"kind": "mlp"}, {"optimizer": "sgd", "momentum": 0.9, "clip_norm": 1.0, "keep": "last"}
    ),
    **{
        f"tabm of {task}": (task, {"kind": "tabm", "tabm": Tabm(members=2, hidden=(6, 5))}, {"slices": 2})
        for task in ("classes", "values")
    },
    "tabm of one output": ("single", {"kind": "tabm", "outputs": "single", "tabm": Tabm(hidden=(4,))}, {}),
    "cnn": ("images", {"cnn": CNN}, {"augment": SHIFTED, "slices": 2, "schedule": "one_cycle"}),
    "cnn of changed and mixed images": ("images", {"cnn": CNN}, {"augment": CHANGED, "slices": 2}),
    "resnet18": ("images", {"kind": "resnet18"}, {"epochs": 1, "batch_size": 16}),
}  # fmt: skip


def write_prepared(task: str, folder: Path) -> Schema:
    """Write made rows of a kind."""
    shape = (3, 8, 8) if task == "images" else (5,)
    scale = Statistics(mean=(1000.0,), std=(7.0,)) if task == "values" else None
    schema = schema_of(shape, CLASSES[task], counts=COUNTS, target_scale=scale)
    if schema.classes:
        y = rows_of(schema, COUNTS["train"]).y.tolist()
        counts = {name: y.count(number) for number, name in enumerate(schema.classes)}
        schema = schema.model_copy(update={"class_counts": {"train": counts}})
    with PreparedWriter(folder) as writer:
        for split in SPLITS:
            rows = rows_of(schema, COUNTS[split], split)
            writer.add(split, Arrays(rows.x.numpy(), rows.y.numpy(), np.arange(COUNTS[split])))
        return writer.finish(schema)


def write_input(task: str, folder: Path) -> Path:
    """Write what predict is given."""
    if task == "images":
        path = folder / "image.png"
        Image.fromarray(np.arange(192, dtype=np.uint8).reshape(8, 8, 3)).save(path)
        return path
    path = folder / "rows.csv"
    names = ",".join(f"column {number}" for number in range(5))
    path.write_text(names + "\n" + "\n".join(["1,2,3,4,5", "0.5,0,-1,2,0"]) + "\n", encoding="utf-8")
    return path


def train_judge_predict(name: str, folder: Path) -> set[str]:
    """Run the stages and predict; return the operations that torch was asked for."""
    task, model, train = CASES[name]
    write_prepared(task, folder / "prepared")
    source = write_input(task, folder)
    params = Params(
        prepare=Prepare(**PARAMS["prepare"]),
        model=Model(**model),
        train=Train(**{"epochs": 2, "batch_size": 13, **train}),
        evaluate=Evaluate(batch_size=7),
    )
    with guarded(OVERWRITTEN) as guard:
        run(params, Places(folder / "prepared", folder / "models", folder / "metrics"), "cpu", 1)
        evaluate(
            params.evaluate, Judged(folder / "prepared", folder / "models", folder / "metrics"), "cpu", 1
        )
        assert predict(folder / "models", str(source), str(folder / "out.csv"), None, 7, "cpu", 1) > 0
    return guard.seen


@pytest.fixture(scope="module")
def seen() -> set[str]:
    """Every operation that the tests of this file saw."""
    return set()


@pytest.mark.parametrize("name", CASES)
def test_every_operation_is_exact(
    name: str, seen: set[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(STATE_VARIABLE, str(tmp_path / "state"))
    monkeypatch.chdir(tmp_path)
    found = train_judge_predict(name, tmp_path)
    assert found
    seen |= found


def test_the_canary_is_exact(seen: set[str]) -> None:
    with guarded(OVERWRITTEN) as guard:
        canary.step_hash(Model(cnn=CNN), Train(clip_norm=0.1), schema_of((3, 8, 8)))
        canary.step_hash(Model(cnn=CNN), Train(class_weights="balanced"), schema_of((3, 8, 8)))
    seen |= guard.seen


def test_preparing_does_without_torch(tmp_path: Path) -> None:
    with guarded() as guard:
        prepare(Prepare(dataset="iris"), tmp_path / "prepared", tmp_path)
    assert guard.seen == set()


def test_the_list_holds_nothing_that_is_not_used(seen: set[str]) -> None:
    """After the tests above, whose operations it collects."""
    if len(seen) < 10:
        pytest.skip("needs the tests above")
    assert (EXACT | EXACT_OF_INTEGERS | OVERWRITTEN) - seen == set()


# Does it catch anything?


@pytest.mark.parametrize(
    "forbidden",
    [
        lambda x: x.sum(),
        lambda x: x.mean(0),
        lambda x: x @ x,
        lambda x: torch.softmax(x, 1),
        lambda x: x.norm(),
        lambda x: x.exp(),
        lambda x: x.tanh(),
        lambda x: x.sigmoid(),
        lambda x: F.linear(x, x),
        lambda x: torch.add(x, x, alpha=0.1),
        lambda x: torch.addcmul(x, x, x),
        lambda x: F.dropout(x, 0.5),
        lambda x: torch.nn.Linear(4, 4)(x),
    ],
)
def test_an_inexact_operation_is_caught(forbidden: Any) -> None:
    x = torch.ones(4, 4)
    with guarded(OVERWRITTEN), pytest.raises(InexactOperation, match=r"aten\..* is not on the list"):
        forbidden(x)
    forbidden(x)  # outside it may be done


def test_training_by_torch_is_caught(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same training in native numerics: the guard sees into the training loop."""
    monkeypatch.setenv(STATE_VARIABLE, str(tmp_path / "state"))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(CASES, "native", ("classes", {"kind": "linear"}, {"numerics": "native"}))
    with pytest.raises(InexactOperation):
        train_judge_predict("native", tmp_path)
