"""``reprise report``: one page on the model and its results, to open, to send and to keep."""

from __future__ import annotations

import argparse
from pathlib import Path

from reprise.commands.output import add_quiet
from reprise.foundation.errors import UserError

EXAMPLES = """
reprise report
reprise report --recipe mnist --output mnist.html
"""
OUTPUT = Path("report.html")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command line."""
    which = parser.add_mutually_exclusive_group()
    which.add_argument(
        "--params", type=Path, default=Path("params.yaml"), metavar="FILE",
        help="what the main pipeline was run with (default: %(default)s)",
    )  # fmt: skip
    which.add_argument("--recipe", metavar="RECIPE", help="report a recipe instead of the main pipeline")
    parser.add_argument(
        "--output",
        type=Path,
        default=OUTPUT,
        metavar="FILE",
        help="(default: %(default)s, which git ignores)",
    )
    add_quiet(parser)


def run(arguments: argparse.Namespace) -> None:
    """Write the page."""
    from reprise.foundation.files import write_text
    from reprise.report.page import render
    from reprise.report.results import read_results
    from reprise.verification.pipelines import main_pipeline, recipe

    output: Path = arguments.output
    if output.is_dir():
        raise UserError(f"--output: {output} is a folder; name a file, such as {output / OUTPUT}")
    places = recipe(arguments.recipe) if arguments.recipe else main_pipeline(params=arguments.params)
    page = render(read_results(places))
    write_text(output, page)
    if not arguments.quiet:
        print(f"{output}: {len(page.encode()) / 1024:,.0f} KB, everything inside; open it in a browser")
