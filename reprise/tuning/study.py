"""A study: which trials there are, what the next one is, and which is not worth going on with.

Optuna's TPE draws (Bergstra et al., Algorithms for hyper-parameter optimization, 2011; several parameters
together: Falkner et al., BOHB, 2018) and its median rule prunes (Golovin et al., Google Vizier, 2017). The
numbers of each trial are drawn anew from the seed and the trial's number: an interruption changes none.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Any

import optuna
from optuna.exceptions import UpdateFinishedTrialError
from optuna.pruners import BasePruner, MedianPruner, NopPruner
from optuna.samplers import TPESampler
from optuna.storages import RDBStorage, fail_stale_trials
from optuna.trial import FrozenTrial, TrialState

from reprise.foundation import seeds
from reprise.foundation.files import write_text
from reprise.tuning.space import Objective, Tuning, draw
from reprise.tuning.storage import open_storage, telling

DONE = (TrialState.COMPLETE, TrialState.PRUNED)
BEGUN = (*DONE, TrialState.RUNNING)
# What is kept of a trial besides what Optuna keeps.
HOME, DRAWN, FIGURES, EXPERIMENT, WHY, SAME = "home", "drawn", "figures", "experiment", "why", "same_as"


@dataclass(frozen=True)
class Trial:
    """One trial that is at work.

    Attributes
    ----------
    handle : optuna.trial.Trial
    drawn : dict
        The value of each parameter that is searched, by its key.
    """

    handle: optuna.trial.Trial
    drawn: dict[str, Any]

    @property
    def number(self) -> int:
        """From 0 on, in the order of their start."""
        return self.handle.number


class Study:
    """The trials of one search space on one project, kept in a storage that machines may share.

    Parameters
    ----------
    name : str
    tuning : Tuning
    objective : {"loss", "accuracy"}
    url : str or None
        Of the storage.
    folder : Path
        Of the study on this machine, whose lock is held: no other process here works on it.
    """

    def __init__(
        self, name: str, tuning: Tuning, objective: Objective, url: str | None, folder: Path
    ) -> None:
        self.name, self.tuning, self.objective, self._url = name, tuning, objective, url
        self._home = _home(folder)
        self._lock = Lock()
        self._storage = open_storage(url, folder)
        with telling(url):
            self._study = optuna.create_study(
                storage=self._storage,
                study_name=f"reprise-{name}",
                load_if_exists=True,
                direction="maximize" if objective == "accuracy" else "minimize",
                pruner=_pruner(tuning),
            )
            self._left = [
                self._again(trial) for trial in self._trials(TrialState.RUNNING) if self._ours(trial)
            ]
        self._running: dict[int, Trial] = {}

    def next(self, most: int) -> Trial | None:
        """Return the next trial, first those that an interruption left; None: there are `most` already."""
        with self._lock, telling(self._url):
            if self._left:
                trial = self._left.pop(0)
            elif self._begun() >= most:
                return None
            else:
                handle = self._study.ask()
                handle.set_user_attr(HOME, self._home)
                trial = self._drawn(handle)
                handle.set_user_attr(DRAWN, trial.drawn)
            self._running[trial.number] = trial
        self.alive()
        return trial

    def twin(self, trial: Trial) -> FrozenTrial | None:
        """Return a finished trial with the same values, whose training gave what this one's would give."""
        with self._lock, telling(self._url):
            complete = self._trials(TrialState.COMPLETE)
        return next((one for one in complete if one.user_attrs.get(DRAWN) == trial.drawn), None)

    def goes_on(self, trial: Trial, epoch: int, value: float) -> bool:
        """Take note of an epoch's validation metric, and return whether the trial is worth going on with."""
        with self._lock, telling(self._url):
            try:
                if epoch not in self._storage.get_trial(trial.handle._trial_id).intermediate_values:
                    trial.handle.report(value, epoch)
                return not trial.handle.should_prune()
            except UpdateFinishedTrialError:  # another machine took it for dead and trains it
                return False

    def finish(self, trial: Trial, value: float | None, **about: Any) -> None:
        """Take note of a trial's end; without a value it was pruned, or its parameters were refused."""
        with self._lock, telling(self._url):
            self._running.pop(trial.number, None)
            try:
                for name, told in about.items():
                    trial.handle.set_user_attr(name, told)
            except UpdateFinishedTrialError:
                return
            state = TrialState.PRUNED if value is None else TrialState.COMPLETE
            self._study.tell(trial.handle.number, value, state, skip_if_finished=True)

    def alive(self) -> None:
        """Tell other machines that this one's trials are alive, and take over those of machines that died."""
        if isinstance(self._storage, RDBStorage):
            with self._lock, telling(self._url):
                for trial in self._running.values():
                    self._storage.record_heartbeat(trial.handle._trial_id)
                fail_stale_trials(self._study)

    def done(self) -> list[FrozenTrial]:
        """Return the trials that are finished, in the order of their start."""
        with self._lock, telling(self._url):
            return self._trials(*DONE)

    def has_trained(self) -> bool:
        """Return whether a trial was trained, to its end or until it was pruned."""
        return any(WHY not in trial.user_attrs for trial in self.done())

    def importance(self) -> dict[str, float]:
        """Return how much of the objective's variance each parameter explains, the most first.

        By PED-ANOVA (Watanabe et al., 2023); nothing of fewer than three trials.
        """
        with self._lock, telling(self._url):
            values = {trial.value for trial in self._trials(TrialState.COMPLETE)}
            if len(values) < 3:
                return {}
            return optuna.importance.get_param_importances(self._study)

    def _trials(self, *states: TrialState) -> list[FrozenTrial]:
        return self._study.get_trials(deepcopy=False, states=states)

    def _begun(self) -> int:
        return len(self._trials(*BEGUN))

    def _ours(self, trial: FrozenTrial) -> bool:
        return self._url is None or trial.user_attrs.get(HOME) == self._home

    def _again(self, trial: FrozenTrial) -> Trial:
        return self._drawn(optuna.trial.Trial(self._study, trial._trial_id))

    def _drawn(self, handle: optuna.trial.Trial) -> Trial:
        """Draw a trial's values; those that it has already stay."""
        seed = seeds.derive(self.tuning.seed, "trial", handle.number) % 2**32
        self._study.sampler = TPESampler(seed=seed, n_startup_trials=self.tuning.startup)
        return Trial(handle, draw(self.tuning.space, handle))


def _pruner(tuning: Tuning) -> BasePruner:
    if tuning.prune is None:
        return NopPruner()
    return MedianPruner(n_startup_trials=tuning.prune.trials, n_warmup_steps=tuning.prune.epochs)


def _home(folder: Path) -> str:
    """Return the name of this folder among all machines that share the study: its checkpoints are here."""
    path = folder / "home"
    if not path.exists():
        write_text(path, secrets.token_hex(8))
    return path.read_text(encoding="utf-8")
