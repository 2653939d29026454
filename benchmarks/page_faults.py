"""Page faults and time of a training step, with and without the memory that glibc would give back.

``python benchmarks/page_faults.py [--model cnn|resnet18] [--rounds N] [--steps N]``

Both variants run in processes of their own that take turns. The faults are exact counts; the times are
medians over the rounds of the user and system time of this process, on one worker and in portable numerics.
"""

from __future__ import annotations

import argparse
import resource
import statistics
import subprocess
import sys

from training_speed import BATCH, reprise_step

VARIANTS = {"glibc as it is": "default", "freed memory kept": "kept"}


def main() -> None:
    """Measure both and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", choices=sorted(BATCH), default="cnn")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=50)
    parser.add_argument("--slices", type=int, default=1)
    parser.add_argument("--serve", choices=list(VARIANTS.values()), help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.serve:
        serve(args.serve, args.model, args.slices, args.steps)
        return
    options = ["--model", args.model, "--steps", str(args.steps), "--slices", str(args.slices)]
    command = [sys.executable, __file__, *options, "--serve"]
    workers = {
        title: subprocess.Popen([*command, word], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for title, word in VARIANTS.items()
    }
    found: dict[str, list[list[float]]] = {title: [] for title in workers}
    for turn in range(args.rounds + 1):
        for title, worker in workers.items():
            assert worker.stdin is not None
            assert worker.stdout is not None
            worker.stdin.write("go\n")
            worker.stdin.flush()
            figures = [float(word) for word in worker.stdout.readline().split()]
            if turn > 0:  # the first one warms up
                found[title].append(figures)
    for worker in workers.values():
        worker.communicate()
    title = f"{args.model}, {args.slices} slices: page faults, user ms, system ms of a step"
    print(f"{title}; median of {args.rounds}")
    for title, rows in found.items():
        faults, user, system = (statistics.median(column) for column in zip(*rows, strict=True))
        print(f"{title:20} {faults:8,.0f} {user:8.2f} {system:8.2f}")


def serve(variant: str, model: str, slices: int, steps: int) -> None:
    """Answer each line on standard input with one turn's figures."""
    if variant == "default":
        import reprise.numerics.memory

        reprise.numerics.memory.keep_freed_memory = lambda: False
    step = reprise_step("portable", slices, 1, model)
    for _ in sys.stdin:
        before = resource.getrusage(resource.RUSAGE_SELF)
        for _ in range(steps):
            step()
        after = resource.getrusage(resource.RUSAGE_SELF)
        spent = (
            after.ru_minflt - before.ru_minflt,
            1e3 * (after.ru_utime - before.ru_utime),
            1e3 * (after.ru_stime - before.ru_stime),
        )
        print(*(value / steps for value in spent), flush=True)


if __name__ == "__main__":
    main()
