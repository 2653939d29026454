"""The speed of ``reprise predict`` on a CSV file of 20 columns with an mlp.

    python benchmarks/predict.py [--rows N] [--repeats N]

Each run is a process of its own; loading torch and pandas, which takes seconds whatever the file, is not
timed. Exits with 1 when a bar is missed: 200,000 rows a second, and memory that does not grow with the file.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median

import numpy as np

SPEED_BAR = 200_000  # rows a second
MEMORY_BAR = 64 * 2**20  # bytes that ten times the rows may cost
COLUMNS = 20
COMMAND = """
import sys, time
from pathlib import Path
from reprise.prediction import tables
from reprise.prediction.predict import predict
from reprise.foundation.workers import cores
model, source, output = sys.argv[1:]
start = time.perf_counter()
predict(Path(model), source, output, "csv", 1000, "cpu", cores())
seconds = time.perf_counter() - start
# Not ru_maxrss: a process inherits that from the one that started it.
peak = next(line for line in open("/proc/self/status") if line.startswith("VmHWM")).split()[1]
print(seconds, int(peak) * 1024)
"""


def write_model(folder: Path, classes: int) -> None:
    """Train nothing: the initial weights of an mlp 20-64-64-classes compute as long as trained ones."""
    from reprise.model.architectures import build
    from reprise.model.card import ModelCard
    from reprise.model.file import save_model
    from reprise.prepared.schema import Schema, Statistics
    from reprise.settings.params import Mlp, Model, Train

    names = tuple(f"class {number}" for number in range(classes))
    schema = Schema(
        dataset="random",
        layout="table",
        task="classification",
        shape=(COLUMNS,),
        columns=tuple(f"x{number}" for number in range(COLUMNS)),
        target="y",
        classes=names,
        counts={"train": 1, "val": 0, "test": 0},
        class_counts={},
        inputs=Statistics(mean=(0.5,) * COLUMNS, std=(2.0,) * COLUMNS),
        target_scale=None,
        source="made for a benchmark",
        licence="none",
        raw={},
    )
    model = Model(kind="mlp", mlp=Mlp(hidden=(64, 64)))
    card = ModelCard(
        arithmetic="cpu portable", task=schema.task, classes=names, model=model, train=Train(), data=schema,
        epochs_trained=1, kept_epoch=1,
    )  # fmt: skip
    save_model(folder, build(model, schema, 1), card)


def write_table(path: Path, rows: int) -> None:
    """Write numbers with 4 decimals, 20 a row."""
    values = np.random.default_rng(1).normal(size=(min(rows, 10_000), COLUMNS))
    block = "".join(",".join(f"{value:.4f}" for value in row) + "\n" for row in values)
    with path.open("w", encoding="utf-8") as stream:
        stream.write(",".join(f"x{number}" for number in range(COLUMNS)) + "\n")
        for _ in range(rows // 10_000):
            stream.write(block)


def measure(folder: Path, table: Path) -> tuple[float, int]:
    """Return the seconds of one prediction and its process's peak memory in bytes."""
    words = [folder, table, folder / "out.csv"]
    done = subprocess.run(
        [sys.executable, "-c", COMMAND, *map(str, words)], check=True, capture_output=True, text=True
    )
    seconds, peak = done.stdout.split()
    return float(seconds), int(peak)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=1_000_000, help="a multiple of 100,000")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--classes", type=int, default=2)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_model(folder, arguments.classes)
        tables = {rows: folder / f"{rows}.csv" for rows in (arguments.rows // 10, arguments.rows)}
        for rows, path in tables.items():
            write_table(path, rows)
        runs = {
            rows: [measure(folder, path) for _ in range(arguments.repeats)] for rows, path in tables.items()
        }
    seconds = {rows: median(first for first, _ in found) for rows, found in runs.items()}
    memory = {rows: median(second for _, second in found) for rows, found in runs.items()}
    few, many = tables
    speed = many / seconds[many]
    growth = memory[many] - memory[few]
    print(f"{speed:,.0f} rows/s ({many:,} rows, median of {arguments.repeats})")
    print(
        f"peak memory {memory[many] / 2**20:.0f} MB, {growth / 2**20:+.0f} MB from {few:,} to {many:,} rows"
    )
    return int(speed < SPEED_BAR or growth > MEMORY_BAR)


if __name__ == "__main__":
    sys.exit(main())
