"""The option of commands that load a model file, which may carry code."""

from __future__ import annotations

import argparse


def add_trust(parser: argparse.ArgumentParser) -> None:
    """Add ``--trust-code``."""
    parser.add_argument(
        "--trust-code",
        action="store_true",
        help="run the code of a model of kind own though it is not this project's own/",
    )
