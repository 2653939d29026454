"""Small networks of every kind, for the tests of what a model becomes."""

from __future__ import annotations

import copy
from collections.abc import Callable

import torch
from brought_networks import BROUGHT
from tiny import schema_of
from torch import Tensor, nn

from reprise.arithmetic.image_layers import ChannelNorm, SameConv2d
from reprise.arithmetic.layers import BatchNorm
from reprise.model.architectures import build, initialise
from reprise.model.tensors import Normaliser, Rows
from reprise.settings.params import Cnn, Mlp, Model, Train
from reprise.training.by_kernels import KernelEngine
from reprise.training.by_torch import TorchEngine

Shape = tuple[int, ...]
ROWS, CLASSES = 9, 3


class Residual(nn.Module):
    """x + f(x), with a ReLU behind, as in residual networks."""

    def __init__(self, *layers: nn.Module) -> None:
        super().__init__()
        self.layers = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        return torch.relu(self.layers(x) + x)


class Fork(nn.Module):
    """One value that three operations use, whose ways meet again."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.last = nn.Linear(5, 7), nn.Linear(7, CLASSES)
        self.one, self.two = nn.Linear(7, 7), nn.Linear(7, 7)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        both = self.one(x) + self.two(x).relu()
        both += x
        return self.last(both)


class Doubled(nn.Module):
    """A value and itself."""

    def forward(self, x: Tensor) -> Tensor:
        return x + x


class Unused(nn.Module):
    """A ReLU whose result nobody takes."""

    def forward(self, x: Tensor) -> Tensor:
        torch.relu(x)
        return x


def images(*layers: nn.Module, shape: Shape = (3, 9, 7)) -> tuple[nn.Module, Shape]:
    """Layers over images, then a linear one over what they leave."""
    with torch.no_grad():
        left = nn.Sequential(*copy.deepcopy(nn.ModuleList(layers))).eval()(torch.zeros(1, *shape)).numel()
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(left, CLASSES)), shape


def mlp(activation: str) -> Callable[[], tuple[nn.Module, Shape]]:
    return lambda: _built(Model(kind="mlp", mlp=Mlp(hidden=(11, 6), activation=activation)), (5,))


def over_features(*layers: nn.Module) -> tuple[nn.Module, Shape]:
    return nn.Sequential(nn.Linear(5, 12), *layers, nn.Linear(12, CLASSES)), (5,)


def _built(model: Model, shape: Shape) -> tuple[nn.Module, Shape]:
    return build(model, schema_of(shape, CLASSES), 1), shape


CNN = Cnn(channels=(4, 6), strides=(2, 1), hidden=(8,), padding=1, batch_norm=True)
NETWORKS: dict[str, Callable[[], tuple[nn.Module, Shape]]] = {
    "linear": lambda: _built(Model(kind="linear"), (5,)),
    **{f"mlp {name}": mlp(name) for name in ("relu", "sigmoid", "tanh", "gelu")},
    **{
        f"features {layer}": lambda layer=layer: over_features(layer)
        for layer in (
            nn.ReLU6(), nn.LeakyReLU(0.2), nn.SiLU(), nn.Hardsigmoid(), nn.Hardswish(), nn.LayerNorm(12),
            nn.Identity(),
        )
    },
    "no bias": lambda: (
        nn.Sequential(nn.Linear(5, 4, bias=False), nn.ReLU(), nn.Linear(4, 3, bias=False)), (5,)
    ),
    "layer norm without weights": lambda: over_features(nn.LayerNorm(12, elementwise_affine=False)),
    "linear over images": lambda: _built(Model(kind="linear"), (3, 4, 5)),
    "cnn": lambda: _built(Model(kind="cnn", cnn=CNN.model_copy(update={"batch_norm": False})), (3, 9, 7)),
    "cnn with batch norm": lambda: _built(Model(kind="cnn", cnn=CNN), (3, 9, 7)),
    "depthwise and group norm": lambda: images(
        nn.Conv2d(3, 8, 3, padding=1), nn.GroupNorm(2, 8), nn.ReLU(),
        nn.Conv2d(8, 8, 3, 2, 1, groups=8), nn.SiLU(), nn.Conv2d(8, 6, 1, groups=2),
    ),
    "dilated, uneven": lambda: images(nn.Conv2d(3, 5, (3, 2), (2, 1), (2, 0), (2, 3)), nn.GELU()),
    "padded like TensorFlow": lambda: images(
        SameConv2d(3, 6, 3, 2), nn.ReLU6(), SameConv2d(6, 6, 5, 2, groups=6), BatchNorm(6), nn.ReLU6(),
        SameConv2d(6, 4, (2, 3), (1, 2)), shape=(3, 12, 9),
    ),
    "norm over channels": lambda: images(
        nn.Conv2d(3, 6, 3), ChannelNorm(6), nn.GELU(), nn.Conv2d(6, 4, 3, groups=2)
    ),
    "max pool": lambda: images(nn.Conv2d(3, 5, 3), nn.ReLU(), nn.MaxPool2d(3, 2, 1)),
    "average pool": lambda: images(nn.Conv2d(3, 5, 3), nn.AvgPool2d(2), nn.ReLU()),
    "padded average": lambda: images(nn.Conv2d(3, 5, 3), nn.AvgPool2d(3, 2, 1)),
    "average without padding": lambda: images(
        nn.Conv2d(3, 5, 3), nn.AvgPool2d(3, 2, 1, count_include_pad=False)
    ),
    "global average": lambda: images(nn.Conv2d(3, 5, 3), BatchNorm(5), nn.AdaptiveAvgPool2d(1)),
    "residual": lambda: images(
        nn.Conv2d(3, 6, 3, padding=1),
        Residual(nn.Conv2d(6, 6, 3, padding=1, bias=False), BatchNorm(6), nn.ReLU(), nn.Conv2d(6, 6, 1)),
        Residual(nn.GroupNorm(3, 6), nn.Conv2d(6, 6, 3, padding=1)),
    ),
    "fork": lambda: (Fork(), (5,)),
    "doubled": lambda: over_features(Doubled()),
    "an unused layer": lambda: over_features(Unused()),
    "resnet18": lambda: _built(Model(kind="resnet18"), (3, 8, 8)),
    **BROUGHT,
}  # fmt: skip


def network(name: str) -> tuple[nn.Module, Rows]:
    """Return a network in training mode with weights that are not special, and rows for it."""
    module, shape = NETWORKS[name]()
    initialise(module, 1)
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for layer in module.modules():  # norms start with ones and zeros, which would hide mistakes
            if isinstance(layer, nn.GroupNorm | nn.LayerNorm | BatchNorm) and layer.weight is not None:
                layer.weight.add_(torch.rand(layer.weight.shape, generator=generator))
                layer.bias.add_(torch.rand(layer.bias.shape, generator=generator))
    return module.train(), rows(shape, ROWS)


def rows(shape: Shape, count: int) -> Rows:
    generator = torch.Generator().manual_seed(2)
    y = torch.randint(0, CLASSES, (count,), generator=generator)
    if len(shape) == 3:
        x = torch.randint(0, 256, (count, *shape), generator=generator, dtype=torch.uint8)
        mean, std = (torch.tensor([start, start + 7, start - 5]).view(3, 1, 1) for start in (120.0, 60.0))
        return Rows(x, y, Normaliser(mean, std))
    return Rows(2 * torch.randn(count, *shape, generator=generator), y, Normaliser(None, None))


def in_double(data: Rows) -> Rows:
    """Rows that are normalised in float32, as the definition says, and go on in float64."""
    return Rows(data.normalise(data.x).double(), data.y, AsTheyAre(None, None))


class AsTheyAre(Normaliser):
    """Leaves inputs alone, their type included."""

    def __call__(self, x: Tensor) -> Tensor:
        return x


def by_kernels(module: nn.Module, data: Rows) -> tuple[dict[str, Tensor], float, list[Tensor]]:
    """Return the gradients by name, the sum of losses, and what batch norms saw."""
    engine = KernelEngine(module, data, Train(batch_size=len(data)), len(data))
    outcome = engine.slice(0, torch.arange(len(data)), None, len(data), (0, 0, 0))
    views = engine.packed.views(outcome.gradients[0])
    return dict(zip(engine.packed.at, views, strict=True)), outcome.figures[0], [*outcome.statistics.values()]


def by_torch(module: nn.Module, data: Rows) -> tuple[dict[str, Tensor], float, list[Tensor]]:
    """The same by torch's autograd."""
    engine = TorchEngine(module, data, Train(batch_size=len(data)))
    outcome = engine.slice(0, torch.arange(len(data)), None, len(data), (0, 0, 0))
    names = [name for name, _ in module.named_parameters()]
    return (
        dict(zip(names, outcome.gradients, strict=True)),
        outcome.figures[0],
        [*outcome.statistics.values()],
    )
