"""The datasets that fit into memory: from the packages, the seed, published files, or a user's own code."""

from __future__ import annotations

from pathlib import Path

from reprise.data.raw import Raw
from reprise.data.sources import bundled, cifar, idx, own, toy
from reprise.foundation.download import CACHE
from reprise.foundation.workspace import main_root
from reprise.settings.params import Prepare


def load(params: Prepare, raw_dir: Path) -> Raw:
    """Return the rows of the built-in dataset that `params` names.

    Parameters
    ----------
    params : Prepare
    raw_dir : Path
        Published files are looked for in its folder named like the dataset, then in the main
        repository's, and downloaded when they are not there.
    """
    folder, cache = raw_dir / params.dataset, main_root() / CACHE / params.dataset
    if main_root() != Path.cwd().resolve() and not folder.exists():
        folder = main_root() / "data/raw" / params.dataset  # a copy has no untracked files
    match params.dataset:
        case "line":
            return toy.line()
        case "random" | "uniform":
            return toy.generated(params)
        case "iris":
            return bundled.iris()
        case "breast_cancer":
            return bundled.breast_cancer()
        case "diabetes":
            return bundled.diabetes()
        case "digits":
            return bundled.digits()
        case "mnist":
            return idx.read_published(idx.MNIST, folder, cache)
        case "fashion_mnist":
            return idx.read_published(idx.FASHION_MNIST, folder, cache)
        case "cifar10":
            return cifar.cifar10(folder, cache)
        case "own":
            return own.own(params)
        case other:
            raise ValueError(f"{other} is not a built-in dataset")
