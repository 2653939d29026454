"""The architectures: shapes, initial weights, dropout, and batch norm per slice."""

from __future__ import annotations

import hashlib
import math

import pytest
import torch
from tiny import MODELS, schema_of, shape_for
from torch import Tensor, nn

from reprise.arithmetic.layers import BatchNorm, Dropout, SliceRecord, batch_norms, recording
from reprise.foundation.errors import UserError
from reprise.model.architectures import build
from reprise.settings.params import Cnn, Mlp, Model

ALL = {
    **MODELS,
    "linear": Model(kind="linear"),
    "gelu": Model(kind="mlp", mlp=Mlp(hidden=(7, 6, 5), activation="gelu")),
    "no hidden layer": Model(kind="mlp", mlp=Mlp(hidden=())),
    "sigmoid": Model(kind="mlp", mlp=Mlp(hidden=(7,), activation="sigmoid")),
}
# SHA-256 over names and initial weights for seed 1. A change here changes the bytes of every training.
INITIAL = {
    "cnn with dropout and batch norm": "c06d16f9076ff71c",
    "mlp": "c13ad8b624049fdf",
}


def digest(model: nn.Module) -> str:
    hashed = hashlib.sha256()
    for name, tensor in model.state_dict().items():
        hashed.update(name.encode() + tensor.numpy().tobytes())
    return hashed.hexdigest()[:16]


def seeded(seed: int = 1) -> SliceRecord:
    return SliceRecord(torch.Generator().manual_seed(seed))


def passed(module: nn.Module, x: Tensor, record: SliceRecord | None = None) -> Tensor:
    """One forward pass as a slice of a training step."""
    with recording(record or seeded()):
        return module(x)


@pytest.mark.parametrize("classes", [0, 2, 5])
@pytest.mark.parametrize("name", ALL)
def test_shapes(name: str, classes: int) -> None:
    schema = schema_of(shape_for(name), classes)
    model = build(ALL[name], schema, seed=1)
    x = torch.rand(3, *schema.shape)
    for ready in (model.train(), model.eval()):
        assert passed(ready, x).shape == (3, classes or 1)


@pytest.mark.parametrize("name", ["linear", "mlp"])
def test_images_may_go_into_a_table_model(name: str) -> None:
    assert build(ALL[name], schema_of((3, 4, 5)), seed=1)(torch.rand(2, 3, 4, 5)).shape == (2, 3)


def test_one_output_for_two_classes() -> None:
    single = Model(kind="mlp", outputs="single")
    assert build(single, schema_of((5,), 2), seed=1)(torch.rand(4, 5)).shape == (4, 1)
    with pytest.raises(UserError, match="single is for two classes, but the data has 3; use per_class"):
        build(single, schema_of((5,), 3), seed=1)


@pytest.mark.parametrize("kind", ["cnn", "resnet18"])
def test_image_models_refuse_tables(kind: str) -> None:
    with pytest.raises(UserError, match=f"model.kind: {kind} needs images, but the data is a table"):
        build(Model(kind=kind), schema_of((5,)), seed=1)


