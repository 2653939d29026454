"""The pipelines of a checkout: the main one and one per recipe, with their files."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ruamel.yaml import YAML

from reprise.foundation.errors import UserError, nearest

MAIN = "main"
RECIPES = Path("recipes")
DEFINITION = "dvc.yaml"


@dataclass(frozen=True)
class Pipeline:
    """One chain of prepare, train and evaluate.

    Attributes
    ----------
    name : str
        main, or the recipe's name.
    project : Path
        The DVC project that it belongs to, where ``dvc`` is run: the recipes are a project of their own.
    suffix : str
        What follows a stage's name, such as ``@iris``.
    params : Path
    prepared, model, metrics : Path
        Folders.
    """

    name: str
    project: Path
    suffix: str
    params: Path
    prepared: Path
    model: Path
    metrics: Path

    @property
    def target(self) -> str:
        """What ``dvc repro`` takes, in the project, to run the whole chain."""
        return f"evaluate{self.suffix}"

    @property
    def lock(self) -> Path:
        """The lock file that holds its stages; the paths in it begin at `project`."""
        return self.project / "dvc.lock"

    @property
    def command(self) -> str:
        """What a person types in the checkout's root to run it."""
        return "dvc repro" if self.name == MAIN else f"cd {RECIPES} && dvc repro {self.target}"


def main_pipeline(root: Path = Path(), params: Path = Path("params.yaml")) -> Pipeline:
    """Return the main pipeline, run with a params file."""
    return Pipeline(MAIN, root, "", root / params, root / "data/prepared", root / "models", root / "metrics")


def recipe(name: str, root: Path = Path()) -> Pipeline:
    """Return a recipe's pipeline.

    Raises
    ------
    UserError
        If there is no such recipe.
    """
    project = root / RECIPES
    known = sorted(path.stem for path in project.glob("*.yaml") if path.name != DEFINITION)
    if name not in known:
        close = nearest(name, known)
        hint = f"did you mean {close}?" if close else f"there are {', '.join(known) or 'none in this folder'}"
        raise UserError(f"--recipe: no recipe {name!r}; {hint}")
    folders = (project / kind / name for kind in ("data", "models", "metrics"))
    return Pipeline(name, project, f"@{name}", project / f"{name}.yaml", *folders)


def pipelines(root: Path = Path()) -> list[Pipeline]:
    """Return the main pipeline and the recipes that recipes/dvc.yaml lists, in its order."""
    definition = root / RECIPES / DEFINITION
    if not definition.is_file():
        return [main_pipeline(root)]
    content = YAML(typ="safe", pure=True).load(definition.read_text(encoding="utf-8"))
    names = content["stages"]["evaluate"]["matrix"]["recipe"]
    return [main_pipeline(root), *(recipe(name, root) for name in names)]


def named_pipelines(names: list[str], root: Path = Path()) -> list[Pipeline]:
    """Return the pipelines with these names, or all where none is named.

    Raises
    ------
    UserError
        If a name is unknown.
    """
    known = {pipeline.name: pipeline for pipeline in pipelines(root)}
    for name in names:
        if name not in known:
            close = nearest(name, known)
            hint = f"did you mean {close}?" if close else f"there are {', '.join(known)}"
            raise UserError(f"no pipeline {name!r}; {hint}")
    return [known[name] for name in names or known]
