"""What each operation and its gradients are in our kernels, in torch's float32 and in float64."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from family_library import Families, Update, Window
from torch import Tensor

KINDS: dict[str, tuple[int, Callable[[Tensor], Tensor]]] = {
    "relu": (0, F.relu),
    "relu6": (1, F.relu6),
    "leaky_relu": (2, lambda x: F.leaky_relu(x, 0.01)),
    "gelu": (3, F.gelu),
    "silu": (4, F.silu),
    "sigmoid": (5, torch.sigmoid),
    "tanh": (6, torch.tanh),
}


@dataclass
class Result:
    """One array: ours, torch's in float32, and in float64."""

    name: str
    ours: np.ndarray
    torchs: np.ndarray
    exact: np.ndarray

    def errors(self) -> tuple[float, float, float, float]:
        """Return our greatest and mean error, and torch's."""
        ours, theirs = (np.abs(a.astype(np.float64) - self.exact) for a in (self.ours, self.torchs))
        return float(ours.max()), float(ours.mean()), float(theirs.max()), float(theirs.mean())


def torchs(
    function: Callable[..., Tensor], inputs: list[np.ndarray], gy: np.ndarray | None, dtype: torch.dtype
) -> list[np.ndarray]:
    """Return a function's value and its gradients by all inputs (gy None: of the value itself)."""
    leaves = [torch.tensor(a, dtype=dtype, requires_grad=True) for a in inputs]
    y = function(*leaves)
    y.backward(None if gy is None else torch.tensor(gy, dtype=dtype).reshape(y.shape))
    return [y.detach().numpy(), *(leaf.grad.numpy() for leaf in leaves if leaf.grad is not None)]


def compared(
    name: str,
    parts: str,
    ours: list[np.ndarray],
    function: Callable[..., Tensor],
    inputs: list[np.ndarray],
    gy: np.ndarray | None = None,
) -> Iterator[Result]:
    """Pair our value and gradients with torch's; `parts` names them."""
    single, double = (torchs(function, inputs, gy, dtype) for dtype in (torch.float32, torch.float64))
    for part, a, b, c in zip(parts.split(), ours, single, double, strict=True):
        yield Result(f"{name} {part}", np.asarray(a).reshape(c.shape), b, c)


def normal(rng: np.random.Generator, *shape: int, scale: float = 1) -> np.ndarray:
    """Return normal float32 values."""
    return (rng.standard_normal(shape) * scale).astype(np.float32)


def activations(kernels: Families, rng: np.random.Generator) -> Iterator[Result]:
    """Activations and softmax."""
    x, gy = normal(rng, 500_000, scale=3), normal(rng, 500_000)
    for name, (kind, function) in KINDS.items():
        y, gx = np.empty_like(x), np.empty_like(x)
        kernels.call("activation_forward", kind, 0.01, x, y, x.size)
        kernels.call("activation_backward", kind, 0.01, x, y, gy, gx, x.size)
        yield from compared(name, "y gx", [y, gx], function, [x], gy)
    for n in (10, 1000):
        rows = x.size // n
        y, gx = np.empty_like(x), np.empty_like(x)
        kernels.call("softmax_forward", x, y, rows, n)
        kernels.call("softmax_backward", y, gy, gx, rows, n)
        yield from compared(
            f"softmax {n}", "y gx", [y, gx], lambda x, n=n: torch.softmax(x.reshape(-1, n), 1), [x], gy
        )


