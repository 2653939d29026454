"""The model card, model.json: everything about a model but its weights. Readable without torch."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError, model_validator

from reprise.foundation.errors import UserError
from reprise.own.carried import CodeFile
from reprise.prepared.schema import Schema, Texts, first_problem
from reprise.settings.params import Model, Section, Train

WEIGHTS = "model.safetensors"
CARD = "model.json"
Arithmetic = Literal["cpu portable", "cpu native", "cuda"]
PROMISE: dict[Arithmetic, str] = {
    "cpu portable": "the same bytes on every machine",
    "cpu native": "the same bytes on this kind of machine with the same packages",
    "cuda": "the same bytes on this kind of GPU with the same packages",
}


class ModelCard(Section):
    """What a model file says of its model; nothing about the machine or the time."""

    format: Literal[1] = 1
    arithmetic: Arithmetic
    task: Literal["classification", "regression"]
    classes: Texts
    model: Model
    train: Train
    data: Schema
    epochs_trained: int
    kept_epoch: int  # the epoch whose weights these are
    threshold: Annotated[float, Field(ge=0.0, le=1.0)] | None = Field(
        None, exclude_if=lambda value: value is None,
        description="of two classes, the second is predicted from this probability on; absent: the likelier",
    )  # fmt: skip
    own: dict[str, CodeFile] | None = Field(
        None, exclude_if=lambda value: value is None, description="the files of own/, for model.kind: own"
    )
    weights_sha256: str = ""

    @model_validator(mode="after")
    def _is_of_one_piece(self) -> ModelCard:
        """Refuse parts that don't belong together."""
        for name in ("task", "classes"):
            if getattr(self, name) != getattr(self.data, name):
                raise ValueError(f"{name}: is not that of data")
        return self

    def to_json(self) -> dict[str, Any]:
        """Return the JSON value to store; of the architectures, the chosen one alone has settings."""
        whole: dict[str, Any] = self.model_dump(mode="json")
        chosen = {"kind", "outputs", self.model.kind}
        whole["model"] = {name: value for name, value in whole["model"].items() if name in chosen}
        return whole


def read_card(folder: Path) -> ModelCard:
    """Return model.json; a missing or broken one is a `UserError`."""
    path = folder / CARD
    try:
        return ModelCard.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        raise UserError(f"{path}: no such file; run the train stage (dvc repro)") from None
    except NotADirectoryError:
        raise UserError(f"{folder}: is a file; name the folder that holds {CARD}") from None
    except ValidationError as error:
        raise UserError(f"{path}: {first_problem(error)}; run the train stage again") from None
