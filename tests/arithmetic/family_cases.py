"""Calls of every function of families.h with random shapes, odd ones among them, and values of every kind."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from family_library import Argument, Augmentation, Families, ImageRows, Piecewise, Strides, Update, Window

SPECIAL = np.array(
    [0, -0.0, np.inf, -np.inf, np.nan, 1e-45, -1e-45, 3e-39, 3e38, -3e38, 88, -104, 6], np.float32
)


@dataclass
class Case:
    """One call. What it writes are arrays among its arguments."""

    name: str
    arguments: list[Argument]
    ties: tuple[object, ...] = ()  # what the structures among the arguments point to

    def results(self, library: Families) -> list[np.ndarray]:
        """Call it with copies of the arrays; return them and what it returned. All NaNs are the same."""
        copies = [copied(a) for a in self.arguments]
        returned = library.call(self.name, *copies)
        arrays = [b for a in copies for b in (a if isinstance(a, list) else [a]) if isinstance(b, np.ndarray)]
        arrays.append(np.array([0.0 if returned is None else returned], np.float64))
        for a in arrays:
            if a.dtype.kind == "f":
                a[np.isnan(a)] = np.nan
        return arrays


def copied(argument: Argument) -> Argument:
    """Return a copy of arrays; structures are only read."""
    if isinstance(argument, list):
        return [a.copy() for a in argument]
    return argument.copy() if isinstance(argument, np.ndarray) else argument


def floats(rng: np.random.Generator, *shape: int, special: float = 0.02, scale: float = 3) -> np.ndarray:
    """Return normal values, some of them replaced by -0, infinities, NaN, denormals and other traps."""
    x = (rng.standard_normal(shape) * scale).astype(np.float32)
    x[rng.random(shape) < 0.1] = 0.5  # ties
    if rng.random() < 0.5:
        chosen = rng.random(shape) < special
        x[chosen] = rng.choice(SPECIAL, int(chosen.sum()))
    return x


def size(rng: np.random.Generator, most: int) -> int:
    """Return a size of which small ones are likely."""
    return int(most ** rng.random()) if rng.random() < 0.9 else most


def elementwise(rng: np.random.Generator) -> Iterator[Case]:
    """Activations, additions, dropout, random numbers, embedding."""
    n = size(rng, 3000)
    x, gy, out = (
        floats(rng, n, scale=float(rng.choice([1, 10, 100]))),
        floats(rng, n),
        np.zeros(n, np.float32),
    )
    for kind in range(7):
        yield Case("activation_forward", [kind, 0.01, x, out, n])
        yield Case("activation_backward", [kind, 0.01, x, floats(rng, n, scale=1), gy, out, n])
    for name in ("scale", "shift"):
        yield Case(name, [x, float(rng.choice(np.float32([0.3, -1.0, 1e30]))), out, n])
    for name in ("add", "add_relu", "relu_mask", "multiply_values"):
        yield Case(name, [x, gy, out, n])
    key, stream, below = (int(v) for v in rng.integers(0, 2**32, 3))
    first = int(rng.integers(0, 2**40))
    yield Case("random_words", [key << 31, stream, first, np.zeros(4 * n, np.uint32), n])
    for keep in (0, below, 2**32 - 1):
        yield Case("dropout", [x, out, n, key, stream, keep, 1.25])
    width, count = size(rng, 70), size(rng, 50)
    rows = n // width
    index = rng.integers(-1, count + 1, rows).astype(np.float32) + np.float32(0.25)
    index[rng.random(rows) < 0.05] = np.nan
    yield Case(
        "embedding_forward", [index, floats(rng, count, width), floats(rng, rows, width), rows, count, width]
    )
    yield Case("embedding_backward", [index, gy, np.ones((count, width), np.float32), rows, count, width])


def moved(rng: np.random.Generator) -> Iterator[Case]:
    """Values in another order, left out, shown more than once, joined."""
    axes = [(size(rng, 9), int(rng.integers(1, 3)), rng.random() < 0.2) for _ in range(5)]
    floats_a_row, laid = 1, []
    for count, gap, shown_again in axes:
        laid.append((count, 0 if shown_again else floats_a_row * gap))
        floats_a_row *= 1 if shown_again else count * gap
    order = rng.permutation(5)
    first, rows = int(rng.integers(0, 5)), size(rng, 4)
    sizes, steps = (tuple(laid[axis][part] for axis in order) for part in (0, 1))
    strides, wide = Strides(first, sizes, steps), first + floats_a_row
    shape = (rows, *sizes)
    yield Case("move_forward", [floats(rng, rows, wide), np.zeros(shape, np.float32), rows, wide, strides])
    yield Case("move_backward", [floats(rng, *shape), np.ones((rows, wide), np.float32), rows, wide, strides])
    turns, m, n = size(rng, 20), size(rng, 70), size(rng, 70)
    a, b, both = floats(rng, turns, m), floats(rng, turns, n), floats(rng, turns, m + n)
    yield Case("join_forward", [a, b, np.zeros_like(both), turns, m, n])
    for one, two in ((a, b), (a, None), (None, b)):
        yield Case("join_backward", [both, one, two, turns, m, n])


def along_rows(rng: np.random.Generator) -> Iterator[Case]:
    """Softmax, losses, layer norm."""
    rows, n = size(rng, 12), size(rng, 2500)
    x, gy, out = floats(rng, rows, n), floats(rng, rows, n), np.zeros((rows, n), np.float32)
    yield Case("softmax_forward", [x, out, rows, n])
    yield Case("softmax_causal", [x, out, rows, size(rng, 6), n])
    yield Case("softmax_backward", [x, gy, out, rows, n])
    target, wanted = rng.integers(0, n, rows), floats(rng, rows)
    weights = None if rng.random() < 0.5 else rng.random(max(n, 2), dtype=np.float32)
    for smoothing in (0.0, 0.1):
        yield Case("cross_entropy", [x, target, rows, n, smoothing, weights, 0.3, out])
        yield Case("cross_entropy", [x, target, rows, n, smoothing, weights, 0.3, None])
        yield Case("binary_cross_entropy", [x, target % 2, rows, smoothing, weights, 0.3, out])
    yield Case("squared_error", [x, wanted, rows, 0.3, out])
    yield Case("huber", [x, wanted, rows, 1.5, 0.3, out])
    yield Case("count_correct", [x, target, rows, n])
    yield Case("class_probabilities", [x, np.zeros((rows, max(n, 2))), rows, n])
    weight, bias = (None, None) if rng.random() < 0.3 else (floats(rng, n), floats(rng, n))
    statistics = floats(rng, rows, 2)
    yield Case("layer_norm_forward", [x, weight, bias, 1e-5, out, statistics, rows, n])
    sums = [np.zeros(n, np.float32), np.zeros(n, np.float32)]
    yield Case("layer_norm_backward", [x, statistics, weight, gy, out, *sums, rows, n])


def of_tables(rng: np.random.Generator) -> Iterator[Case]:
    """Quantiles and bins, members' common answers."""
    features, more, knots, bins, rows = (size(rng, most) for most in (9, 5, 40, 17, 30))
    columns = rng.permutation(features + more)[:features]
    table = [np.sort(floats(rng, knots, special=0))]
    for column in columns:
        own = np.round(floats(rng, knots, special=0), 1)  # equal knots among them
        edges = np.round(floats(rng, bins + 1, special=0), 1)
        table += [np.array([column], np.float32), np.sort(own), np.sort(edges)]
    x = np.round(floats(rng, rows, features + more, special=0), 1)
    x[rng.random(x.shape) < 0.02] = rng.choice(SPECIAL)
    y = np.zeros((rows, features, 1 + bins), np.float32)
    sizes = Piecewise(features, features + more, knots, bins)
    yield Case("piecewise_forward", [sizes, rows, x, np.concatenate(table).astype(np.float32), y])
    members, classes = size(rng, 12), size(rng, 600)
    outputs = floats(rng, rows, members, classes, special=0.002)
    weights = rng.random(members, dtype=np.float32)
    answers = np.zeros((rows, classes), np.float32)
    yield Case("combine_classes", [outputs, weights, answers, rows, members, classes])
    one = floats(rng, rows, members)
    yield Case("combine_logits", [one, weights, answers, rows, members])
    bounds = np.array([-1.5, 2.5], np.float32)
    yield Case("combine_values", [one, weights, bounds, answers, rows, members])


