"""Time of a training step by kernels, side by side in one run: portable kernels against plain torch.

``python benchmarks/kernels.py [--rounds N] [--steps N] [--thresholds]``

Each variant is a process of its own, because torch reads its settings when it is loaded; they take turns, on
one thread each, and CPU time is counted, so that other work on the machine disturbs all alike. Printed are
medians over the rounds: milliseconds forward, backward and of a whole step with fused Adam, and the step's
ratio to native torch. ``--thresholds`` measures what the two thresholds in reprise.numerics.kernels rest on.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from typing import IO, Any

from reprise.numerics.runtime import settings

VARIANTS = {
    "native torch": "native",
    "plain torch, portable settings": "plain",
    "all layers as products": "products",
    "portable kernels": "portable",
}
WORK = {"cnn": (128, 64, 32), "resnet18": (32, 8)}


def main() -> None:
    """Measure and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=40, help="steps of cnn per turn; resnet18 takes a tenth")
    parser.add_argument("--thresholds", action="store_true")
    parser.add_argument("--variant", choices=list(VARIANTS.values()), help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.variant:
        serve(args.variant)
    elif args.thresholds:
        os.environ.update(settings("portable"))
        thresholds()
    else:
        compare(args.rounds, args.steps)


def compare(rounds: int, steps: int) -> None:
    """Let the variants take turns and print the medians."""
    workers = {title: start(variant) for title, variant in VARIANTS.items()}
    for model, batches in WORK.items():
        for batch in batches:
            turns = steps if model == "cnn" else max(2, steps // 10)
            found: dict[str, list[list[float]]] = {title: [] for title in workers}
            for _ in range(rounds):
                for title, worker in workers.items():
                    found[title].append(ask(worker, f"{model} {batch} {turns}"))
            print(f"\n{model}, batch {batch}: forward, backward, step in ms; ratio")
            base = statistics.median(times[2] for times in found["native torch"])
            for title, times in found.items():
                forward, backward, step = (statistics.median(column) for column in zip(*times, strict=True))
                print(f"  {title:32}{forward:9.2f}{backward:9.2f}{step:9.2f}{step / base:7.2f}")
    for worker in workers.values():
        worker.communicate()


def start(variant: str) -> subprocess.Popen[str]:
    """Start the process of a variant, with its settings."""
    environment = os.environ | settings("native" if variant == "native" else "portable")
    return subprocess.Popen(
        [sys.executable, __file__, "--variant", variant],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=environment,
    )


def ask(worker: subprocess.Popen[str], request: str) -> list[float]:
    """One turn of a worker: forward, backward and step time in ms."""
    asked: IO[str] | None = worker.stdin
    answered: IO[str] | None = worker.stdout
    assert asked is not None
    assert answered is not None
    asked.write(request + "\n")
    asked.flush()
    return [float(word) for word in answered.readline().split()]


def serve(variant: str) -> None:
    """Answer requests "model batch steps" with three times in ms until the input ends."""
    import torch

    from reprise.numerics import kernels

    torch.set_num_threads(1)
    if variant == "products":
        kernels.is_direct = lambda *_: False
        kernels.ONEDNN_PRODUCT_FROM = 0
    ready: dict[str, Callable[[], list[float]]] = {}
    for line in sys.stdin:
        model, batch, steps = line.split()
        step = ready.setdefault(f"{model} {batch}", make_step(model, int(batch), variant))
        times = [step() for _ in range(int(steps))]
        print(*(1e3 * statistics.median(column) for column in zip(*times, strict=True)), flush=True)


def make_model(name: str) -> Any:
    """A small CNN for MNIST, or ResNet-18 for 32 × 32 pixels."""
    import torchvision
    from torch import nn

    if name == "cnn":
        layers = [nn.Conv2d(1, 16, 3, 2), nn.Conv2d(16, 32, 3, 2), nn.Conv2d(32, 64, 3), nn.Flatten()]
        layers += [nn.Linear(1024, 256), nn.Linear(256, 64)]
        with_relu = [part for layer in layers for part in (layer, nn.ReLU())]
        return nn.Sequential(*with_relu, nn.Linear(64, 10))
    model = torchvision.models.resnet18(num_classes=10)
    model.conv1, model.maxpool = nn.Conv2d(3, 64, 3, 1, 1, bias=False), nn.Identity()
    return model


def make_step(name: str, batch: int, variant: str) -> Callable[[], list[float]]:
    """One training step, returning the CPU time of forward, backward and all of it, in seconds."""
    import torch
    import torch.nn.functional as F

    from reprise.model.portable import portable

    torch.manual_seed(0)
    model = make_model(name)
    if variant in ("products", "portable"):
        portable(model)
    x = torch.rand((batch, 1, 28, 28) if name == "cnn" else (batch, 3, 32, 32))
    y = torch.randint(10, (batch,))
    optimizer = torch.optim.Adam(model.parameters(), fused=True)

    def step() -> list[float]:
        marks = [time.process_time()]
        loss = F.cross_entropy(model(x), y)
        marks.append(time.process_time())
        loss.backward()
        marks.append(time.process_time())
        optimizer.step()
        optimizer.zero_grad()
        return [marks[1] - marks[0], marks[2] - marks[1], time.process_time() - marks[0]]

    for _ in range(3):
        step()
    return step


def clock(call: Callable[[], object]) -> float:
    """Median CPU time of a call in µs."""
    call()
    times = []
    for _ in range(25):
        start_time = time.process_time()
        for _ in range(4):
            call()
        times.append((time.process_time() - start_time) / 4)
    return 1e6 * statistics.median(times)


def thresholds() -> None:
    """Print where oneDNN's product overtakes MKL's, and where patches stop paying."""
    import torch

    from reprise.numerics import kernels

    torch.set_num_threads(1)
    print("multiply-adds, [m, k] by [n, k]: MKL, oneDNN in µs")
    for m, k, n in [
        (64, 64, 10), (64, 64, 32), (128, 64, 20), (64, 64, 64), (64, 256, 16), (64, 100, 64), (128, 64, 64),
        (32, 256, 64), (512, 10, 128), (128, 512, 10), (64, 128, 128), (16, 256, 256), (128, 256, 256),
    ]:  # fmt: skip
        a, b = torch.rand(m, k), torch.rand(n, k)
        both = []
        for start_at in (10**12, 0):
            kernels.ONEDNN_PRODUCT_FROM = start_at
            both.append(clock(lambda a=a, b=b: kernels.product(a, b)))
        print(f"{m * k * n:9}  [{m}, {k}] by [{n}, {k}]".ljust(40), *(f"{value:8.0f}" for value in both))
    kernels.ONEDNN_PRODUCT_FROM = 400_000
    print("gradient by the weights, kernel 3 by 3, 32 images of 28 by 28: channels, direct, patches in ms")
    for channels in (1, 2, 3, 4, 5, 6, 7, 8):
        x = torch.rand(32, channels, 28, 28)
        weight = torch.rand(32, channels, 3, 3, requires_grad=True)
        both = []
        for up_to in (0, 8):
            kernels.PATCHES_UP_TO_CHANNELS = up_to
            y = kernels.conv2d(x, weight)
            gy = torch.rand_like(y)
            both.append(clock(lambda y=y, w=weight, g=gy: torch.autograd.grad(y, w, g, retain_graph=True)))
        print(f"{channels:9}", *(f"{value / 1e3:8.2f}" for value in both))


if __name__ == "__main__":
    main()
