"""The portable kernels against float64, and the routing of a model through them."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from kernel_cases import CONVOLUTIONS, Case, convolution, dense, gradients, tensors_of
from tiny import schema_of
from torch import Tensor, nn
from torch.nn.utils import parametrizations

from reprise.foundation.errors import UserError
from reprise.model.architectures import ACTIVATIONS, build
from reprise.model.portable import portable
from reprise.numerics import kernels
from reprise.settings.params import Cnn, Mlp, Model


def assert_close(found: list[Tensor], exact: list[Tensor], terms: int) -> None:
    """Each value within float32's rounding of the float64 one, for sums of `terms` products below 1/4."""
    for value, reference in zip(found, exact, strict=True):
        assert value.dtype == torch.float32
        assert value.shape == reference.shape
        torch.testing.assert_close(value.double(), reference, rtol=1e-5, atol=2.0**-24 * (16 + terms / 4))


def check_convolution(case: Case) -> None:
    batch, channels, out, kernel, stride, padding, size = case
    arguments = tensors_of((batch, channels, *size), (out, channels, *kernel), (out,))
    exact = gradients(
        lambda x, w, b: F.conv2d(x, w, b, stride, padding).double(), *(t.double() for t in arguments)
    )
    found = convolution(case)
    terms = max(channels * kernel[0] * kernel[1], found[0].numel() // out, out * kernel[0] * kernel[1])
    assert_close(found, exact, terms)


@pytest.mark.parametrize("case", CONVOLUTIONS, ids=str)
def test_convolutions_agree_with_float64(case: Case) -> None:
    check_convolution(case)


@st.composite
def convolutions(draw: st.DrawFn) -> Case:
    kernel = draw(st.tuples(st.integers(1, 5), st.integers(1, 5)))
    padding = draw(st.tuples(st.integers(0, 3), st.integers(0, 3)))
    height, width = (draw(st.integers(max(1, k - 2 * p), 15)) for k, p in zip(kernel, padding, strict=True))
    stride = draw(st.tuples(st.integers(1, 3), st.integers(1, 3)))
    batch, channels, out = draw(st.tuples(st.integers(1, 18), st.integers(1, 12), st.integers(1, 20)))
    return batch, channels, out, kernel, stride, padding, (height, width)


@settings(max_examples=60, deadline=None)
@given(convolutions())
def test_any_convolution_agrees_with_float64(case: Case) -> None:
    check_convolution(case)


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 200), st.integers(1, 300), st.integers(1, 200))
def test_any_linear_layer_agrees_with_float64(batch: int, features: int, out: int) -> None:
    arguments = tensors_of((batch, features), (out, features), (out,))
    exact = gradients(F.linear, *(t.double() for t in arguments))
    assert_close(dense((batch, features, out)), exact, max(batch, features, out))


def test_linear_takes_leading_dimensions_no_bias_and_any_layout() -> None:
    x, weight = tensors_of((6, 40, 200), (100, 200))
    y = kernels.linear(x, weight)
    assert y.shape == (6, 40, 100)
    assert torch.equal(y.view(-1, 100), kernels.linear(x.view(-1, 200), weight))
    strided = x.transpose(0, 1).contiguous().transpose(0, 1)
    assert torch.equal(y, kernels.linear(strided, weight.t().contiguous().t()))