def losses(kernels: Families, rng: np.random.Generator) -> Iterator[Result]:
    """Losses, summed, and their gradients."""
    rows, classes = 2000, 10
    x, target, wanted = (
        normal(rng, rows, classes, scale=4),
        rng.integers(0, classes, rows),
        normal(rng, rows, scale=2),
    )
    weights, labels = rng.random(classes, dtype=np.float32) + 0.5, torch.from_numpy(target)
    for smoothing in (0.0, 0.1):
        for w in (None, weights):
            gx = np.empty_like(x)
            total = kernels.call("cross_entropy", x, target, rows, classes, smoothing, w, 1 / rows, gx)

            def function(
                x: Tensor, s: float = smoothing, w: np.ndarray | None = w, labels: Tensor = labels
            ) -> Tensor:
                given = None if w is None else torch.from_numpy(w).to(x.dtype)
                return F.cross_entropy(x, labels, given, reduction="sum", label_smoothing=s) / rows

            name = f"cross_entropy {smoothing} {'weights' if w is not None else ''}"
            yield from compared(name, "loss gx", [np.float64(total or 0) / rows, gx], function, [x])
    one, binary = normal(rng, rows, scale=4), target % 2
    gx = np.empty_like(one)
    total = kernels.call("binary_cross_entropy", one, binary, rows, 0.1, None, 1 / rows, gx)
    smooth = torch.from_numpy(binary * 0.9 + 0.05)

    def bce(x: Tensor) -> Tensor:
        return F.binary_cross_entropy_with_logits(x, smooth.to(x.dtype))

    yield from compared("binary_cross_entropy", "loss gx", [np.float64(total or 0) / rows, gx], bce, [one])
    t = torch.from_numpy(wanted)
    total = kernels.call("squared_error", one, wanted, rows, 1 / rows, gx)
    yield from compared(
        "squared_error",
        "loss gx",
        [np.float64(total or 0) / rows, gx.copy()],
        lambda x: F.mse_loss(x, t.to(x.dtype)),
        [one],
    )
    total = kernels.call("huber", one, wanted, rows, 1.5, 1 / rows, gx)
    yield from compared(
        "huber",
        "loss gx",
        [np.float64(total or 0) / rows, gx],
        lambda x: F.huber_loss(x, t.to(x.dtype), delta=1.5),
        [one],
    )


def batch_norms(kernels: Families, rng: np.random.Generator) -> Iterator[Result]:
    """Batch norm, alone and with the ReLU after it."""
    m, c = 4000, 33
    x, gy = normal(rng, m, c, scale=2) + 1, normal(rng, m, c)
    weight, bias = normal(rng, c), normal(rng, c)
    mean, variance = np.empty(c), np.empty(c)
    kernels.call("batch_norm_statistics", x, m, c, mean, variance)
    for relu in (0, 1):
        y, gx, gw, gb = np.empty_like(x), np.empty_like(x), np.empty_like(weight), np.empty_like(bias)
        kernels.call("batch_norm_apply", x, mean, variance, weight, bias, 1e-5, relu, y, m, c)
        mask = y if relu else None
        kernels.call("batch_norm_backward", x, mask, mean, variance, weight, 1e-5, gy, gx, gw, gb, m, c)

        def function(x: Tensor, w: Tensor, b: Tensor, relu: int = relu) -> Tensor:
            y = F.batch_norm(x, None, None, w, b, training=True)
            return F.relu(y) if relu else y

        name = "batch_norm relu" if relu else "batch_norm"
        yield from compared(name, "y gx gw gb", [y, gx, gw, gb], function, [x, weight, bias], gy)


def other_norms(kernels: Families, rng: np.random.Generator) -> Iterator[Result]:
    """Layer norm and group norm."""
    rows, n = 300, 257
    x, gy = normal(rng, rows, n, scale=2) + 1, normal(rng, rows, n)
    weight, bias, statistics = normal(rng, n), normal(rng, n), np.empty((rows, 2), np.float32)
    y, gx, gw, gb = np.empty_like(x), np.empty_like(x), np.empty_like(weight), np.empty_like(bias)
    kernels.call("layer_norm_forward", x, weight, bias, 1e-5, y, statistics, rows, n)
    kernels.call("layer_norm_backward", x, statistics, weight, gy, gx, gw, gb, rows, n)
    yield from compared(
        "layer_norm",
        "y gx gw gb",
        [y, gx, gw, gb],
        lambda x, w, b: F.layer_norm(x, [n], w, b),
        [x, weight, bias],
        gy,
    )
    rows, pixels, c, groups = 20, 49, 24, 4
    x, gy = normal(rng, rows, pixels, c, scale=2) + 1, normal(rng, rows, pixels, c)
    weight, bias, statistics = normal(rng, c), normal(rng, c), np.empty((rows, groups, 2), np.float32)
    y, gx, gw, gb = np.empty_like(x), np.empty_like(x), np.empty_like(weight), np.empty_like(bias)
    kernels.call("group_norm_forward", x, weight, bias, 1e-5, groups, y, statistics, rows, pixels, c)
    kernels.call("group_norm_backward", x, statistics, weight, groups, gy, gx, gw, gb, rows, pixels, c)

    def function(x: Tensor, w: Tensor, b: Tensor) -> Tensor:
        return F.group_norm(x.transpose(1, 2), groups, w, b).transpose(1, 2)

    yield from compared("group_norm", "y gx gw gb", [y, gx, gw, gb], function, [x, weight, bias], gy)


