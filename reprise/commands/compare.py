"""``reprise compare``: is the difference between two experiments more than chance?"""

from __future__ import annotations

import argparse


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command line."""
    parser.add_argument(
        "first",
        metavar="REV",
        help="a commit, branch, tag or experiment, or workspace (the files as they are)",
    )
    parser.add_argument("second", metavar="REV", nargs="?", default="workspace", help="default: workspace")
    parser.add_argument("--recipe", metavar="NAME", help="compare this recipe, not the main pipeline")
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="print all figures as JSON")
    form.add_argument("--markdown", action="store_true", help="print tables in Markdown")


def run(arguments: argparse.Namespace) -> None:
    """Read both experiments' predictions and params, compare, print.

    Raises
    ------
    UserError
        If one of them is not there, or they are not about the same test rows.
    """
    from reprise.comparison import words
    from reprise.comparison.compare import compare
    from reprise.comparison.predictions import read_predictions
    from reprise.comparison.revisions import text_of
    from reprise.comparison.settings import changed_params
    from reprise.evaluation.files import PREDICTIONS
    from reprise.foundation.files import json_text
    from reprise.verification.pipelines import main_pipeline, recipe

    pipeline = recipe(arguments.recipe) if arguments.recipe else main_pipeline()
    names = (arguments.first, arguments.second)
    predictions = pipeline.metrics / PREDICTIONS
    first, second = (read_predictions(text_of(predictions, rev), f"{rev}: {predictions}") for rev in names)
    found = compare(first, second, names)
    before, after = (text_of(pipeline.params, rev) for rev in names)
    changes = changed_params(before, after, names)
    if arguments.json:
        print(json_text(words.as_json(found, changes, names)), end="")
    else:
        print((words.as_markdown if arguments.markdown else words.in_words)(found, changes, names))
