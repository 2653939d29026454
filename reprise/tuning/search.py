"""A search: what is searched on what, and the folder that is named after all of it."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from reprise.foundation.errors import UserError
from reprise.foundation.states import state_root
from reprise.own.code import folder_digests
from reprise.prepared.schema import SCHEMA_FILE
from reprise.prepared.shards import read_schema
from reprise.preparing.prepare import prepare
from reprise.settings.params import Params
from reprise.settings.params_file import checked, json_schema, read_params, read_yaml, validated
from reprise.spread.runs import RAW, Namer
from reprise.tuning.params_text import with_values
from reprise.tuning.space import Objective, Tuning
from reprise.tuning.space_file import read_tuning, with_drawn


@dataclass(frozen=True)
class Search:
    """What is searched.

    Attributes
    ----------
    file : Path
        The params file, which stays as it is.
    text : str
        Its content.
    tuning : Tuning
    params : Params
        As the file says, for what no trial changes.
    name : str
        Of the study: the same for the same space, params, data, code and versions. What the params file says
        of keys that are searched plays no part, so that the best may be written there and the search go on.
    folder : Path
        Of the study on this machine.
    device : {"cpu", "cuda"}
    """

    file: Path
    text: str
    tuning: Tuning
    params: Params
    name: str
    folder: Path
    device: str

    @property
    def objective(self) -> Objective:
        """The validation metric that is to become better."""
        return self.tuning.objective or self.params.train.monitor

    @property
    def prepared(self) -> Path:
        """The folder of the prepared data, which all trials share."""
        return self.folder / "prepared"

    def text_of(self, drawn: dict[str, Any]) -> str:
        """Return the params file with a trial's values.

        Raises
        ------
        UserError
            If they can't stand together.
        """
        checked(with_drawn(read_yaml(self.file, ""), self.tuning.space, drawn), self.file)
        return with_values(self.text, self.tuning.space, drawn)

    def prepare(self) -> None:
        """Prepare the data, unless that was done.

        Raises
        ------
        UserError
            If the data can't be prepared, or has no rows for validation.
        """
        if not (self.prepared / SCHEMA_FILE).exists():
            for unfinished in self.folder.glob("prepared*"):  # of a process that was killed
                shutil.rmtree(unfinished)
            self.folder.mkdir(parents=True, exist_ok=True)
            prepare(self.params.prepare, self.prepared, RAW)
        schema = read_schema(self.prepared)
        if schema.counts["val"] == 0:
            raise UserError(
                f"{self.file}: prepare.split: no rows are left for validation, by which trials are compared; "
                "raise prepare.split.val"
            )
        if self.objective == "accuracy" and schema.task == "regression":
            raise UserError("objective: accuracy is for classes; use loss for a regression")


def read_search(file: Path, space: Path, device: str) -> Search:
    """Read and check what is searched.

    Raises
    ------
    UserError
        One line for each problem of either file.
    """
    params = read_params(file)
    base = read_yaml(file, "")
    tuning = read_tuning(space, base)
    unsearched = validated(Params, with_drawn(base, tuning.space, {}), json_schema(), file)
    own = {"tuning": tuning.model_dump(mode="json"), "own": folder_digests()}
    name = Namer(params, device).name("tune", unsearched, own)
    text = file.read_text(encoding="utf-8")
    return Search(file, text, tuning, params, name, state_root() / "tune" / name, device)