def pooling(kernels: Families, rng: np.random.Generator) -> Iterator[Result]:
    """Pooling; kernels overlap and reach into the padding."""
    rows, h, c, k, stride, pad = 8, 17, 20, 3, 2, 1
    out = (h + 2 * pad - k) // stride + 1
    x, gy = normal(rng, rows, h, h, c), normal(rng, rows, out, out, c)
    x[rng.random(x.shape) < 0.3] = 0.5
    y, gx, window = (
        np.empty_like(gy),
        np.empty_like(x),
        Window(h, h, c, out, out, k, k, stride, stride, pad, pad),
    )

    def channels_first(function: Callable[[Tensor], Tensor]) -> Callable[[Tensor], Tensor]:
        return lambda x: function(x.permute(0, 3, 1, 2)).permute(0, 2, 3, 1)

    kernels.call("max_pool_forward", x, y, rows, window)
    kernels.call("max_pool_backward", x, gy, gx, rows, window)
    function = channels_first(lambda x: F.max_pool2d(x, k, stride, pad))
    yield from compared("max_pool", "y gx", [y.copy(), gx.copy()], function, [x], gy)
    for count in (0, 1):
        kernels.call("average_pool_forward", x, y, rows, window, count)
        kernels.call("average_pool_backward", gy, gx, rows, window, count)
        function = channels_first(
            lambda x, n=count: F.avg_pool2d(x, k, stride, pad, count_include_pad=bool(n))
        )
        yield from compared(f"average_pool {count}", "y gx", [y.copy(), gx.copy()], function, [x], gy)
    few = normal(rng, rows, c)
    y = np.empty_like(few)
    kernels.call("global_average_forward", x, y, rows, h * h, c)
    kernels.call("global_average_backward", few, gx, rows, h * h, c)
    yield from compared("global_average", "y gx", [y, gx], lambda x: x.mean((1, 2)), [x], few)


def optimizers(kernels: Families, rng: np.random.Generator) -> Iterator[Result]:
    """Ten steps of each optimizer with two slices; torch's as a loop over tensors."""
    n, rate, decay = 20_000, 0.01, 0.1
    start, slices = normal(rng, n), [[normal(rng, n) for _ in range(2)] for _ in range(10)]
    for name, decoupled in (("sgd", 0), ("adam", 0), ("adam", 1)):
        p, first, second = start.copy(), np.zeros_like(start), np.zeros_like(start)
        for t, g in enumerate(slices, 1):
            u = Update(rate, decay, 1, 0.9, 0.9, 0.999, 1e-8, 1 - 0.9**t, 1 - 0.999**t, decoupled)
            state = [first] if name == "sgd" else [first, second]
            kernels.call(name, p, *state, g, 2, n, u)
        ends = []
        for dtype in (torch.float32, torch.float64):
            q = torch.nn.Parameter(torch.tensor(start, dtype=dtype))
            optimizer: torch.optim.Optimizer
            if name == "sgd":
                optimizer = torch.optim.SGD([q], rate, momentum=0.9, weight_decay=decay)
            else:
                kind = torch.optim.AdamW if decoupled else torch.optim.Adam
                optimizer = kind([q], rate, weight_decay=decay)
            for a, b in slices:
                q.grad = torch.tensor(a, dtype=dtype) + torch.tensor(b, dtype=dtype)
                optimizer.step()
            ends.append(q.detach().numpy())
        yield Result(f"{name}{'w' if decoupled else ''} p", p, ends[0], ends[1])
    g = [normal(rng, 200_000) for _ in range(2)]
    total = [np.asarray(kernels.call("sum_of_squares", g, 2, 200_000))]
    single, double = (
        sum(torch.tensor(a, dtype=d) for a in g).square().sum() for d in (torch.float32, torch.float64)
    )  # type: ignore[union-attr]
    yield Result("sum_of_squares", total[0], single.numpy(), double.numpy())


ALL = (activations, losses, batch_norms, other_norms, pooling, optimizers)
