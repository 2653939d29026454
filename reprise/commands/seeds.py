"""``reprise seeds``: the same training with several seeds."""

from __future__ import annotations

import argparse

from reprise.commands.spread import add_spread, run_spread

EXAMPLES = """
reprise seeds 5
reprise seeds 10 --params recipes/iris.yaml --json >seeds.json
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command line."""
    add_spread(parser, "N", "how many seeds, from train.seed on")


def run(arguments: argparse.Namespace) -> None:
    """Train with each seed and report the spread."""
    from reprise.spread.runs import seed_runs  # loads what reads params and tables

    run_spread(arguments, "seed", seed_runs)
