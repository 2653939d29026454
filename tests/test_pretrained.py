"""Pretrained networks: their layers beside plain torch, and what they refuse."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from sklearn.datasets import load_sample_image
from tiny import schema_of
from torch import Tensor, nn
from torch.nn import functional as F

from reprise.arithmetic.image_layers import SameConv2d
from reprise.arithmetic.layers import BatchNorm
from reprise.foundation.errors import UserError
from reprise.model import published
from reprise.model.architectures import build
from reprise.model.folding import fold_norms
from reprise.model.inference import PortableProgram
from reprise.model.pretrained import FACTS, PretrainedNetwork, architecture
from reprise.model.tensors import Normaliser
from reprise.settings.params import Model, Pretrained

SHAPE = (3, 224, 224)
AS_STORED = Normaliser(None, None)
PACKED = Path(published.importlib.util.find_spec(published.PACKAGE).origin).parent / published.PACKED
# ImageNet's classes of what the two photographs show.
PALACE, DAISY = 698, 985


@pytest.fixture(autouse=True)
def _in_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture(scope="module")
def weights() -> dict[str, Tensor]:
    return torch.load(PACKED, weights_only=True)


@pytest.fixture(scope="module")
def photographs() -> Tensor:
    """The two photographs of scikit-learn, uint8."""
    made = [Image.fromarray(load_sample_image(name)) for name in ("china.jpg", "flower.jpg")]
    squares = [image.crop((107, 0, 533, 427)).resize((224, 224), Image.Resampling.BILINEAR) for image in made]
    return torch.from_numpy(np.stack([np.asarray(square).transpose(2, 0, 1) for square in squares]))


def plain_lite0(weights: dict[str, Tensor], x: Tensor) -> Tensor:
    """EfficientNet-Lite0 from its paper and TensorFlow's padding, in float64, by the published names."""
    values = {name: tensor.double() for name, tensor in weights.items()}

    def same(x: Tensor, kernel: int, stride: int) -> Tensor:
        both = max((-(-x.shape[-1] // stride) - 1) * stride + kernel - x.shape[-1], 0)
        return F.pad(x, (both // 2, both - both // 2) * 2)

    def norm(x: Tensor, name: str) -> Tensor:
        mean, var = values[f"{name}.running_mean"], values[f"{name}.running_var"]
        return F.batch_norm(x, mean, var, values[f"{name}.weight"], values[f"{name}.bias"], eps=1e-3)

    x = same((x.double() - 127) / 128, 3, 2)
    x = F.relu6(norm(F.conv2d(x, values["_conv_stem.weight"], stride=2), "_bn0"))
    number = 0
    for count, kernel, stride, wider, _ in (
        (1, 3, 1, 1, 16), (2, 3, 2, 6, 24), (2, 5, 2, 6, 40), (3, 3, 2, 6, 80), (3, 5, 1, 6, 112),
        (4, 5, 2, 6, 192), (1, 3, 1, 6, 320),
    ):  # fmt: skip
        for place in range(count):
            name, step, before = f"_blocks.{number}.", stride if place == 0 else 1, x
            if wider > 1:
                x = F.relu6(norm(F.conv2d(x, values[f"{name}_expand_conv.weight"]), f"{name}_bn0"))
            x = same(x, kernel, step)
            x = F.conv2d(x, values[f"{name}_depthwise_conv.weight"], stride=step, groups=x.shape[1])
            x = F.relu6(norm(x, f"{name}_bn1"))
            x = norm(F.conv2d(x, values[f"{name}_project_conv.weight"]), f"{name}_bn2")
            x = x + before if x.shape == before.shape else x
            number += 1
    return F.relu6(norm(F.conv2d(x, values["_conv_head.weight"]), "_bn1")).mean((2, 3))


@pytest.mark.parametrize("tune", ["head", "all"])
def test_lite0_is_the_published_network(tune: Any, weights: dict[str, Tensor], photographs: Tensor) -> None:
    settings = Pretrained(tune=tune)
    network = PretrainedNetwork(settings, 2)
    network.take(settings, published.weights_of(settings))
    features = network.eval().features
    exact = plain_lite0(weights, photographs)
    with torch.no_grad():
        torch.testing.assert_close(features(photographs.float()).double(), exact, rtol=1e-4, atol=1e-4)
    found = PortableProgram(features, SHAPE).outputs(photographs, AS_STORED)
    torch.testing.assert_close(found.double(), exact, rtol=1e-4, atol=1e-4)
    logits = F.linear(found, weights["_fc.weight"], weights["_fc.bias"])
    assert PALACE in logits[0].topk(5).indices
    assert DAISY in logits[1].topk(5).indices


def test_a_picture_has_the_same_features_in_any_company(photographs: Tensor) -> None:
    network = PretrainedNetwork(Pretrained(), 2).eval()
    network.take(Pretrained(), published.weights_of(Pretrained()))
    program = PortableProgram(network.features, SHAPE)
    many = program.outputs(photographs.repeat(9, 1, 1, 1), AS_STORED)
    assert torch.equal(many[-1:], program.outputs(photographs[1:], AS_STORED))


def test_folded_norms_compute_the_same() -> None:
    class Branch(nn.Module):
        """A norm that two read from, and one after no convolution: the latter stays."""

        def __init__(self) -> None:
            super().__init__()
            self.first = nn.Sequential(nn.Conv2d(3, 4, 3), BatchNorm(4), nn.ReLU())
            self.alone, self.second = BatchNorm(4), nn.Conv2d(4, 4, 1, bias=False)
            self.third = BatchNorm(4, eps=0.1)
            self.shared, self.last = nn.Conv2d(4, 4, 1), BatchNorm(4)

        def forward(self, x: Tensor) -> Tensor:
            x = self.third(self.second(self.alone(self.first(x))))
            y = self.shared(x)
            return self.last(y) + y

    torch.manual_seed(1)
    module = Branch()
    for layer in module.modules():
        if isinstance(layer, BatchNorm):
            for value in (layer.weight.data, layer.bias.data, layer.running_mean, layer.running_var):
                value.uniform_(0.5, 2.0)
    x = torch.randn(2, 3, 6, 6)
    expected = module.eval()(x)
    fold_norms(module)
    kept = [name for name, layer in module.named_modules() if isinstance(layer, BatchNorm)]
    assert kept == ["alone", "last"]  # what `shared` computes is used beside its norm
    torch.testing.assert_close(module(x), expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("side", [7, 8, 9])
@pytest.mark.parametrize(("kernel", "stride"), [(3, 2), (5, 2), (2, 1), (3, 3)])
def test_padding_of_tensorflows_kind(side: int, kernel: int, stride: int) -> None:
    """Its documentation: outputs = ceil(inputs / stride); the padding's odd pixel is at the end."""
    layer = SameConv2d(1, 1, kernel, stride, bias=False)
    found = layer(torch.ones(1, 1, side, side))
    assert found.shape[-1] == -(-side // stride)
    before, after = layer.pads(side, 0)
    assert before <= after <= before + 1
    padded = F.pad(torch.ones(1, 1, side, side), (before, after) * 2)
    assert torch.equal(found, F.conv2d(padded, layer.weight, stride=stride))


@pytest.mark.parametrize("name", ["resnet18", "efficientnet_b0", "mobilenet_v3_small", "convnext_tiny"])
def test_backbones_of_torchvision_compute_its_features(name: Any) -> None:
    from torchvision import models

    torch.manual_seed(1)
    theirs = models.get_model(name, weights=None).eval()
    own = PretrainedNetwork(Pretrained(backbone=name), 2).eval()
    own.take(Pretrained(backbone=name), published.fitted(theirs.state_dict(), name, "theirs"))
    pixels = torch.randint(0, 256, (2, *SHAPE), dtype=torch.uint8)
    seen: list[Tensor] = []
    last = theirs.fc if name == "resnet18" else theirs.classifier[0 if name == "mobilenet_v3_small" else -1]
    last.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    mean, std = (torch.tensor(v).reshape(3, 1, 1) for v in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)))
    with torch.no_grad():
        theirs((pixels / 255 - mean) / std)
        found = own.features(pixels.float())
    assert found.shape == (2, FACTS[name].features)
    torch.testing.assert_close(found, seen[0], rtol=1e-3, atol=1e-4)
    by_kernels = PortableProgram(own.features, SHAPE).outputs(pixels, AS_STORED)
    torch.testing.assert_close(by_kernels, seen[0], rtol=1e-3, atol=1e-4)


def test_other_pictures_are_refused() -> None:
    schema = schema_of((1, 28, 28))
    with pytest.raises(UserError) as caught:
        build(Model(kind="pretrained"), schema, 1)
    assert caught.value.problems == (
        "model.kind: pretrained takes pictures of 3x224x224, but the data has 1x28x28; with prepare.dataset: "
        "images set prepare.images.pixels: 224 and mode: rgb, else use cnn",
        "prepare.normalise: model.kind: pretrained normalises by itself, as its weights were trained; "
        "set it to none",
    )
    with pytest.raises(UserError, match="needs images, but the data is a table"):
        build(Model(kind="pretrained"), schema_of((5,)), 1)


def test_what_is_frozen_needs_no_gradient() -> None:
    head = PretrainedNetwork(Pretrained(), 2)
    assert [name for name, p in head.named_parameters() if p.requires_grad] == ["head.weight", "head.bias"]
    everything = PretrainedNetwork(Pretrained(tune="all"), 2)
    fixed = [name for name, p in everything.named_parameters() if not p.requires_grad]
    assert fixed == ["scale.weight", "scale.bias"]
    assert any(isinstance(layer, BatchNorm) for layer in architecture("resnet18").modules())
