"""What the kernels can't compute is refused by name, before a step is computed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils import parametrizations

from reprise.arithmetic.network import compile_network
from reprise.foundation.errors import UserError


def refusal(module: nn.Module, shape: tuple[int, ...]) -> str:
    with pytest.raises(UserError) as caught:
        compile_network(module, shape)
    (line,) = caught.value.problems
    assert line.startswith("model")
    assert "\n" not in line
    return line


class Does(nn.Module):
    """A linear layer, then whatever the function does."""

    def __init__(self, function: Callable[..., Any], *layers: nn.Module) -> None:
        super().__init__()
        self.first, self.function = nn.Linear(4, 4), function
        self.others = nn.ModuleList(layers)

    def forward(self, x: Tensor) -> Any:
        return self.function(self.first(x), *self.others)


@pytest.mark.parametrize(
    ("layer", "words"),
    [
        (
            nn.Conv2d(4, 4, 3, padding=1, padding_mode="reflect"),
            "nn.Conv2d with padding_mode='reflect'; only",
        ),
        (nn.Conv2d(4, 4, 3, padding="same"), "nn.Conv2d with padding='same'; give the padding as numbers"),
        (nn.Conv2d(4, 4, 3).double(), "nn.Conv2d of torch.float64; only torch.float32 is allowed"),
        (nn.Conv2d(3, 4, 3), "takes an image of 3 channels, but its input is (4, 6, 6)"),
        (nn.Conv2d(4, 4, 9), "leaves nothing of images of 6 by 6 pixels"),
        (nn.MaxPool2d(2, ceil_mode=True), "nn.MaxPool2d with ceil_mode=True; only False"),
        (nn.MaxPool2d(2, dilation=2), "nn.MaxPool2d with dilation=2; only 1"),
        (nn.AvgPool2d(2, divisor_override=3), "nn.AvgPool2d with divisor_override=3; only None"),
        (nn.AdaptiveAvgPool2d((3, 2)), "nn.AdaptiveAvgPool2d with output_size=(3, 2); only 1"),
        (nn.Flatten(0), "may not reach across rows"),
        (nn.GELU("tanh"), "nn.GELU with approximate='tanh'; only 'none'"),
        (
            nn.ConvTranspose2d(4, 4, 3),
            "nn.ConvTranspose2d is none of BatchNorm, ChannelNorm, Dropout, Members",
        ),
        (nn.BatchNorm2d(4), "nn.BatchNorm2d is none of BatchNorm"),  # its statistics are the batch's
        (nn.Softmax(), "needs its dim"),
        (nn.Softmax(4), "has no axis 4"),
        (nn.Embedding(3, 4), "takes whole numbers; call .long() on its input first"),
        (nn.Embedding(3, 4, padding_idx=0), "nn.Embedding with padding_idx=0; only None"),
        (nn.LSTM(4, 4), "nn.LSTM is none of"),
        (parametrizations.weight_norm(nn.Linear(6, 4)), "nn.ParametrizedLinear is none of"),
        (nn.TransformerEncoderLayer(4, 2), "nn.MultiheadAttention with batch_first=False; only True"),
        (
            nn.TransformerEncoderLayer(6, 2, batch_first=True),
            "takes (rows, places, 6), but its input is (4, 6, 6)",
        ),
        (nn.LayerNorm(5), "normalises (5,), but its input is (4, 6, 6)"),
        (nn.Linear(5, 4), "takes 5 features, but its input is (4, 6, 6); flatten it first"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, nn.Module) else "",
)
def test_a_layer_without_a_definition_is_refused_by_name(layer: nn.Module, words: str) -> None:
    line = refusal(nn.Sequential(nn.Identity(), layer), (4, 6, 6))
    assert line.startswith("model layer 1: ")
    assert words in line


@pytest.mark.parametrize("layer", [nn.GroupNorm(2, 4), nn.MaxPool2d(2), nn.AdaptiveAvgPool2d(1)])
def test_layers_of_images_refuse_features(layer: nn.Module) -> None:
    assert "takes an image" in refusal(nn.Sequential(layer), (4,))


def test_every_bad_layer_gets_a_line() -> None:
    with pytest.raises(UserError) as caught:
        compile_network(nn.Sequential(nn.Linear(4, 4), nn.Mish(), nn.CELU()), (4,))
    assert [line.split(":")[0] for line in caught.value.problems] == ["model layer 1", "model layer 2"]


@pytest.mark.parametrize(
    ("function", "name"),
    [
        (torch.exp, "exp"),
        (lambda x: F.softmax(x, 1, dtype=torch.float64), "softmax"),
        (lambda x: x + x.mean(), "mean"),
        (lambda x: x / x, "truediv"),
        (lambda x: x / 0, "truediv"),
        (lambda x: x + (x > 0), "gt"),
        (lambda x: x[x.shape[0] - 1 :], "sub"),
        (lambda x: x @ x, "matmul"),
        (lambda x: x.permute(1, 0) + x, "add"),
        (lambda x: x.permute(1, 1), "permute"),
        (lambda x: x[:, 4], "getitem"),
        (lambda x: x[:, [1, 2]], "getitem"),
        (lambda x: x.split([1, 2], 1)[0], "split"),
        (lambda x: torch.cat((x, x.unsqueeze(1)), 1), "cat"),
        (lambda x: x.to(torch.float64), "to"),
        (lambda x: F.scaled_dot_product_attention(x, x, x, dropout_p=0.5), "scaled_dot_product_attention"),
        (lambda x: x.view(-1), "view"),
        (lambda x: torch.flatten(x, 0), "flatten"),
        (lambda x: F.dropout(x, 0.5), "dropout"),
    ],
)
def test_a_function_without_a_definition_is_refused_by_name(function: Callable[..., Any], name: str) -> None:
    line = refusal(Does(function), (4,))
    assert line.startswith(f"model: {name} of ")
    assert "train.numerics: native" in line


def test_control_flow_on_values_is_refused() -> None:
    line = refusal(Does(lambda x: x if x.sum() > 0 else -x), (4,))
    assert line.startswith("model: its code can't be followed in portable numerics (TraceError: ")
    assert line.endswith("compute without branches on values, or set train.numerics: native")


@pytest.mark.parametrize("function", [lambda x: (x, x), lambda x: {"logits": x}])
def test_one_tensor_comes_out(function: Callable[..., Any]) -> None:
    assert refusal(Does(function), (4,)) == "model: its output must be one tensor that its layers compute"


def test_a_module_without_layers_is_refused() -> None:
    assert refusal(nn.Identity(), (4,)) == "model: it has no layers; set train.numerics: native"


# What would be computed wrongly


class Twice(nn.Module):
    """The same weights in two places."""

    def __init__(self, *, tied: bool) -> None:
        super().__init__()
        self.one = nn.Linear(4, 4)
        self.two = nn.Linear(4, 4) if tied else self.one
        self.two.weight = self.one.weight

    def forward(self, x: Tensor) -> Tensor:
        return self.two(torch.relu(self.one(x)))


class TwoInputs(nn.Module):
    """Rows have one tensor each."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(4, 4)

    def forward(self, x: Tensor, other: Tensor) -> Tensor:
        return self.layer(x) + other


