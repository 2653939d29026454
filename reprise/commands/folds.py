"""``reprise folds``: cross-validation of the whole pipeline."""

from __future__ import annotations

import argparse

from reprise.commands.spread import add_spread, run_spread

EXAMPLES = """
reprise folds 5
reprise folds 10 --params recipes/iris.yaml --markdown
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command line."""
    add_spread(parser, "K", "how many folds; 5 and 10 are usual")


def run(arguments: argparse.Namespace) -> None:
    """Prepare, train and judge each fold and report the spread."""
    from reprise.spread.runs import fold_runs  # loads what reads params and tables

    run_spread(arguments, "fold", fold_runs)
