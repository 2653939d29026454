"""``reprise bar``: fail when a test metric misses the bar that its parameters set."""

from __future__ import annotations

import argparse
from typing import Any

from reprise.evaluation.files import DETAILS
from reprise.foundation.errors import RepriseError
from reprise.foundation.files import read_json
from reprise.verification.pipelines import Pipeline, named_pipelines


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command line."""
    parser.add_argument(
        "pipelines", nargs="*", metavar="PIPELINE", help="main or a recipe (default: all that were judged)"
    )


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
    missed = []
    for pipeline in chosen:
        bar = recorded_bar(pipeline)
        if bar is None:
            print(f"{pipeline.name}: no bar (evaluate.bar in {pipeline.params})")
        elif bar["met"]:
            print(f"{pipeline.name}: bar met: {bar['told']}")
        else:
            missed.append(f"{pipeline.name}: bar missed: {bar['told']}")
    if missed:
        raise RepriseError(*missed)


def recorded_bar(pipeline: Pipeline) -> dict[str, Any] | None:
    """Return what the evaluate stage recorded of a pipeline's bar: met and told; None without a bar."""
    found: dict[str, Any] | None = read_json(pipeline.metrics / DETAILS).get("bar")
    return found