def across_channels(rng: np.random.Generator) -> Iterator[Case]:
    """Batch norm, group norm, global average."""
    channels, m = size(rng, 1200), size(rng, 40)
    x, gy, out = floats(rng, m, channels), floats(rng, m, channels), np.zeros((m, channels), np.float32)
    mean, variance = rng.standard_normal(channels), rng.random(channels)
    weight, bias = (None, None) if rng.random() < 0.3 else (floats(rng, channels), floats(rng, channels))
    sums = [np.zeros(channels, np.float32), np.zeros(channels, np.float32)]
    yield Case("batch_norm_statistics", [x, m, channels, mean, variance])
    for relu in (0, 1):
        yield Case("batch_norm_apply", [x, mean, variance, weight, bias, 1e-5, relu, out, m, channels])
        mask = floats(rng, m, channels) if relu else None
        yield Case(
            "batch_norm_backward", [x, mask, mean, variance, weight, 1e-5, gy, out, *sums, m, channels]
        )
    yield Case("global_average_forward", [x, np.zeros(channels, np.float32), 1, m, channels])
    yield Case("global_average_backward", [gy, np.zeros((m, 7, channels), np.float32), m, 7, channels])
    divisors = [g for g in range(1, channels + 1) if channels % g == 0]
    groups, rows = int(rng.choice(divisors)), 2
    x, gy, out = (floats(rng, rows, m, channels) for _ in range(3))
    statistics = floats(rng, rows, groups, 2)
    shape: list[Argument] = [rows, m, channels]
    yield Case("group_norm_forward", [x, weight, bias, 1e-5, groups, out, statistics, *shape])
    yield Case("group_norm_backward", [x, statistics, weight, groups, gy, out, *sums, *shape])


