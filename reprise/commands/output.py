"""The options that say how a command prints: the same words and the same meaning everywhere."""

from __future__ import annotations

import argparse
from typing import Any


def add_json(parser: Any) -> None:
    """Add ``--json`` to a parser or a group of options."""
    parser.add_argument("--json", action="store_true", help="print JSON, for programs, in place of text")


def add_markdown(parser: Any) -> None:
    """Add ``--markdown`` to a parser or a group of options."""
    parser.add_argument("--markdown", action="store_true", help="print Markdown, for a pull request")


def add_quiet(parser: argparse.ArgumentParser, what: str = "print nothing but problems") -> None:
    """Add ``--quiet``."""
    parser.add_argument("-q", "--quiet", action="store_true", help=what)


def print_json(value: Any) -> None:
    """Print a value as JSON: sorted keys, finite numbers, nothing else on standard output."""
    from reprise.foundation.files import json_text  # loads NumPy, which no help needs

    print(json_text(value), end="")
