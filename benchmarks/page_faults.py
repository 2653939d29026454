"""Page faults and time of a training step, with and without the memory that glibc would give back.

``python benchmarks/page_faults.py [--model cnn|resnet18] [--rounds N] [--steps N]``

For portable numerics, whose kernels keep their memory themselves, and for native ones, whose tensors come
and go. The variants run in processes of their own that take turns. They train on made-up rows and load no
dataset, because that would make glibc keep memory in all of them. The faults are exact counts; the times are
medians over the rounds of the user and system time of one worker's process.
"""

from __future__ import annotations

import argparse
import resource
import sys
from pathlib import Path
from statistics import median

import turns

VARIANTS = {
    f"{numerics}, {title}": (numerics, word)
    for numerics in ("portable", "native")
    for title, word in (("glibc as it is", "default"), ("freed memory kept", "kept"))
}


def main() -> None:
    """Measure all and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", choices=("cnn", "resnet18"), default="cnn")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, help="of a turn")
    parser.add_argument("--serve", nargs=2, help=argparse.SUPPRESS)
    args = parser.parse_args()
    steps = args.steps or (50 if args.model == "cnn" else 2)
    if args.serve:
        serve(*args.serve, args.model, steps)
        return
    options = ["--model", args.model, "--steps", str(steps)]
    variants = [
        turns.Variant(name, [__file__, *options, "--serve", *words]) for name, words in VARIANTS.items()
    ]
    print(turns.machine() + "\n")
    with turns.Turns(variants) as running:
        found = running.rounds(3 * args.rounds, warm_up=3)  # each turn answers three times
    rows = [
        [name, *(f"{median(values[place::3]):,.{digits}f}" for place, digits in ((0, 0), (1, 2), (2, 2)))]
        for name, values in found.items()
    ]
    print(turns.table([f"{args.model}, of a step", "page faults", "user ms", "system ms"], rows))


def serve(numerics: str, memory: str, model: str, steps: int) -> None:
    """Answer three lines on standard input with one turn's figures."""
    import tempfile

    from our_loop import job_of
    from training_data import Data

    import reprise.arithmetic.memory
    from reprise.training.checkpoint import Checkpoints
    from reprise.training.loop import fit

    if memory == "default":
        reprise.arithmetic.memory.keep_freed_memory = lambda: False
    data = Data(model, None)
    state = {"step": 0, "before": resource.getrusage(resource.RUSAGE_SELF)}

    def report(_done: int, _all: int, row: object) -> None:
        if row is not None:
            return
        state["step"] += 1
        if state["step"] % steps:
            return
        after, before = resource.getrusage(resource.RUSAGE_SELF), state["before"]
        spent = (
            after.ru_minflt - before.ru_minflt,
            1e3 * (after.ru_utime - before.ru_utime),
            1e3 * (after.ru_stime - before.ru_stime),
        )
        if state["step"] == steps:
            print(turns.READY, flush=True)
        for value in spent:
            if not sys.stdin.readline():
                raise SystemExit
            print(value / steps, flush=True)
        state["before"] = resource.getrusage(resource.RUSAGE_SELF)

    with tempfile.TemporaryDirectory() as folder, Checkpoints(Path(folder) / "state") as checkpoints:
        fit(job_of(data, numerics, 1, 1, checkpoints, report))


if __name__ == "__main__":
    main()
