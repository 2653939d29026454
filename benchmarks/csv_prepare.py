"""Prepare of a CSV file beside pandas' own read and scikit-learn's ColumnTransformer on it.

    python benchmarks/csv_prepare.py [--rows N] [--repeats N]

Both sides run in processes of their own, in turn, on the same generated table of 20 columns: 14 numeric
(three with missing cells), 4 categorical, a date and the target. The date is extra work for Reprise only, as
is writing the prepared data. Exits with 1 when a bar is missed: 1.5 × the time, 3 × the file in memory.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median
from typing import NamedTuple

import numpy as np
import pandas as pd

TIME_BAR, MEMORY_BAR = 1.5, 3.0

MEASURE = """
import sys, time
path, out = sys.argv[1:]
{work}
seconds = time.perf_counter() - start
processor = time.process_time() - begin
# Not ru_maxrss: a process inherits that from the one that started it.
peak = next(line for line in open("/proc/self/status") if line.startswith("VmHWM")).split()[1]
print(seconds, processor, int(peak) * 1024)
"""
REPRISE = """
from pathlib import Path
from reprise.tables.prepare import prepare_csv
from reprise.settings.params import Csv, Prepare
start, begin = time.perf_counter(), time.process_time()
prepare_csv(Prepare(dataset="csv", csv=Csv(path=path)), Path(out))
"""
BASELINE = """
import pandas as pd
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
start, begin = time.perf_counter(), time.process_time()
table = pd.read_csv(path)
numbers = list(table.select_dtypes("number"))
categories = [name for name in table if name not in (*numbers, "day", "target")]
impute = SimpleImputer(strategy="median", add_indicator=True)
ColumnTransformer([
    ("numbers", make_pipeline(impute, StandardScaler()), numbers),
    ("categories", make_pipeline(
        SimpleImputer(strategy="constant", fill_value="missing"),
        OneHotEncoder(max_categories=20, handle_unknown="infrequent_if_exist", sparse_output=False),
    ), categories),
]).fit_transform(table)
"""


def write_table(path: Path, rows: int) -> None:
    """Write a table of 20 columns from a fixed seed."""
    random = np.random.default_rng(0)
    columns: dict[str, object] = {}
    for number in range(8):
        columns[f"measure_{number}"] = np.round(random.normal(size=rows) * 100, 4)
    for number in range(4):
        columns[f"exact_{number}"] = random.normal(size=rows)  # 16 or 17 digits each
    for number in range(2):
        columns[f"count_{number}"] = random.integers(0, 10_000, rows)
    for kinds in (5, 15, 200):
        names = np.array([f"kind {number}" for number in range(kinds)])
        columns[f"category_{kinds}"] = names[random.integers(0, kinds, rows)]
    columns["member"] = np.where(random.random(rows) < 0.5, "yes", "no")
    days = random.integers(0, 3650, rows).astype("timedelta64[D]")
    columns["day"] = (np.datetime64("2015-01-01") + days).astype(str)
    columns["target"] = np.where(random.random(rows) < 0.3, "a", "b")
    table = pd.DataFrame(columns)
    for name in ("measure_0", "measure_1", "exact_0", "category_5"):
        table.loc[random.random(rows) < 0.03, name] = None
    table.to_csv(path, index=False)


class Figures(NamedTuple):
    """Of one run, without the imports."""

    seconds: float
    processor: float  # seconds of processor time, which other work on the machine does not lengthen much
    peak: float  # bytes of memory of the whole process, with the interpreter


def measure(work: str, path: Path, out: Path) -> Figures:
    """Run the work in a process of its own."""
    command = [sys.executable, "-c", MEASURE.format(work=work), str(path), str(out)]
    printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return Figures(*map(float, printed.split()))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path, out = Path(folder) / "table.csv", Path(folder) / "prepared"
        write_table(path, options.rows)
        size = path.stat().st_size
        print(f"{options.rows} rows x 20 columns, {size / 1e6:.0f} MB")
        results = [
            (measure(REPRISE, path, out), measure(BASELINE, path, out)) for _ in range(options.repeats)
        ]
    for ours, theirs in results:
        for name, run in (("reprise", ours), ("pandas and scikit-learn", theirs)):
            print(
                f"  {name:24}{run.seconds:6.2f} s ({run.processor:.2f} s of processor time), "
                f"{run.peak / size:.2f} x the file"
            )
    ratio = median(ours.seconds / theirs.seconds for ours, theirs in results)
    memory = max(ours.peak for ours, _ in results) / size
    print(f"time {ratio:.2f} x (bar {TIME_BAR}), peak memory {memory:.2f} x the file (bar {MEMORY_BAR})")
    sys.exit(int(ratio > TIME_BAR or memory > MEMORY_BAR))


if __name__ == "__main__":
    main()
