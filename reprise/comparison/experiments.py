"""Two experiments of one pipeline, read from git or DVC and compared."""

from __future__ import annotations

from pathlib import Path

from reprise.comparison.compare import Comparison, compare
from reprise.comparison.predictions import read_predictions
from reprise.comparison.revisions import text_of
from reprise.comparison.settings import Changes, changed_params
from reprise.comparison.words import Names
from reprise.evaluation.files import PREDICTIONS


def compare_experiments(params: Path, metrics: Path, names: Names) -> tuple[Comparison, Changes]:
    """Compare the predictions and the params of two revisions.

    Parameters
    ----------
    params, metrics : Path
        The pipeline's params file and its folder of metrics, below the current folder.
    names : tuple of str
        The revisions (see `text_of`).

    Raises
    ------
    UserError
        If one of them is not there, or they are not about the same test rows.
    """
    path = metrics / PREDICTIONS
    first, second = (read_predictions(text_of(path, rev), f"{rev}: {path}") for rev in names)
    found = compare(first, second, names)
    before, after = (text_of(params, rev) for rev in names)
    return found, changed_params(before, after, names)
