"""Sizes that no memory holds are told before anything of that size is made; weights that fit nothing, too."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import torch
from tiny import MODELS, job_of, same_bits, schema_of

from reprise.arithmetic.network import compile_network
from reprise.data.sources import load
from reprise.foundation import room
from reprise.foundation.errors import EnvironmentProblem, UserError
from reprise.model.bag import build_answering, outline
from reprise.model.card import read_card
from reprise.model.file import load_model
from reprise.model.inference import PortableProgram
from reprise.model.sizes import misfit, refuse_too_large
from reprise.prepared.shards import read_schema, read_split
from reprise.settings.params import (
    Cnn,
    Embedding,
    Evaluate,
    Generated,
    Mlp,
    Model,
    Params,
    Prepare,
    Tabm,
    Train,
)  # fmt: skip
from reprise.training.loop import fit

if TYPE_CHECKING:
    from train_process import Place

TABLE, IMAGES = schema_of((6,)), schema_of((3, 32, 32))
MUCH = 2_000_000_000


@pytest.mark.parametrize(
    ("model", "train", "schema"),
    [
        *((model, Train(), IMAGES) for model in MODELS.values()),
        (Model(kind="linear"), Train(), TABLE),
        (Model(kind="mlp", mlp=Mlp(embedding=Embedding())), Train(folds=3, blend="average"), TABLE),
        (Model(kind="tabm"), Train(folds=2), TABLE),
    ],
)
def test_an_outline_has_the_shapes_of_the_model(model: Model, train: Train, schema: Any) -> None:
    shapes, real = (
        {name: (tensor.shape, tensor.dtype) for name, tensor in module.state_dict().items()}
        for module in (outline(model, train, schema), build_answering(model, train, schema, 1))
    )
    assert shapes == real


@pytest.mark.parametrize(
    ("model", "schema", "key"),
    [
        (Model(kind="mlp", mlp=Mlp(hidden=(MUCH,))), TABLE, "model.mlp.hidden: training "),
        (
            Model(kind="mlp", mlp=Mlp(hidden=(8, MUCH, MUCH))),
            TABLE,
            "model.mlp.hidden: has more weights than any",
        ),
        (Model(kind="mlp", mlp=Mlp(hidden=(10**30,))), TABLE, "model.mlp.hidden: has more weights than any"),
        (Model(kind="tabm", tabm=Tabm(hidden=(MUCH,))), TABLE, "model.tabm.hidden: training "),
        (Model(kind="cnn", cnn=Cnn(hidden=(MUCH,))), IMAGES, "model.cnn.hidden: training "),
        (Model(kind="cnn", cnn=Cnn(channels=(MUCH,), strides=(1,))), IMAGES, "model.cnn.channels: training "),
    ],
)
def test_a_model_that_no_memory_holds(model: Model, schema: Any, key: str) -> None:
    params = Params(prepare=Prepare(), model=model, train=Train(), evaluate=Evaluate())
    with pytest.raises(EnvironmentProblem) as caught:
        refuse_too_large(params, schema, "cpu")
    (line,) = caught.value.problems
    assert line.startswith(key)
    assert line.endswith("use smaller ones")


def test_what_a_training_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    monkeypatch.setattr("reprise.model.sizes.require_memory", lambda size, *_words: asked.append(size))
    count = 6 * 8 + 8 + 8 * 3 + 3
    model = Model(kind="mlp", mlp=Mlp(hidden=(8,)))
    for train in (Train(slices=3), Train(optimizer="sgd"), Train(optimizer="sgd", momentum=0.5)):
        params = Params(prepare=Prepare(), model=model, train=train, evaluate=Evaluate())
        assert refuse_too_large(params, TABLE, "cpu") == 4 * count
    refuse_too_large(params, TABLE, "cuda")  # the rest is on the GPU
    assert asked == [4 * count * copies for copies in (1 + 1 + 2, 1 + 1, 1 + 1 + 1, 1)]


def test_weights_that_are_not_the_models() -> None:
    module = build_answering(Model(kind="mlp", mlp=Mlp(hidden=(8,))), Train(), TABLE, 1)
    good = module.state_dict()
    assert misfit(module, good) is None
    wide = {**good, "1.weight": torch.zeros(9, 6)}
    assert misfit(module, wide) == "1.weight has the shape 9x6, but model.json asks for 8x6"
    less = {name: tensor for name, tensor in good.items() if name != "3.bias"}
    assert misfit(module, less) == "there is no 3.bias of 3"
    assert misfit(module, {**good, "new": torch.zeros(())}) == "new belongs to no layer"
    assert misfit(module, {**less, "1.bias": torch.zeros(1)}) == (
        "1.bias has the shape 1, but model.json asks for 8 (and 1 more)"
    )


@pytest.mark.parametrize(
    ("change", "line"),
    [
        (
            {"model.cnn.hidden": [MUCH]},
            r"does not fit model\.json beside it: \S+ has the shape 8x6, but model.json asks",
        ),
        ({"train.folds": 100}, r"there is no networks\.0\."),
        ({"data.shape": [1, 10**6, 10**6]}, r"but model.json asks for 8x\d{12}"),
        ({"data.shape": [8, 8]}, r"model\.json: data: shape: must have 3 size"),
        ({"data.shape": [1, 0, 8]}, r"model\.json: data.shape.1: "),
        ({"data.counts": {}}, r"model\.json: data: counts: has no train; "),
        ({"data.inputs.std": []}, r"model\.json: data: inputs: must have 1 mean\(s\)"),
        ({"data.classes": ["a"]}, r"model\.json: classes: is not that of data; "),
    ],
)
def test_a_strangers_model_json(change: dict[str, Any], line: str, real: Place, tmp_path: Path) -> None:
    folder = tmp_path / "models"
    shutil.copytree(real.folder / "models", folder)
    card = json.loads((folder / "model.json").read_text())
    for key, value in change.items():
        *path, last = key.split(".")
        node = card
        for name in path:
            node = node[name]
        node[last] = value
    (folder / "model.json").write_text(json.dumps(card))
    with pytest.raises(UserError, match=line) as caught:
        load_model(folder)
    assert len(caught.value.problems) == 1
    assert "\n" not in str(caught.value)


def test_json_that_is_nested_too_deeply(tmp_path: Path) -> None:
    for name in ("model.json", "schema.json"):
        (tmp_path / name).write_text("[" * 200_000)
    with pytest.raises(UserError, match=r"model\.json: Invalid JSON: recursion limit"):
        read_card(tmp_path)
    with pytest.raises(UserError, match=r"schema\.json: not valid JSON \(nested too deeply\)"):
        read_schema(tmp_path)


def test_what_values_and_rows_take(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    huge = (1, 200_000, 200_000)
    module = torch.nn.Sequential(
        torch.nn.Conv2d(1, 8, 3, 8), torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten()
    )
    compile_network(module, huge)  # it has few weights
    with pytest.raises(EnvironmentProblem, match=r"^model: computing 1 row\(s\) together takes at least "):
        PortableProgram(module.eval(), huge)
    schema = read_schema(place.folder / "prepared")
    monkeypatch.setattr(room, "available_memory", lambda: 64)
    with pytest.raises(
        EnvironmentProblem, match=r"prepared: the train split takes at least 2\.9 KB of memory"
    ):
        read_split(place.folder / "prepared", schema, "train")


def test_noise_that_no_memory_holds() -> None:
    prepare = Prepare(dataset="random", generated=Generated(train_rows=10**12))
    with pytest.raises(
        EnvironmentProblem, match=r"^prepare\.generated: train_rows.* at least 80\.0 TB of memory"
    ):
        load(prepare, Path("none"))


def test_a_batch_larger_than_the_data_needs_no_more_memory(tmp_path: Path) -> None:
    trained = []
    for size in (22, 2**40):
        job = job_of("mlp", tmp_path / str(size), Train(epochs=2, batch_size=size, slices=2))
        fit(job)
        trained.append(job.model.state_dict())
    assert same_bits(*trained)
