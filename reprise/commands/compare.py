"""``reprise compare``: is the difference between two experiments more than chance?"""

from __future__ import annotations

import argparse

from reprise.commands.output import add_json, add_markdown, print_json

EXAMPLES = """
reprise compare main                     (with the files as they are)
reprise compare main unmoved --markdown
reprise compare v1.0 main --recipe iris
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command line."""
    parser.add_argument(
        "first",
        metavar="REV",
        help="a commit, branch, tag or experiment, or workspace (the files as they are)",
    )
    parser.add_argument(
        "second", metavar="REV", nargs="?", default="workspace", help="(default: %(default)s)"
    )
    parser.add_argument("--recipe", metavar="RECIPE", help="compare this recipe, not the main pipeline")
    form = parser.add_mutually_exclusive_group()
    add_json(form)
    add_markdown(form)


def run(arguments: argparse.Namespace) -> None:
    """Read both experiments' predictions and params, compare, print.

    Raises
    ------
    UserError
        If one of them is not there, or they are not about the same test rows.
    """
    from reprise.comparison import words
    from reprise.comparison.experiments import compare_experiments
    from reprise.verification.pipelines import main_pipeline, recipe

    pipeline = recipe(arguments.recipe) if arguments.recipe else main_pipeline()
    names = (arguments.first, arguments.second)
    found, changes = compare_experiments(pipeline.params, pipeline.metrics, names)
    if arguments.json:
        print_json(words.as_json(found, changes, names))
    else:
        print((words.as_markdown if arguments.markdown else words.in_words)(found, changes, names))
