"""Speed of training, side by side in one run: Reprise beside what people use.

``python benchmarks/training_speed.py [--model cnn|resnet18|mlp] [--rivals PYTHON] [--busy]``

Each variant is a process of its own that waits for its turn; the rounds are interleaved and medians are
quoted (see turns.py). Every process loads MNIST before anything else (see mnist.py). Reprise runs its own
`fit`, with checkpoints; the others run what rival_loops.py says of them.

Keras and Lightning run in an interpreter of their own, given by ``--rivals``; to make one with this torch:

    python -m venv /tmp/rivals
    uv pip install --python /tmp/rivals/bin/python torch==2.15.0 lightning keras tensorflow-cpu
    python benchmarks/training_speed.py --rivals /tmp/rivals/bin/python

``--busy`` measures every variant a second time beside a process that computes all the time.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from statistics import median

import mnist
import turns
from training_data import BATCH
from turns import Variant

LOOPS = Path(__file__).with_name("training_loops.py")
# Name, words for training_loops.py, the package that it needs of the rivals' interpreter, instruction set.
Line = tuple[str, str, str, str]
TWO = "PyTorch, 2 threads"
VARIANTS: dict[str, list[Line]] = {
    "cnn": [
        (TWO, "plain 2", "", ""),
        ("PyTorch, 1 thread", "plain 1", "", ""),
        ("PyTorch tutorial, DataLoader", "tutorial 2", "", ""),
        ("Keras fit", "keras", "keras", ""),
        ("Lightning over tensors", "lightning", "lightning", ""),
        ("portable, 1 slice, 1 worker", "reprise portable 1 1", "", ""),
        ("portable, 2 slices, 1 worker", "reprise portable 2 1", "", ""),
        ("portable, 4 slices, 1 worker", "reprise portable 4 1", "", ""),
        ("portable, 2 slices, 2 workers", "reprise portable 2 2", "", ""),
        ("portable, 4 slices, 2 workers", "reprise portable 4 2", "", ""),
        ("portable on AVX2, 1 slice, 1 worker", "reprise portable 1 1", "", "avx2"),
        ("portable on AVX2, 2 slices, 2 workers", "reprise portable 2 2", "", "avx2"),
        ("native, 2 slices, 2 workers", "reprise native 2 2", "", ""),
    ],
    "resnet18": [
        (TWO, "plain 2", "", ""),
        ("PyTorch, 2 threads, channels_last", "plain 2 channels_last", "", ""),
        ("PyTorch, 1 thread", "plain 1", "", ""),
        ("PyTorch, 1 thread, channels_last", "plain 1 channels_last", "", ""),
        ("portable, 1 slice, 1 worker", "reprise portable 1 1", "", ""),
        ("portable, 2 slices, 2 workers", "reprise portable 2 2", "", ""),
    ],
    "mlp": [
        ("PyTorch, 1 thread", "plain 1", "", ""),
        ("scikit-learn MLPClassifier", "scikit-learn", "", ""),
        ("portable, 1 slice, 1 worker", "reprise portable 1 1", "", ""),
    ],
}
# What is asked: the variant, the rival, the least ratio.
ONE, BOTH = "portable, 1 slice, 1 worker", "portable, 2 slices, 2 workers"
ASKED: dict[str, list[tuple[str, str, float]]] = {
    "cnn": [
        (BOTH, TWO, 1.6),
        (BOTH, "Keras fit", 1.6),
        (BOTH, "Lightning over tensors", 2.0),
        (ONE, "PyTorch, 1 thread", 1.8),
        (BOTH, ONE, 1.75),
        ("portable on AVX2, 2 slices, 2 workers", TWO, 1.0),
        ("portable, 2 slices, 1 worker", ONE, 1 / 1.02),
        ("portable, 4 slices, 1 worker", ONE, 1 / 1.04),
    ],
    "resnet18": [(BOTH, TWO, 1.15), (BOTH, "PyTorch, 2 threads, channels_last", 1.05)],
    "mlp": [(ONE, "scikit-learn MLPClassifier", 2.0), (ONE, "PyTorch, 1 thread", 1.5)],
}
BESIDE_BUSY = 0.5
SECONDS = {"cnn": 1.2, "resnet18": 4.0, "mlp": 1.5}
ROUNDS = {"cnn": 7, "resnet18": 5, "mlp": 9}


def main() -> None:
    """Measure all variants and print the tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", choices=sorted(BATCH), default="cnn")
    parser.add_argument("--rivals", help="the interpreter that has Keras and Lightning")
    parser.add_argument("--busy", action="store_true", help="measure a second time beside a busy process")
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--seconds", type=float, help="of a turn")
    parser.add_argument(
        "--processor-time", action="store_true", help="for loops of one thread on a machine with other work"
    )
    parser.add_argument("--only", default="", help="variants whose name contains one of these, a|b")
    parser.add_argument("--mnist", type=Path, help="the folder of the four idx files")
    args = parser.parse_args()
    seconds, rounds = args.seconds or SECONDS[args.model], args.rounds or ROUNDS[args.model]
    options = ["--mnist", str(args.mnist or mnist.folder()), "--seconds", str(seconds)]
    options += ["--processor-time"] if args.processor_time else []
    variants = chosen(args.model, args.rivals, args.only, options)
    unit = "steps/s" if args.model == "mlp" else "images/s"
    scale = BATCH[args.model] if args.model == "mlp" else 1
    clock = " of processor time" if args.processor_time else ""
    print(turns.machine())
    with turns.Turns(variants) as running:
        idle = running.rounds(rounds)
        busy = running.busy_rounds(max(3, rounds // 2)) if args.busy else {}
    print(f"\n{args.model}, batch {BATCH[args.model]}: {unit}, ", end="")
    print(f"median of {rounds} turns of {seconds} s{clock} (min … max)\n")
    print(speeds(idle, busy, unit, scale))
    print()
    print(asked(args.model, idle, busy))


def chosen(model: str, rivals: str | None, only: str, options: list[str]) -> list[Variant]:
    """Return the variants that can run here; the options are for all."""
    found = []
    for name, words, package, isa in VARIANTS[model]:
        if not any(part in name for part in only.split("|")):
            continue
        if package and (rivals is None or not turns.importable(rivals, package)):
            print(f"left out: {name} (give --rivals an interpreter that has {package})")
            continue
        command = [str(LOOPS), "--model", model, *options, *words.split()]
        environment = {"REPRISE_ISA": isa} if isa else {}
        python = {"python": rivals} if package and rivals else {}
        found.append(Variant(name, command, environment=environment, **python))
    return found


def speeds(idle: dict[str, list[float]], busy: dict[str, list[float]], unit: str, scale: int) -> str:
    """Return the table of speeds; the ratio is to the first variant."""
    base = next(iter(idle))
    head = ["", unit, f"beside {base}"] + (["with a busy process", "of its own idle speed"] if busy else [])
    rows: list[Sequence[str]] = []
    for name, values in idle.items():
        row = [name, turns.spread([v / scale for v in values]), _form(turns.ratio(idle, name, base))]
        if busy:
            share = median(busy[name]) / median(values)
            row += [turns.spread([v / scale for v in busy[name]]), f"{share:.2f}"]
        rows.append(row)
    return turns.table(head, rows)


def asked(model: str, idle: dict[str, list[float]], busy: dict[str, list[float]]) -> str:
    """Return the table of what is asked beside what was found."""
    rows: list[Sequence[str]] = []
    for name, rival, least in ASKED[model]:
        found = turns.ratio(idle, name, rival)
        rows.append([f"{name}; beside {rival}", f"{least:.2f}", _form(found), _verdict(found, least)])
    if busy and BOTH in busy:
        share = median(busy[BOTH]) / median(idle[BOTH])
        rows.append([f"{BOTH}; with a busy process beside its idle speed", f"{BESIDE_BUSY:.2f}", _form(share),
                     _verdict(share, BESIDE_BUSY)])  # fmt: skip
    return turns.table(["", "asked", "found", ""], rows)


def _form(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"


def _verdict(found: float | None, least: float) -> str:
    return "not measured" if found is None else "met" if found >= least else "missed"


if __name__ == "__main__":
    main()
