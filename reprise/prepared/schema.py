"""The schema: what a row of prepared data is, where it came from and how it was normalised."""

from __future__ import annotations

from math import prod
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError, model_validator

from reprise.own.carried import CodeFile
from reprise.settings.params import Section

Floats = Annotated[tuple[float, ...], Field(strict=False)]
Texts = Annotated[tuple[str, ...], Field(strict=False)]
Sizes = Annotated[tuple[int, ...], Field(strict=False)]
Shape = Annotated[tuple[Annotated[int, Field(ge=1)], ...], Field(strict=False)]
SplitName = Literal["train", "val", "test"]
SCHEMA_FILE = "schema.json"
SPLITS: tuple[SplitName, ...] = ("train", "val", "test")


class Statistics(Section):
    """A mean and a standard deviation of the train split; a deviation of 0 is stored as 1.

    One value per feature (tables) or channel (images), or a single one for all.
    """

    mean: Floats
    std: Floats


class OwnRows(Section):
    """How own/data.py makes new rows into what a network takes: its encode()."""

    settings: dict[str, Any] = Field(description="prepare.own of the params")
    files: dict[str, CodeFile] = Field(description="the code")


class Schema(Section):
    """What prepared data is; stored as data/prepared/schema.json and inside the model file.

    Tables are stored encoded and normalised, as float32. Images are stored as uint8 and normalised with
    `inputs` when they are read. Targets are stored in their own unit: int64 class numbers or float32.
    """

    dataset: str
    layout: Literal["table", "images"]
    task: Literal["classification", "regression"]
    shape: Shape = Field(description="one row: (features,) or (channels, height, width)")
    columns: Texts = Field(description="the features of a table, in order; empty for images")
    target: str = Field(description="the name of what is predicted")
    classes: Texts = Field(description="class names by number; empty for a regression")
    counts: dict[str, int] = Field(description="rows per split")
    class_counts: dict[str, dict[str, int]] = Field(description="rows per split and class")
    inputs: Statistics | None = Field(description="normalisation of the inputs; null: none")
    target_scale: Statistics | None = Field(description="scale of a regression's target; null: none")
    test_is_train: bool = Field(False, description="the test split repeats the train split")
    source: str = Field(description="where the data comes from, in words")
    licence: str
    raw: dict[str, str] = Field(description="raw file name: SHA-256")
    files: dict[str, str] = Field(default_factory=dict, description="prepared file name: SHA-256")
    encoder: dict[str, Any] | None = Field(None, description="how raw columns become features (csv)")
    encoder_widths: Sizes = Field(
        (), exclude_if=lambda value: not value,
        description="features of each of the encoder's columns, in their order (csv)",
    )  # fmt: skip
    own: OwnRows | None = Field(
        None, exclude_if=lambda value: value is None, description="how new rows become features (own)"
    )

    @model_validator(mode="after")
    def _is_of_one_piece(self) -> Schema:
        """Refuse parts that don't belong together: who reads a schema counts on it."""
        sizes = 3 if self.layout == "images" else 1
        if len(self.shape) != sizes:
            raise ValueError(
                f"shape: must have {sizes} size(s) for layout {self.layout}; found {len(self.shape)}"
            )
        if missing := [split for split in SPLITS if split not in self.counts]:
            raise ValueError(f"counts: has no {missing[0]}")
        for name, found, lengths in (
            ("inputs", self.inputs, {1, self.shape[0]}), ("target_scale", self.target_scale, {1}),
        ):  # fmt: skip
            if found is not None and not (len(found.mean) == len(found.std) and len(found.mean) in lengths):
                raise ValueError(
                    f"{name}: must have {max(lengths)} mean(s) and as many deviations; found "
                    f"{len(found.mean)} and {len(found.std)}"
                )
        return self


def first_problem(error: ValidationError) -> str:
    """Return the first problem of a file that is not what a class of ours says, in one line."""
    first = error.errors()[0]
    where = ".".join(map(str, first["loc"]))
    message = " ".join(first["msg"].removeprefix("Value error, ").split())
    return f"{where}: {message}" if where else message


def size_of(schema: Schema, split: SplitName | None = None) -> int:
    """Return the bytes of the inputs of a split, or of all of them, as they are stored."""
    rows = sum(schema.counts.values()) if split is None else schema.counts[split]
    return rows * prod(schema.shape) * (1 if schema.layout == "images" else 4)