def test_layout_does_not_change_a_convolution() -> None:
    x, weight, bias = tensors_of((16, 16, 13, 13), (32, 16, 3, 3), (32,))

    def route(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        return kernels.conv2d(x, weight, bias, (2, 2), (1, 1))

    last = [t.to(memory_format=torch.channels_last) for t in (x, weight)]
    for one, other in zip(gradients(route, x, weight, bias), gradients(route, *last, bias), strict=True):
        assert torch.equal(one, other)


def test_only_wanted_gradients_are_computed(monkeypatch: pytest.MonkeyPatch) -> None:
    x, weight, bias = tensors_of((16, 1, 28, 28), (16, 1, 3, 3), (16,))
    monkeypatch.setattr(kernels, "_input_gradient", None)
    weight.requires_grad_()
    (gradient,) = torch.autograd.grad(kernels.conv2d(x, weight, bias, (2, 2)).sum(), weight)
    assert gradient.shape == weight.shape


def test_the_private_product_is_there() -> None:
    schema = str(torch.ops.mkldnn._linear_pointwise.default._schema)
    wanted = "(Tensor X, Tensor W, Tensor? B, str attr, Scalar?[] scalars, str? algorithm) -> Tensor Y"
    assert schema == f"mkldnn::_linear_pointwise{wanted}"


def test_a_routed_model_keeps_its_state_and_close_outputs() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Conv2d(1, 8, 3, padding="valid"),
        nn.ReLU(),
        nn.Conv2d(8, 8, 3, 2, 1),
        nn.Flatten(),
        nn.Linear(1352, 300),
    )
    (x,) = tensors_of((16, 1, 28, 28))
    before, keys = model(x), list(model.state_dict())
    assert portable(portable(model)) is model
    assert list(model.state_dict()) == keys
    torch.testing.assert_close(model(x), before)
    assert "_Linear" in type(model(x).grad_fn).__name__


@pytest.mark.parametrize(
    ("layer", "words"),
    [
        (nn.Conv2d(4, 4, 3, groups=2), "groups=2"),
        (nn.Conv2d(4, 4, 3, dilation=2), "dilation=(2, 2)"),
        (nn.Conv2d(4, 4, 3, padding=1, padding_mode="reflect"), "padding_mode='reflect'"),
        (nn.Conv2d(4, 4, 3, padding="same"), "padding='same'"),
        (nn.Linear(4, 4).double(), "torch.float64"),
        (nn.ConvTranspose2d(4, 4, 3), "ConvTranspose2d"),
        (nn.LSTM(4, 4), "nn.LSTM is none of BatchNorm, Dropout, nn.AdaptiveAvgPool2d, "),
        (nn.Softmax(1), "nn.Softmax is none of"),
        (nn.Dropout(0.5), "nn.Dropout is none of"),  # torch's own draws from the global generator
    ],
)
def test_a_layer_without_a_portable_kernel_is_refused_by_name(layer: nn.Module, words: str) -> None:
    model = nn.ModuleDict({"good": nn.Linear(2, 2), "bad": layer})
    with pytest.raises(UserError) as caught:
        portable(model)
    assert len(caught.value.problems) == 1
    assert "model layer bad" in caught.value.problems[0]
    assert words in caught.value.problems[0]
    assert type(model["good"]) is nn.Linear


def test_a_changed_linear_layer_is_refused_although_it_is_made_of_layers() -> None:
    with pytest.raises(UserError, match=r"model layer 0: nn\.ParametrizedLinear is none of"):
        portable(nn.Sequential(parametrizations.weight_norm(nn.Linear(4, 4))))


def test_a_layer_inside_a_layer_is_refused_by_its_path() -> None:
    with pytest.raises(UserError, match=r"layer 0\.self_attn\.out_proj: nn\.NonDyn"):
        portable(nn.Sequential(nn.TransformerEncoderLayer(4, 2)))


@pytest.mark.parametrize("kind", ["linear", "mlp", "cnn", "resnet18"])
def test_every_architecture_is_made_of_allowed_layers(kind: str) -> None:
    model = Model(
        kind=kind,
        cnn=Cnn(channels=(4, 4), strides=(1, 1), padding=1, batch_norm=True, dropout=0.5),
        mlp=Mlp(hidden=(4, 4, 4, 4), activation="gelu", dropout=0.5),
    )
    portable(build(model, schema_of((2, 8, 8)), seed=1))
    if kind == "mlp":
        for activation in ACTIVATIONS:
            mlp = Mlp(hidden=(4,), activation=activation)
            portable(build(model.model_copy(update={"mlp": mlp}), schema_of((3,)), seed=1))
