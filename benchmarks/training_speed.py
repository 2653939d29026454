"""Images per second of training, side by side in one run: Reprise against plain PyTorch loops.

``python benchmarks/training_speed.py [--model cnn|resnet18] [--rounds N] [--seconds S]``

Every variant runs in a process of its own (the settings are read when torch is loaded) and waits for its
turn, so that all are warm and the rounds are interleaved: a noisy machine then disturbs all alike. The
median over the rounds is quoted. Data is random and resident; shapes are MNIST's (cnn) or 3×32×32 (resnet18).
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

    from reprise.model.tensors import Rows
    from reprise.prepared.schema import Schema
    from reprise.settings.params import Model, Train

BATCH = {"cnn": 128, "resnet18": 32}
VARIANTS = {
    "pytorch, tutorial DataLoader": "tutorial native 1 2",
    "pytorch, 1 thread": "plain native 1 1",
    "pytorch, 2 threads": "plain native 1 2",
    "native 1 slice, 1 worker": "reprise native 1 1",
    "native 2 slices, 1 worker": "reprise native 2 1",
    "native 2 slices, 2 workers": "reprise native 2 2",
    "portable 1 slice, 1 worker": "reprise portable 1 1",
    "portable 2 slices, 1 worker": "reprise portable 2 1",
    "portable 4 slices, 1 worker": "reprise portable 4 1",
    "portable 2 slices, 2 workers": "reprise portable 2 2",
    "portable 4 slices, 2 workers": "reprise portable 4 2",
}


def main() -> None:
    """Measure all variants and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", choices=sorted(BATCH), default="cnn")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=1.5)
    parser.add_argument("--only", default="", help="variants whose name contains this")
    parser.add_argument("--serve", nargs=4, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.serve:
        kind, numerics, slices, workers = args.serve
        serve(kind, numerics, int(slices), int(workers), args.model, args.seconds)
        return
    chosen = {name: words for name, words in VARIANTS.items() if args.only in name}
    command = [sys.executable, __file__, "--model", args.model, "--seconds", str(args.seconds), "--serve"]
    processes = {
        name: subprocess.Popen(
            [*command, *words.split()], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        for name, words in chosen.items()
    }
    speeds: dict[str, list[float]] = {name: [] for name in chosen}
    for round_number in range(args.rounds + 1):
        for name, process in processes.items():
            assert process.stdin is not None
            assert process.stdout is not None
            process.stdin.write("go\n")
            process.stdin.flush()
            speed = float(process.stdout.readline())
            if round_number > 0:  # the first one warms up
                speeds[name].append(speed)
    for process in processes.values():
        process.communicate()
    base = statistics.median(speeds.get("pytorch, 2 threads") or [float("nan")])
    print(f"{args.model}, batch {BATCH[args.model]}: images/s, median of {args.rounds} (min … max), ratio")
    for name, values in speeds.items():
        median = statistics.median(values)
        print(f"{name:32} {median:9,.0f} ({min(values):,.0f} … {max(values):,.0f})  {median / base:5.2f}")


def serve(kind: str, numerics: str, slices: int, workers: int, model: str, seconds: float) -> None:
    """Answer each line on standard input with the speed of one measured stretch."""
    step = VARIANT_MAKERS[kind](numerics, slices, workers, model)
    for _ in sys.stdin:
        count, start = 0, time.perf_counter()
        while time.perf_counter() - start < seconds:
            step()
            count += 1
        print(count * BATCH[model] / (time.perf_counter() - start), flush=True)


def _parts(model: str) -> tuple[Model, Train, Schema, Rows]:
    """Return params, schema and random rows."""
    import torch

    from reprise.model.tensors import Rows, normaliser
    from reprise.prepared.schema import Schema, Statistics
    from reprise.settings.params import Cnn, Model, Train

    shape = (1, 28, 28) if model == "cnn" else (3, 32, 32)
    schema = Schema(
        dataset="mnist",
        layout="images",
        task="classification",
        shape=shape,
        columns=(),
        target="class",
        classes=tuple("0123456789"),
        counts={},
        class_counts={},
        target_scale=None,
        source="",
        licence="",
        raw={},
        inputs=Statistics(mean=(33.3,) * shape[0], std=(78.6,) * shape[0]),
    )
    generator = torch.Generator().manual_seed(1)
    rows = 8192 if model == "cnn" else 1024
    x = torch.randint(0, 256, (rows, *shape), dtype=torch.uint8, generator=generator)
    y = torch.randint(0, 10, (rows,), generator=generator)
    data = Rows(x, y, normaliser(schema, torch.device("cpu")))
    return Model(kind=model, cnn=Cnn()), Train(batch_size=BATCH[model], lr=0.00025), schema, data


def reprise_step(numerics: str, slices: int, workers: int, model: str) -> Callable[[], None]:
    """Return one step of Reprise's own loop."""
    from reprise.numerics.runtime import configure, pin

    pin(numerics)
    import torch

    from reprise.model.architectures import build
    from reprise.model.portable import portable
    from reprise.training.optimizers import Optimizer
    from reprise.training.pool import Pool
    from reprise.training.ranks import Ranks
    from reprise.training.slices import SlicedGradient

    configure("cpu", numerics)
    params, train, schema, data = _parts(model)
    train = train.model_copy(update={"slices": slices})
    module = build(params, schema, 1)
    if numerics == "portable":
        module = portable(module)
    pool = Pool(workers)
    gradient = SlicedGradient(module, data, train, pool, Ranks())
    optimizer = Optimizer(module, train, pool)
    state = {"order": torch.randperm(len(data)), "at": 0}

    def step() -> None:
        at = state["at"]
        batch = state["order"][at : at + train.batch_size]
        state["at"] = (at + train.batch_size) % (len(data) - train.batch_size)
        optimizer.step(gradient.step(batch, None, 0, at, False).gradients, train.lr)

    return step


def plain_model(params: Model, schema: Schema) -> torch.nn.Module:
    """Return the same model with torch's own batch norm, which needs no slices."""
    from torch import nn

    from reprise.model.architectures import batch_norms, build

    module = build(params, schema, 1)
    for layer in batch_norms(module):
        layer.__class__ = nn.BatchNorm2d
    return module


def plain_step(_numerics: str, _slices: int, threads: int, model: str) -> Callable[[], None]:
    """Return one step of the plain resident loop: index, forward, backward, fused Adam."""
    import torch

    torch.set_num_threads(threads)
    params, train, schema, data = _parts(model)
    module = plain_model(params, schema)
    optimizer = torch.optim.Adam(module.parameters(), lr=train.lr, fused=True)
    state = {"order": torch.randperm(len(data)), "at": 0}

    def step() -> None:
        at = state["at"]
        batch = state["order"][at : at + train.batch_size]
        state["at"] = (at + train.batch_size) % (len(data) - train.batch_size)
        loss = torch.nn.functional.cross_entropy(module(data.normalise(data.x[batch])), data.y[batch])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    return step


def tutorial_step(_numerics: str, _slices: int, threads: int, model: str) -> Callable[[], None]:
    """Return one step of the loop that tutorials show: a DataLoader over a dataset of samples, Adam."""
    import torch
    from torch.utils.data import DataLoader, Dataset

    torch.set_num_threads(threads)
    params, train, schema, data = _parts(model)
    module = plain_model(params, schema)

    class Samples(Dataset):
        def __len__(self) -> int:
            return len(data)

        def __getitem__(self, index: int):
            return data.normalise(data.x[index]), data.y[index]

    loader = DataLoader(Samples(), batch_size=train.batch_size, shuffle=True)
    optimizer = torch.optim.Adam(module.parameters(), lr=train.lr)
    state = {"batches": iter(loader)}

    def step() -> None:
        batch = next(state["batches"], None)
        if batch is None:
            state["batches"] = iter(loader)
            batch = next(state["batches"])
        loss = torch.nn.functional.cross_entropy(module(batch[0]), batch[1])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    return step


VARIANT_MAKERS = {"reprise": reprise_step, "plain": plain_step, "tutorial": tutorial_step}

if __name__ == "__main__":
    main()
