"""The evaluate stage: model files and the test split become metrics and tables."""

from __future__ import annotations

import argparse
from pathlib import Path

from reprise.foundation.errors import exit_with
from reprise.foundation.package import refuse_other_package
from reprise.foundation.workers import worker_count
from reprise.model.card import read_card
from reprise.settings.params_file import read_params


def arguments() -> argparse.Namespace:
    """Return the command line; the defaults are the main pipeline's."""
    parser = argparse.ArgumentParser(prog="python -m stages.evaluate", description=__doc__)
    parser.add_argument("--params", type=Path, default=Path("params.yaml"), metavar="FILE")
    parser.add_argument("--prepared", type=Path, default=Path("data/prepared"), metavar="DIR")
    parser.add_argument("--model", type=Path, default=Path("models"), metavar="DIR")
    parser.add_argument("--metrics", type=Path, default=Path("metrics"), metavar="DIR")
    parser.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto")
    parser.add_argument("--workers", default="auto", help="threads that share the batches out, or auto")
    parser.add_argument(
        "--trust-code", action="store_true", help="run the code of a model whose code is not the project's"
    )
    return parser.parse_args()


def main() -> None:
    """Load, judge, save."""
    args = arguments()
    workers = worker_count(args.workers)
    refuse_other_package()
    params = read_params(args.params)
    read_card(args.model)  # a missing model is told before torch is loaded
    from reprise.evaluation.evaluate import Places, evaluate  # loads torch, which takes seconds

    places = Places(args.prepared, args.model, args.metrics)
    evaluate(params.evaluate, places, args.device, workers, trust=args.trust_code)


if __name__ == "__main__":
    exit_with(main)
