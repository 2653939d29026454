"""The train stage: prepared data and parameters become a model and its history."""

from __future__ import annotations

import argparse
from pathlib import Path

from reprise.foundation.errors import exit_with
from reprise.foundation.package import refuse_other_package
from reprise.foundation.workers import worker_count
from reprise.settings.params_file import read_params


def arguments() -> argparse.Namespace:
    """Return the command line; the defaults are the main pipeline's."""
    parser = argparse.ArgumentParser(prog="python -m stages.train", description=__doc__)
    parser.add_argument("--params", type=Path, default=Path("params.yaml"))
    parser.add_argument("--prepared", type=Path, default=Path("data/prepared"))
    parser.add_argument("--model", type=Path, default=Path("models"))
    parser.add_argument("--metrics", type=Path, default=Path("metrics"))
    parser.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto")
    parser.add_argument("--workers", default="auto", help="threads that share the slices out, or auto")
    return parser.parse_args()


def main() -> None:
    """Load, train, save."""
    args = arguments()
    workers = worker_count(args.workers)
    refuse_other_package()
    params = read_params(args.params)
    from reprise.training.run import Places, run  # loads torch, which takes seconds

    run(params, Places(args.prepared, args.model, args.metrics, args.params), args.device, workers)


if __name__ == "__main__":
    exit_with(main)
