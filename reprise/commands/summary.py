"""``reprise summary``: results and what changed, as Markdown, for a pull request."""

from __future__ import annotations

import argparse

EXAMPLES = """
reprise summary
reprise summary origin/main >summary.md
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command line."""
    parser.add_argument(
        "base", metavar="REV", nargs="?",
        help="a commit, branch, tag or experiment to compare the files as they are with (default: none)",
    )  # fmt: skip


def run(arguments: argparse.Namespace) -> None:
    """Print the summary; what is missing is said in it."""
    from reprise.summary.page import summary

    print(summary(arguments.base or None))
