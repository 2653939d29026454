"""``reprise predict``: a trained model applied to new rows or images."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from reprise.commands.output import add_quiet
from reprise.commands.trust import add_trust
from reprise.foundation.errors import UserError
from reprise.foundation.workers import worker_count

EXAMPLES = """
reprise predict new.csv --output predictions.csv
reprise predict photos/ --format jsonl
tail -f rows.jsonl | reprise predict -
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command line."""
    parser.add_argument(
        "input",
        metavar="INPUT",
        help="a table (CSV, JSON lines, Parquet, Excel), a pattern in quotes for several, an image, a folder "
        "of images, or - for JSON lines",
    )
    parser.add_argument(
        "--model", type=Path, default=Path("models"), metavar="DIR",
        help="the folder with model.json and model.safetensors (default: %(default)s)",
    )  # fmt: skip
    parser.add_argument(
        "--output", default="-", metavar="FILE", help="where predictions go (default: standard output)"
    )
    parser.add_argument(
        "--format",
        choices=("csv", "jsonl"),
        help="(default: as the output's ending says, else like the input)",
    )
    parser.add_argument(
        "--batch-size", type=int, default=1000, metavar="N",
        help="with evaluate.batch_size, the bits are those of the evaluate stage (default: %(default)s)",
    )  # fmt: skip
    parser.add_argument(
        "--corrupt", choices=("skip", "refuse"), default="skip",
        help="what an image that can't be read does: it is named and has a row without a prediction, or "
        "nothing is predicted (default: %(default)s)",
    )  # fmt: skip
    parser.add_argument(
        "--sheet", metavar="NAME", help="the sheet of an Excel workbook (default: the first that isn't empty)"
    )
    add_trust(parser)
    parser.add_argument(
        "--device", choices=("auto", "cpu", "cuda"), default="auto", help="(default: %(default)s)"
    )
    parser.add_argument(
        "--workers", default="auto", metavar="N",
        help="threads that share the batches out (default: %(default)s, one a core)",
    )  # fmt: skip
    add_quiet(parser)


def run(arguments: argparse.Namespace) -> None:
    """Predict, and say on standard error how many rows there were."""
    from reprise.model.card import read_card

    if arguments.batch_size < 1:
        raise UserError(f"--batch-size: must be ≥ 1; found {arguments.batch_size}")
    workers = worker_count(arguments.workers)
    read_card(arguments.model)  # a missing model is told before torch is loaded
    from reprise.prediction.predict import predict  # loads torch, which takes seconds

    count = predict(
        arguments.model, arguments.input, arguments.output, arguments.format,
        arguments.batch_size, arguments.device, workers, arguments.sheet, arguments.corrupt,
        trust=arguments.trust_code,
    )  # fmt: skip
    if arguments.output != "-" and not arguments.quiet:
        print(f"{count:,} predictions: {arguments.output}", file=sys.stderr)
