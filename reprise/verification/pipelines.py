"""The pipelines of a checkout: the main one and one per recipe, with their files."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from ruamel.yaml import YAML


class Pipeline(NamedTuple):
    """One chain of prepare, train and evaluate.

    Attributes
    ----------
    name : str
        main, or the recipe's name.
    target : str
        What ``dvc repro`` takes to run the whole chain.
    lock : Path
        The lock file that holds its stages.
    suffix : str
        What follows the stage's name in the lock, such as ``@iris``.
    params, prepared, metrics : Path
    """

    name: str
    target: str
    lock: Path
    suffix: str
    params: Path
    prepared: Path
    metrics: Path


def pipelines(root: Path) -> list[Pipeline]:
    """Return the main pipeline and the recipes that recipes/dvc.yaml lists, in its order."""
    found = [
        Pipeline(
            "main",
            "dvc.yaml:evaluate",
            root / "dvc.lock",
            "",
            root / "params.yaml",
            root / "data/prepared",
            root / "metrics",
        )
    ]
    definition = root / "recipes/dvc.yaml"
    if not definition.is_file():
        return found
    content = YAML(typ="safe", pure=True).load(definition.read_text(encoding="utf-8"))
    names = content["stages"]["evaluate"]["matrix"]["recipe"]
    return found + [
        Pipeline(
            name,
            f"recipes/dvc.yaml:evaluate@{name}",
            root / "recipes/dvc.lock",
            f"@{name}",
            root / "recipes" / f"{name}.yaml",
            root / "data/recipes" / name,
            root / "metrics/recipes" / name,
        )
        for name in names
    ]
