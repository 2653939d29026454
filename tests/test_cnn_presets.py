"""Networks by name: their sizes, what stands in a model file, and what can't stand beside them."""

from __future__ import annotations

import pytest
import torch
from tiny import rows_of, schema_of
from torch import nn

from reprise.arithmetic.layers import SliceRecord, recording
from reprise.model.architectures import build
from reprise.model.card import ModelCard
from reprise.settings.params import Cnn, Evaluate, Model, Params, Prepare, Train
from reprise.settings.presets import CNN_PRESETS
from reprise.training.by_kernels import KernelEngine
from reprise.training.by_torch import TorchEngine

# Weights and biases for 28 by 28 gray images of 10 classes, added up by hand from the layers' sizes.
PARAMETERS = {"small": 356_458, "medium": 304_682, "large": 2_394_186}


def cnn_of(preset: str) -> Cnn:
    return Cnn.model_validate({"preset": preset})


@pytest.mark.parametrize("preset", CNN_PRESETS)
def test_a_preset_stands_for_its_settings(preset: str) -> None:
    cnn = cnn_of(preset)
    assert {"pooling": "none", **cnn.model_dump()} == {"preset": preset, **CNN_PRESETS[preset]}
    written_out = Cnn.model_validate(CNN_PRESETS[preset])
    schema = schema_of((1, 28, 28), 10)
    named, plain = (build(Model(cnn=settings), schema, 1).state_dict() for settings in (cnn, written_out))
    assert all(torch.equal(named[key], plain[key]) for key in plain)


@pytest.mark.parametrize("preset", CNN_PRESETS)
def test_the_number_of_parameters(preset: str) -> None:
    model = build(Model(cnn=cnn_of(preset)), schema_of((1, 28, 28), 10), 1)
    assert sum(parameter.numel() for parameter in model.parameters()) == PARAMETERS[preset]


@pytest.mark.parametrize("side", [8, 28, 65])
@pytest.mark.parametrize("preset", CNN_PRESETS)
def test_images_of_any_size_fit(preset: str, side: int) -> None:
    model = build(Model(cnn=cnn_of(preset)), schema_of((3, side, side)), 1).eval()
    assert model(torch.zeros(2, 3, side, side)).shape == (2, 3)


@pytest.mark.parametrize("preset", CNN_PRESETS)
def test_the_kernels_compute_what_torch_does(preset: str) -> None:
    schema = schema_of((3, 8, 8))
    data, train = rows_of(schema, 6), Train(batch_size=6)
    cnn = cnn_of(preset).model_copy(update={"dropout": 0.0})  # masks differ
    found: list[torch.Tensor] = []
    for engine_of in (TorchEngine, lambda *given: KernelEngine(*given, 1)):
        model = build(Model(cnn=cnn), schema, 1).train()
        outcome = engine_of(model, data, train).slice(0, torch.arange(6), None, 6, (0, 0, 0))
        found.append(torch.cat([part.reshape(-1) for part in outcome.gradients]))
    torch.testing.assert_close(found[1], found[0], rtol=1e-3, atol=1e-5)


def test_average_pooling_is_the_mean_over_the_image() -> None:
    settings = {"channels": (4,), "strides": (1,), "hidden": ()}
    model = build(Model(cnn=Cnn(**settings, pooling="average")), schema_of((1, 6, 6)), 1)
    assert isinstance(model, nn.Sequential)
    x = torch.rand(2, 1, 6, 6)
    with recording(SliceRecord(None)):
        expected = model[-1](torch.relu(model[0](x)).mean((2, 3)))
        torch.testing.assert_close(model(x), expected)


def test_a_model_file_says_all_and_is_read_again() -> None:
    schema = schema_of((1, 8, 8))
    card = ModelCard(
        arithmetic="cpu portable", task="classification", classes=schema.classes, train=Train(), data=schema,
        model=Model(cnn=cnn_of("medium")), epochs_trained=1, kept_epoch=1,
    )  # fmt: skip
    written = card.to_json()["model"]["cnn"]
    assert written["preset"] == "medium"
    assert written["channels"] == [32, 32, 64, 64, 128, 128]
    assert ModelCard.model_validate_json(card.model_dump_json()).model == card.model
    plain = card.model_copy(update={"model": Model()}).to_json()["model"]["cnn"]
    assert not {"preset", "pooling"} & set(plain)


def test_params_with_a_preset_are_accepted() -> None:
    Params(prepare=Prepare(), model=Model(cnn=cnn_of("large")), train=Train(), evaluate=Evaluate())