def windows(rng: np.random.Generator) -> Iterator[Case]:
    """Pooling, kernels that reach beyond the padding (torch's ceil_mode) among them."""
    height, width, channels, rows = size(rng, 14), size(rng, 14), size(rng, 40), size(rng, 3)
    k, s = rng.integers(1, 4, 2), rng.integers(1, 4, 2)
    pad = rng.integers(0, k // 2 + 1)
    extent = np.array([height, width])
    inside = extent + 2 * pad - k
    if (inside < 0).any():
        return
    more = (inside % s > 0) & (rng.random(2) < 0.3) & ((inside // s + 1) * s < extent + pad)
    out = inside // s + 1 + more
    window = Window(height, width, channels, *(int(v) for pair in (out, k, s, pad) for v in pair))
    x = floats(rng, rows, height, width, channels, special=0.3)
    gy = floats(rng, rows, *out, channels)
    y, gx = np.zeros_like(gy), np.ones_like(x)
    yield Case("max_pool_forward", [x, y, rows, window])
    yield Case("max_pool_backward", [x, gy, gx, rows, window])
    for count in (0, 1):
        yield Case("average_pool_forward", [x, y, rows, window, count])
        yield Case("average_pool_backward", [gy, gx, rows, window, count])


def updates(rng: np.random.Generator) -> Iterator[Case]:
    """Sums of slices, clipping, optimizers."""
    n, slices = size(rng, 150_000), int(rng.choice([1, 2, 3, 4]))
    g, p = [floats(rng, n) for _ in range(slices)], floats(rng, n)
    state = [floats(rng, n), np.abs(floats(rng, n))]
    yield Case("add_slices", [g, slices, n])
    yield Case("sum_of_squares", [g, slices, n])
    blocks = (n + 65535) // 65536
    yield Case("squares_of_blocks", [g, slices, n, blocks - 1, 1, np.zeros(1)])
    u = Update(
        0.01, float(rng.choice([0, 0.1])), float(rng.choice([1, 0.3])), 0.9, 0.9, 0.999, 1e-8, 0.2, 0.01
    )
    u.decoupled = int(rng.integers(0, 2))
    yield Case("sgd", [p, None, g, slices, n, u])
    yield Case("sgd", [p, state[0], g, slices, n, u])
    yield Case("adam", [p, *state, g, slices, n, u])


def resident(rng: np.random.Generator) -> Iterator[Case]:
    """Rows of the resident data."""
    channels, height, width, count = int(rng.integers(1, 5)), size(rng, 33), size(rng, 300), 9
    x = rng.integers(0, 256, (count, channels, height, width), dtype=np.uint8)
    numbers = rng.integers(0, count, size(rng, 6))
    y = np.zeros((len(numbers), height, width, channels), np.float32)
    mean, std = rng.random(channels, dtype=np.float32), rng.random(channels, dtype=np.float32) + 1
    reach = int(rng.integers(0, 4))
    down, right = rng.integers(0, 2 * reach + 1, (2, count))
    mirrored = rng.integers(0, 2, count, dtype=np.uint8)
    plain = ImageRows(channels, height, width, reach)
    yield Case("gather_images", [x, numbers, len(numbers), plain, y])
    ties = (mean, std, down, right, mirrored)
    moved = ImageRows(channels, height, width, reach, *(a.ctypes.data for a in ties))
    yield Case("gather_images", [x, numbers, len(numbers), moved, y], ties)
    table = floats(rng, count, width)
    yield Case("gather_floats", [table, numbers, len(numbers), width, y.reshape(-1)[: len(numbers) * width]])


def changed(rng: np.random.Generator) -> Iterator[Case]:
    """Random changes of images, and mixtures."""
    channels, height, width, count = int(rng.integers(1, 5)), size(rng, 33), size(rng, 70), 5
    x = rng.integers(0, 256, (count, channels, height, width), dtype=np.uint8)
    numbers = rng.integers(0, count, size(rng, 6))
    mean, std = rng.random(channels, dtype=np.float32), rng.random(channels, dtype=np.float32) + 1
    how = ImageRows(channels, height, width, 0, mean.ctypes.data, std.ctypes.data)
    maps = rng.integers(-(2**15), 2**15 + 1, (count, 6)).astype(np.int32)
    maps[:, 2] += rng.integers(-10, (width + 10) * 2**15, count, dtype=np.int32)
    maps[:, 5] += rng.integers(-10, (height + 10) * 2**15, count, dtype=np.int32)
    maps[0] = 2**15, 0, (width - 1) * 2**15, 0, 2**15, (height - 1) * 2**15  # as it is
    colours = rng.integers(0, 2**17 + 1, (count, 3)).astype(np.int32)
    colours[1] = 2**16
    corners = np.sort(rng.integers(0, [[[height + 1, width + 1]]], (count, 2, 2)), axis=1)
    holes = corners.reshape(count, 4).astype(np.int32)
    y, room = np.zeros((len(numbers), height, width, channels), np.float32), np.zeros(x[0].size, np.uint8)
    for some in ((maps, colours, holes), (maps, None, None)):
        changes = Augmentation(*(None if a is None else a.ctypes.data for a in some))
        ties = (mean, std, maps, colours, holes)
        yield Case("augment_images", [x, numbers, len(numbers), how, changes, room, y], ties)
    n = size(rng, 300)
    yield Case("mix", [floats(rng, n), floats(rng, n), float(rng.choice([0.0, 1.0, 0.3])), n])


def linear_models(rng: np.random.Generator) -> Iterator[Case]:
    """What solving a linear model takes."""
    rows, columns, outputs = size(rng, 200), size(rng, 90), size(rng, 20)
    n = columns + 1
    x, mean = floats(rng, rows, columns), rng.standard_normal(columns)
    yield Case("column_means", [x, rows, columns, np.zeros(columns)])
    yield Case("gram", [x, mean, rows, columns, np.ones((n, n))])
    definite = np.cov(rng.standard_normal((n, 2 * n + 9))).reshape(n, n)
    yield Case("factorise", [definite, n])
    upper = np.ascontiguousarray(np.linalg.cholesky(definite).T)
    yield Case("solve", [upper, rng.standard_normal((outputs, n)), n, outputs])
    yield Case("sum_of_products", [rng.standard_normal(n), rng.standard_normal(n), n])
    classes, values = rng.integers(0, outputs, rows), floats(rng, rows)
    for loss, targets, width in ((0, classes, outputs), (1, classes % 2, 1), (2, values, 1)):
        w, g = rng.standard_normal((width, n)) * rng.choice([0.1, 10]), np.ones((width, n))
        for smoothing in (0.0, 0.1):
            given: list[Argument] = [rows, columns, width, smoothing]
            yield Case("linear_loss", [loss, x, mean, targets, *given, w, g])


FAMILIES = {
    family.__name__: family
    for family in (
        *(elementwise, moved, along_rows, of_tables, across_channels),
        *(windows, updates, resident, changed, linear_models),
    )
}