@pytest.mark.parametrize(
    ("kernel", "strides", "size", "number"), [(3, (2, 2), 5, 2), (5, (1, 1), 4, 1), (9, (3, 1), 2, 1)]
)
def test_too_small_images_name_the_layer_and_a_fix_that_works(kernel, strides, size, number) -> None:
    cnn = Cnn(channels=(4, 4), strides=strides, kernel=kernel)
    with pytest.raises(UserError) as caught:
        build(Model(cnn=cnn), schema_of((1, size, size + 1)), seed=1)
    assert caught.value.problems == (
        f"model.cnn: convolution {number} of 2 leaves nothing of images of {size} by {size + 1} pixels; "
        f"set model.cnn.padding: {kernel // 2} or smaller strides",
    )
    mended = cnn.model_copy(update={"padding": kernel // 2})
    build(Model(cnn=mended), schema_of((1, size, size + 1)), seed=1)


@pytest.mark.parametrize("size", [8, 32, 65])
def test_resnet18_takes_small_and_large_images(size: int) -> None:
    model = build(Model(kind="resnet18"), schema_of((3, size, size), 10), seed=1).eval()
    with torch.inference_mode():
        assert model(torch.rand(2, 3, size, size)).shape == (2, 10)
    assert model.conv1.weight.shape[2] == (3 if size <= 64 else 7)
    assert len(batch_norms(model)) == 20
    assert not any(type(module) is nn.BatchNorm2d for module in model.modules())


# Initial weights


@pytest.mark.parametrize("name", INITIAL)
def test_initial_weights_are_known(name: str) -> None:
    model = build(MODELS[name], schema_of(shape_for(name)), seed=1)
    assert digest(model) == INITIAL[name]
    assert digest(build(MODELS[name], schema_of(shape_for(name)), seed=2)) != INITIAL[name]


def test_initial_weights_are_uniform_in_torchs_own_bounds() -> None:
    model = build(Model(kind="mlp", mlp=Mlp(hidden=(300,))), schema_of((100,)), seed=1)
    for layer in (layer for layer in model if isinstance(layer, nn.Linear)):
        bound = 1 / math.sqrt(layer.in_features)
        for parameter in (layer.weight, layer.bias):
            assert parameter.abs().max() <= bound
        assert layer.weight.abs().max() > 0.98 * bound
        assert abs(float(layer.weight.detach().mean())) < 0.05 * bound
        assert float(layer.weight.detach().std()) == pytest.approx(bound / math.sqrt(3), rel=0.05)


def test_layers_of_one_shape_start_differently() -> None:
    model = build(Model(kind="mlp", mlp=Mlp(hidden=(5, 5))), schema_of((5,)), seed=1)
    first, second = model[1], model[3]
    assert not torch.equal(first.weight, second.weight)


def test_the_global_generator_is_neither_used_nor_moved() -> None:
    torch.manual_seed(1)
    before = torch.get_rng_state()
    one = digest(build(ALL["cnn with dropout and batch norm"], schema_of((1, 8, 8)), seed=1))
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(2)
    assert digest(build(ALL["cnn with dropout and batch norm"], schema_of((1, 8, 8)), seed=1)) == one


# Dropout


def test_a_mask_depends_on_the_generator_alone() -> None:
    layer, x = Dropout(0.3).train(), torch.ones(100, 50)
    torch.manual_seed(1)
    before = torch.get_rng_state()
    first = passed(layer, x, seeded(1))
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(2)
    assert torch.equal(passed(layer, x, seeded(1)), first)
    assert not torch.equal(passed(layer, x, seeded(2)), first)


def test_two_layers_of_one_pass_have_different_masks() -> None:
    layer, x, record = Dropout(0.5).train(), torch.ones(10, 10), seeded()
    assert not torch.equal(passed(layer, x, record), passed(layer, x, record))


@pytest.mark.parametrize("probability", [0.1, 0.5, 0.9])
def test_the_right_share_is_dropped_and_the_mean_kept(probability: float) -> None:
    out = passed(Dropout(probability).train(), torch.ones(500, 200))
    assert float((out == 0).float().mean()) == pytest.approx(probability, abs=0.01)
    assert out.unique().tolist() == [0.0, pytest.approx(1 / (1 - probability))]


def test_dropout_does_nothing_in_evaluation_and_at_zero() -> None:
    x = torch.rand(5, 5)
    assert Dropout(0.5).eval()(x) is x
    assert Dropout(0.0).train()(x) is x


def test_gradients_pass_where_values_pass() -> None:
    x = torch.ones(20, 20, requires_grad=True)
    out = passed(Dropout(0.5).train(), x)
    out.sum().backward()
    assert torch.equal(x.grad, out.detach())


# Batch norm


def batch_of(rows: int, seed: int = 1) -> Tensor:
    return 3 + 2 * torch.randn(rows, 4, 5, 5, generator=torch.Generator().manual_seed(seed))


def test_one_slice_is_torchs_batch_norm() -> None:
    mine, theirs = BatchNorm(4), nn.BatchNorm2d(4)
    for layer in (mine, theirs):
        nn.init.constant_(layer.weight, 1.5)
        nn.init.constant_(layer.bias, 0.25)
    for step in range(3):
        x = batch_of(6, step).requires_grad_()
        y = x.detach().clone().requires_grad_()
        record = seeded()
        one, two = passed(mine.train(), x, record), theirs.train()(y)
        mine.merge([(record.statistics[mine], 6)])
        assert torch.equal(one, two)
        (one * one).sum().backward()
        (two * two).sum().backward()
        assert torch.equal(x.grad, y.grad)
        torch.testing.assert_close(mine.running_mean, theirs.running_mean, rtol=1e-6, atol=0)
        torch.testing.assert_close(mine.running_var, theirs.running_var, rtol=1e-6, atol=0)
    torch.testing.assert_close(mine.eval()(batch_of(3)), theirs.eval()(batch_of(3)), rtol=1e-5, atol=1e-6)


def test_slices_are_merged_by_their_rows() -> None:
    layer = BatchNorm(4).train()
    parts = [batch_of(rows, rows) for rows in (1, 5, 3)]
    seen = []
    for part in parts:
        record = seeded()
        passed(layer, part, record)
        seen.append((record.statistics[layer], len(part)))
    assert layer.running_mean.tolist() == [0.0] * 4  # nothing moves before the merge
    layer.merge(seen)
    mean = sum(part.double().mean((0, 2, 3)) * len(part) for part in parts) / 9
    variance = sum(part.double().var((0, 2, 3), unbiased=True) * len(part) for part in parts) / 9
    torch.testing.assert_close(layer.running_mean.double(), 0.1 * mean, rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(layer.running_var.double(), 0.9 + 0.1 * variance, rtol=1e-5, atol=1e-6)
    assert int(layer.num_batches_tracked) == 0


def test_a_slice_of_one_value_uses_the_running_statistics() -> None:
    layer, record = BatchNorm(4).train(), seeded()
    x = torch.rand(1, 4, 1, 1)
    torch.testing.assert_close(passed(layer, x, record), x, rtol=1e-4, atol=0)
    assert record.statistics == {}
    layer.merge([])
    assert layer.running_mean.tolist() == [0.0] * 4
    assert layer.running_var.tolist() == [1.0] * 4


def test_evaluation_needs_no_record() -> None:
    model = build(ALL["cnn with dropout and batch norm"], schema_of((1, 8, 8)), seed=1).eval()
    assert model(torch.rand(2, 1, 8, 8)).shape == (2, 3)
