"""Speed of evaluate's and predict's forward pass over MNIST's 10,000 test images, beside plain PyTorch.

``python benchmarks/inference_speed.py [--rounds N] [--processor-time]``

Both begin with the images as they are stored (bytes) and end with the outputs of all rows. Plain PyTorch is
also measured on floats that were normalised before, which is less work than the others do. Its batch sizes
are tried out and the fastest is quoted. Each variant is a process of its own; they take turns (see turns.py).
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import mnist
import turns
from our_loop import schema_of
from rival_loops import torch_model
from turns import Variant

SIZES = (100, 250, 500, 1000, 2000, 10_000)
BYTES, FLOATS = "PyTorch, 2 threads, from bytes", "PyTorch, 2 threads, from floats"
EVALUATE = "portable, evaluate's batches of 1,000, 2 workers"
VARIANTS = {
    **{f"{BYTES}, batch {size:,}": f"torch bytes 2 {size}" for size in SIZES},
    **{f"{FLOATS}, batch {size:,}": f"torch floats 2 {size}" for size in SIZES},
    EVALUATE: "reprise portable 2 1000",
    "portable, evaluate's batches of 1,000, 1 worker": "reprise portable 1 1000",
    "native, evaluate's batches of 1,000, 2 workers": "reprise native 2 1000",
}
ASKED = 1.5
Pass = Callable[[], object]


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=0.7, help="of a turn")
    parser.add_argument("--processor-time", action="store_true")
    parser.add_argument("--mnist", type=Path, help="the folder of the four idx files")
    parser.add_argument("--serve", nargs=4, help=argparse.SUPPRESS)
    args = parser.parse_args()
    folder = args.mnist or mnist.folder()
    if args.serve:
        serve(
            folder, args.serve, args.seconds, time.process_time if args.processor_time else time.perf_counter
        )
        return
    options = ["--mnist", str(folder), "--seconds", str(args.seconds)]
    options += ["--processor-time"] if args.processor_time else []
    variants = [
        Variant(name, [__file__, *options, "--serve", *words.split()]) for name, words in VARIANTS.items()
    ]
    print(turns.machine())
    with turns.Turns(variants) as running:
        found = running.rounds(args.rounds)
    fastest = {kind: best(found, kind) for kind in (BYTES, FLOATS)}
    print(f"\nMNIST's 10,000 test images: images/s, median of {args.rounds} (min … max)\n")
    shown = [*fastest.values(), *(name for name in found if "PyTorch" not in name)]
    head = ["", "images/s", "beside bytes", "beside floats"]
    rows = [
        [
            name,
            turns.spread(found[name]),
            *(f"{turns.ratio(found, name, base):.2f}" for base in fastest.values()),
        ]
        for name in shown
    ]
    print(turns.table(head, rows))
    ratio = turns.ratio(found, EVALUATE, fastest[BYTES]) or 0.0
    verdict = "met" if ratio >= ASKED else "missed"
    print(f"\nasked {ASKED:.2f} beside PyTorch from bytes, found {ratio:.2f}: {verdict}")


def best(found: dict[str, list[float]], kind: str) -> str:
    """Return the name of the fastest batch size of a kind."""
    return max((name for name in found if name.startswith(kind)), key=lambda name: turns.median(found[name]))


def serve(folder: Path, words: list[str], seconds: float, clock: Callable[[], float]) -> None:
    """Get ready and answer each line on standard input with images per second."""
    images = mnist.load(folder).test_x
    kind, what, threads, size = words[0], words[1], int(words[2]), int(words[3])
    with tempfile.TemporaryDirectory() as place:
        make = by_torch if kind == "torch" else by_reprise
        forward = make(images, what, threads, size, Path(place))
    print(turns.READY, flush=True)
    for _ in sys.stdin:
        count, start, end = 0, clock(), time.perf_counter() + seconds
        while time.perf_counter() < end:
            forward()
            count += len(images)
        print(count / (clock() - start), flush=True)


def by_torch(images: mnist.Images, what: str, threads: int, size: int, _: Path) -> Pass:
    """Return a pass of the plain loop."""
    import torch

    torch.set_num_threads(threads)
    module = torch_model("cnn").eval()
    stored = torch.from_numpy(images)
    if what == "floats":
        stored = stored.to(torch.float32).sub_(mnist.MEAN).div_(mnist.STD)

    def forward() -> object:
        made = []
        with torch.inference_mode():
            for start in range(0, len(stored), size):
                x = stored[start : start + size]
                if what == "bytes":
                    x = x.to(torch.float32).sub_(mnist.MEAN).div_(mnist.STD)
                made.append(module(x))
            return torch.cat(made)

    return forward


def by_reprise(images: mnist.Images, numerics: str, workers: int, size: int, place: Path) -> Pass:
    """Return a pass as evaluate and predict make it, of a model that is loaded from its folder."""
    import torch

    from reprise.arithmetic.runtime import configure
    from reprise.model.architectures import build
    from reprise.model.card import ModelCard
    from reprise.model.file import save_model
    from reprise.model.inference import load_inference
    from reprise.settings.params import Model, Train

    configure("cpu", numerics)  # type: ignore[arg-type]  # a word of the command line
    schema, model = schema_of("cnn"), Model(kind="cnn")
    card = ModelCard(
        arithmetic=f"cpu {numerics}", task=schema.task, classes=schema.classes, model=model,
        train=Train(numerics=numerics), data=schema, epochs_trained=1, kept_epoch=1,  # type: ignore[arg-type]  # as above
    )  # fmt: skip
    save_model(place, build(model, schema, 1), card)
    inference = load_inference(place, "cpu", workers)

    def forward() -> object:
        parts = (images[start : start + size] for start in range(0, len(images), size))
        return torch.cat(list(inference.outputs(parts)))

    return forward


if __name__ == "__main__":
    main()
