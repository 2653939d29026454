"""``reprise card``: the model card, models/card.md, written or brought up to date."""

from __future__ import annotations

import argparse
from pathlib import Path

from reprise.foundation.errors import UserError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command line."""
    parser.add_argument("--model", type=Path, default=Path("models"), metavar="DIR")
    parser.add_argument("--metrics", type=Path, default=Path("metrics"), metavar="DIR")
    parser.add_argument("--prepared", type=Path, default=Path("data/prepared"), metavar="DIR")
    parser.add_argument(
        "--check", action="store_true", help="write nothing; fail if the card is missing or not up to date"
    )


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
        print(f"{path}: up to date")
        return
    if old == new:
        print(f"{path}: up to date already")
        return
    write_text(path, new)
    done = "written; the parts in italics are yours to write" if old is None else "brought up to date"
    print(f"{path}: {done}")
