"""The runs of a spread: what each one trains, and the folder that is named after all that decides it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import reprise
from reprise.data.folds import UNSPLIT, Fold
from reprise.evaluation.files import METRICS
from reprise.foundation.errors import UserError
from reprise.foundation.files import read_json, sha256_file, write_json
from reprise.foundation.states import fingerprint, state_root
from reprise.own.code import folder_digests
from reprise.settings.contradictions import DATASETS
from reprise.settings.params import Params, Prepare
from reprise.tables.files import table_files

CODE = (".py", ".c", ".h")
RAW = Path("data/raw")
ORDER = "run.json"  # what a run is to do
RESULTS = "metrics"  # the folder of its evaluation
DONE = "done"  # is there when the run is finished


@dataclass(frozen=True)
class Run:
    """One training of a spread.

    Attributes
    ----------
    name : str
        As it stands in the table: the seed, or the fold's number from 1.
    params : Params
        With this run's seed, without a bar and baselines.
    fold : Fold or None
        The fold that it is tested on; None: the params' own test split.
    folder : Path
        Where its files are.
    prepared : Path
        Its prepared data, which runs without a fold share.
    """

    name: str
    params: Params
    fold: Fold | None
    folder: Path
    prepared: Path

    @property
    def finished(self) -> bool:
        """Whether its metrics are there."""
        return (self.folder / DONE).exists()

    def metrics(self) -> dict[str, float]:
        """Return the headline metrics, without the ends of their intervals."""
        test = read_json(self.folder / RESULTS / METRICS)["test"]
        ends = {f"{name}_{end}" for name in test for end in ("low", "high")}
        return {name: value for name, value in test.items() if isinstance(value, float) and name not in ends}

    def write_order(self, device: str) -> None:
        """Write down what `reprise.spread.work` is to do."""
        order = {
            "params": self.params.model_dump(mode="json"),
            "fold": None if self.fold is None else [self.fold.number, self.fold.count],
            "prepared": str(self.prepared),
            "device": device,
        }
        write_json(self.folder / ORDER, order)


def seed_runs(params: Params, count: int, device: str) -> list[Run]:
    """Return the same training with `count` seeds, from train.seed on."""
    named = Namer(params, device)
    prepared = named.folder("prepared", params.prepare, None)
    runs = []
    for seed in range(params.train.seed, params.train.seed + count):
        own = _unbarred(params, seed)
        runs.append(Run(str(seed), own, None, named.folder("run", own, None), prepared))
    return runs


def fold_runs(params: Params, count: int, device: str) -> list[Run]:
    """Return a training for each of `count` folds.

    Raises
    ------
    UserError
        If the dataset has a test split of its own, or is not split at all.
    """
    _refuse_unfit(params.prepare)
    named, own = Namer(params, device), _unbarred(params, params.train.seed)
    runs = []
    for fold in (Fold(number, count) for number in range(count)):
        folder = named.folder("run", own, fold)
        runs.append(Run(str(fold.number + 1), own, fold, folder, folder / "prepared"))
    return runs


def _unbarred(params: Params, seed: int) -> Params:
    """Return the params with another seed, without a bar, which one run may miss, and without baselines."""
    train = params.train.model_copy(update={"seed": seed})
    evaluate = params.evaluate.model_copy(update={"bar": None, "baselines": "none"})
    return params.model_copy(update={"train": train, "evaluate": evaluate})


def _refuse_unfit(prepare: Prepare) -> None:
    """Refuse what is known to have no folds before anything is read or downloaded."""
    if prepare.split.method == "none":
        raise UserError(UNSPLIT)
    where = None
    if DATASETS[prepare.dataset].official_test:
        where = f"prepare.dataset: {prepare.dataset} has a test split of its own"
    elif prepare.dataset == "csv" and prepare.csv.test_path is not None:
        where = f"prepare.csv.test_path: {prepare.csv.test_path} is the test split"
    if where is not None:
        raise UserError(
            f"folds: {where}, and folds would learn from it; use reprise seeds, which tests on it every time"
        )


class Namer:
    """Names folders by all that decides what will be in them; data and code are read once."""

    def __init__(self, params: Params, device: str) -> None:
        package = Path(reprise.__file__).parent
        files = sorted(path for path in package.rglob("*") if path.suffix in CODE)
        own = "own" in (params.prepare.dataset, params.model.kind) or params.evaluate.own is not None
        self.known: dict[str, Any] = {
            "code": {path.relative_to(package).as_posix(): sha256_file(path) for path in files},
            "data": {path.as_posix(): sha256_file(path) for path in _raw_files(params.prepare)},
            "own": folder_digests() if own else None,
            "device": device,
        }
        self.versions = {"torch": version("torch"), "reprise": reprise.__version__}

    def folder(self, kind: str, params: Params | Prepare, fold: Fold | None) -> Path:
        """Return the folder of a run, or of prepared data."""
        own = {"fold": None if fold is None else [fold.number, fold.count]}
        return state_root() / "spread" / self.name(kind, params, own)

    def name(self, kind: str, params: Params | Prepare, own: Mapping[str, Any]) -> str:
        """Return a name for what `kind` says, which parameters and settings of its own decide too."""
        settings = {**self.known, "kind": kind, "params": params.model_dump(mode="json"), **own}
        return fingerprint(settings, [], self.versions)[:32]


def _raw_files(prepare: Prepare) -> Iterator[Path]:
    """Yield the user's own files that prepared data is made of; published ones are checked by hash anyway."""
    match prepare.dataset:
        case "csv":
            for key, given in (("path", prepare.csv.path), ("test_path", prepare.csv.test_path)):
                if given is not None:
                    yield from (file.path for file in table_files(given, f"prepare.csv.{key}"))
        case "images":
            yield from _below(Path(prepare.images.path))
        case "own":
            yield from _below(RAW)  # its code may read any of them


def _below(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())
