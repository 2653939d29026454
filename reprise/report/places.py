"""Where a pipeline's parameters, data, model and results stand."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from reprise.foundation.errors import UserError, nearest

RECIPES = Path("recipes")


@dataclass(frozen=True)
class Places:
    """The files of one pipeline, below the current folder.

    Attributes
    ----------
    params : Path
    prepared, model, metrics : Path
        Folders.
    lock : Path
        Where DVC keeps the hashes of its stages.
    suffix : str
        What follows a stage's name there, such as ``@iris``.
    command : str
        What makes all of it again.
    """

    params: Path
    prepared: Path
    model: Path
    metrics: Path
    lock: Path
    suffix: str
    command: str


def main_places(params: Path) -> Places:
    """Return the main pipeline's, with the params file that it was run with."""
    return Places(
        params, Path("data/prepared"), Path("models"), Path("metrics"), Path("dvc.lock"), "", "dvc repro"
    )


def recipe_places(name: str) -> Places:
    """Return a recipe's.

    Raises
    ------
    UserError
        If there is no such recipe.
    """
    params = RECIPES / f"{name}.yaml"
    known = sorted(path.stem for path in RECIPES.glob("*.yaml") if path.stem != "dvc")
    if name not in known:
        close = nearest(name, known)
        hint = f"did you mean {close}?" if close else f"there are {', '.join(known) or 'none in this folder'}"
        raise UserError(f"--recipe: no recipe {name!r}; {hint}")
    return Places(
        params,
        Path("data/recipes") / name,
        Path("models/recipes") / name,
        Path("metrics/recipes") / name,
        RECIPES / "dvc.lock",
        f"@{name}",
        f"dvc repro recipes/dvc.yaml:evaluate@{name}",
    )
