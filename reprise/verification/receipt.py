"""A receipt: what was run on what, and the SHA-256 of every file that came out.

``result`` is what another run is compared with; ``made`` says where and when it was made and is compared with
nothing.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from reprise.foundation.errors import UserError
from reprise.foundation.files import json_text, sha256_file
from reprise.model.card import PROMISE, Arithmetic
from reprise.prepared.schema import first_problem
from reprise.verification.lock import Stage

Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Commit = Annotated[str, Field(pattern=r"^[0-9a-f]{40,64}$")]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class PipelineResult(_Part):
    """What one pipeline gave.

    Attributes
    ----------
    arithmetic : str
        What computed the model; it decides what is promised.
    params : str
        SHA-256 of the parameter file.
    outputs : dict
        SHA-256 of every file that the stages wrote, by stage and path.
    """

    arithmetic: Arithmetic
    params: Sha256
    outputs: dict[Stage, dict[str, Sha256]]

    @property
    def promise(self) -> str:
        """What another machine may expect, in words."""
        return PROMISE[self.arithmetic]


class Result(_Part):
    """What is compared: nothing of it depends on the machine or the time.

    Attributes
    ----------
    commit : str
        Of the repository, whose files were all as they are in it.
    locks : dict
        SHA-256 of the lock files, by path.
    pipelines : dict
        By name: main, or a recipe's.
    """

    commit: Commit
    locks: dict[str, Sha256]
    pipelines: Annotated[dict[str, PipelineResult], Field(min_length=1)]


class Made(_Part):
    """Where and when.

    Attributes
    ----------
    time : str
        In UTC.
    system, processor, instruction_set : str
    gpu : str or None
        If a GPU computed.
    packages : dict
        Versions by name.
    """

    time: str
    system: str
    processor: str
    instruction_set: str
    gpu: str | None
    packages: dict[str, str]


class Receipt(_Part):
    """The whole of it."""

    receipt: Literal[1] = 1
    result: Result
    made: Made

    def text(self) -> str:
        """Return the receipt as JSON."""
        return json_text(self.model_dump(mode="json"))

    def markdown(self) -> str:
        """Return the receipt for people: a paper's appendix, a pull request."""
        made, packages = self.made, ", ".join(f"{name} {value}" for name, value in self.made.packages.items())
        gpu = "" if made.gpu is None else f", {made.gpu}"
        lines = [
            "# Receipt",
            "",
            f"Commit `{self.result.commit}`, made on {made.time}.",
            "",
            f"{made.system}, {made.processor} ({made.instruction_set}){gpu}; {packages}.",
        ]
        for name, pipeline in self.result.pipelines.items():
            lines += ["", f"## {name}", "", f"{pipeline.arithmetic}: {pipeline.promise}.", ""]
            lines += ["| file | SHA-256 |", "|---|---|"]
            files = {path: sha for stage in pipeline.outputs.values() for path, sha in stage.items()}
            lines += [f"| `{path}` | `{sha}` |" for path, sha in files.items()]
        check = "`reprise verify receipt.json`, in a clone of the repository, runs it again and compares."
        return "\n".join([*lines, "", check, ""])


def read_receipt(path: Path) -> Receipt:
    """Return a receipt; one that is missing or broken is a `UserError`."""
    try:
        return Receipt.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        raise UserError(f"{path}: no such file; reprise receipt writes one") from None
    except IsADirectoryError:
        raise UserError(f"{path}: is a folder; name the receipt, a JSON file") from None
    except ValidationError as error:
        raise UserError(
            f"{path}: is not a receipt: {first_problem(error)}; "
            "get an unchanged copy, or make one with reprise receipt"
        ) from None


def files_of(root: Path, paths: list[str]) -> dict[str, str]:
    """Return the SHA-256 of each file among or below some paths, by its path from `root`, in order."""
    found: list[Path] = []
    for name in paths:
        path = root / name
        found += [file for file in path.rglob("*") if file.is_file()] if path.is_dir() else [path]
    return {path.relative_to(root).as_posix(): sha256_file(path) for path in sorted(found) if path.is_file()}
