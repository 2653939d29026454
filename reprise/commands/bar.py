"""``reprise bar``: fail when a test metric misses the bar that its parameters set."""

from __future__ import annotations

import argparse
from typing import Any

from reprise.commands.output import add_json, add_quiet, print_json
from reprise.evaluation.files import DETAILS
from reprise.foundation.errors import RepriseError
from reprise.foundation.files import read_json
from reprise.verification.pipelines import Pipeline, named_pipelines

EXAMPLES = """
reprise bar
reprise bar main iris
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command line."""
    parser.add_argument(
        "pipelines", nargs="*", metavar="PIPELINE", help="main or a recipe (default: all that were judged)"
    )
    add_json(parser)
    add_quiet(parser)


def run(arguments: argparse.Namespace) -> None:
    """Print a line for each pipeline.

    Raises
    ------
    UserError
        If there is no such pipeline, or it was not judged.
    RepriseError
        With exit code 1 if a bar is missed.
    """
    chosen = named_pipelines(arguments.pipelines)
    if not arguments.pipelines:
        chosen = [pipeline for pipeline in chosen if (pipeline.metrics / DETAILS).is_file()] or chosen[:1]
    bars = {pipeline: recorded_bar(pipeline) for pipeline in chosen}
    if arguments.json:
        print_json({pipeline.name: bar for pipeline, bar in bars.items()})
    missed = []
    for pipeline, bar in bars.items():
        if bar is not None and not bar["met"]:
            missed.append(f"{pipeline.name}: bar missed: {bar['told']}")
        elif not (arguments.json or arguments.quiet):
            told = f"no bar (evaluate.bar in {pipeline.params})" if bar is None else f"bar met: {bar['told']}"
            print(f"{pipeline.name}: {told}")
    if missed:
        raise RepriseError(*missed)


def recorded_bar(pipeline: Pipeline) -> dict[str, Any] | None:
    """Return what the evaluate stage recorded of a pipeline's bar: met and told; None without a bar."""
    found: dict[str, Any] | None = read_json(pipeline.metrics / DETAILS).get("bar")
    return found