def relu_in_place(x: Tensor) -> Tensor:
    y = F.relu(x, inplace=True)
    return y + x  # twice the same values by now


class ByHand(nn.Module):
    """A layer's weights used once more, outside of it."""

    def __init__(self) -> None:
        super().__init__()
        self.one = nn.Linear(4, 4)

    def forward(self, x: Tensor) -> Tensor:
        return self.one(x) * self.one.bias


class Constant(nn.Module):
    """Adds a buffer."""

    def __init__(self) -> None:
        super().__init__()
        self.one = nn.Linear(4, 4)
        self.register_buffer("ones", torch.ones(4))

    def forward(self, x: Tensor) -> Tensor:
        return self.one(x) + self.ones


class Crossed(nn.Module):
    """Attends to other values than its own, or to a part of them."""

    def __init__(self, **keywords: Any) -> None:
        super().__init__()
        self.attention, self.keywords = nn.MultiheadAttention(2, 1, batch_first=True), keywords

    def forward(self, x: Tensor) -> Tensor:
        x = x.view(-1, 2, 2)
        other = x if self.keywords else x + 1
        return self.attention(x, other, other, **self.keywords)[0].flatten(1)


@pytest.mark.parametrize(
    ("module", "words"),
    [
        (ByHand(), "model layer one: its weights are used twice"),
        (Does(lambda x: x + torch.ones(4)), "model: _tensor_constant0 is a buffer"),
        (Constant(), "model: ones is a buffer, which portable numerics don't read; make it an nn.Parameter"),
        (Crossed(), "model layer attention: attends to other values than its own"),
        (Crossed(is_causal=True), "model layer attention: is called with is_causal"),
        (Twice(tied=False), "model layer one: its weights are used twice"),
        (Twice(tied=True), "model layer two: its weights are used twice"),
        (TwoInputs(), "model: takes one tensor"),
        (Does(lambda x: torch.add(x, torch.relu(x), alpha=2)), "model: add of (4,), (4,) has no portable"),
    ],
    ids=["by hand", "constant", "buffer", "crossed", "causal", "used twice", "tied", "two inputs", "alpha"],
)
def test_what_would_be_computed_wrongly_is_refused(module: nn.Module, words: str) -> None:
    assert refusal(module, (4,)).startswith(words)


@pytest.mark.parametrize(
    "function",
    [
        relu_in_place,
        lambda x: (y := x, x.add_(x), torch.relu(y))[2],
        lambda x: (y := x[:, 1:], x.add_(1.0), torch.relu(y))[2],  # a look at what is changed
    ],
)
def test_a_value_that_is_changed_in_place_and_used_again_is_refused(function: Callable[..., Any]) -> None:
    refusal(Does(function), (4,))


def test_tensors_as_keywords_are_refused() -> None:
    refusal(Does(lambda x: torch.relu(input=x)), (4,))
