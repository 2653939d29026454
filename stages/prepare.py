"""The prepare stage: params.yaml and raw data in, data/prepared out."""

from __future__ import annotations

import argparse
from pathlib import Path
from time import perf_counter

from reprise.foundation.errors import exit_with
from reprise.foundation.package import refuse_other_package
from reprise.preparing.prepare import prepare
from reprise.settings.params_file import read_params


def main() -> None:
    """Read the params, prepare the data and say what was done."""
    started = perf_counter()
    parser = argparse.ArgumentParser(prog="python -m stages.prepare", description=__doc__)
    parser.add_argument("--params", type=Path, default=Path("params.yaml"), metavar="FILE")
    parser.add_argument("--prepared", type=Path, default=Path("data/prepared"), metavar="DIR")
    parser.add_argument("--raw", type=Path, default=Path("data/raw"), metavar="DIR")
    paths = parser.parse_args()

    refuse_other_package()
    params = read_params(paths.params)
    schema = prepare(params.prepare, paths.prepared, paths.raw)

    rows = ", ".join(f"{count:,} {split}" for split, count in schema.counts.items())
    print(f"{schema.dataset}: {rows} rows in {perf_counter() - started:.2f} s")


if __name__ == "__main__":
    exit_with(main)
