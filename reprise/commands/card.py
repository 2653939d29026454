"""``reprise card``: the model card, models/card.md, written or brought up to date."""

from __future__ import annotations

import argparse
from pathlib import Path

from reprise.commands.output import add_quiet
from reprise.foundation.errors import UserError

EXAMPLES = """
reprise card
reprise card --check        (in continuous integration)
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command line."""
    parser.add_argument(
        "--model", type=Path, default=Path("models"), metavar="DIR",
        help="the folder with model.json and model.safetensors (default: %(default)s)",
    )  # fmt: skip
    parser.add_argument(
        "--metrics", type=Path, default=Path("metrics"), metavar="DIR",
        help="what evaluate wrote (default: %(default)s)",
    )  # fmt: skip
    parser.add_argument(
        "--prepared", type=Path, default=Path("data/prepared"), metavar="DIR",
        help="what prepare wrote (default: %(default)s)",
    )  # fmt: skip
    parser.add_argument(
        "--check", action="store_true", help="write nothing; fail if the card is missing or not up to date"
    )
    add_quiet(parser)


def run(arguments: argparse.Namespace) -> None:
    """Write the card; what its author wrote is kept.

    Raises
    ------
    UserError
        If the model or its evaluation is missing, or, with ``--check``, the card is not up to date.
    """
    from reprise.foundation.files import write_text
    from reprise.report.model_card import NAME, read_result, write_card

    path = arguments.model / NAME
    result = read_result(arguments.model, arguments.metrics, arguments.prepared)
    old = path.read_text(encoding="utf-8") if path.is_file() else None
    new = write_card(old, result)
    if arguments.check:
        if old != new:
            found = "there is none" if old is None else "is not up to date"
            raise UserError(f"{path}: {found}; run reprise card")
        if not arguments.quiet:
            print(f"{path}: up to date")
        return
    if old == new:
        done = "up to date already"
    else:
        write_text(path, new)
        done = "written; the parts in italics are yours to write" if old is None else "brought up to date"
    if not arguments.quiet:
        print(f"{path}: {done}")
