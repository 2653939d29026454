"""The parameters: frozen, strict, finite classes for the sections of params.yaml.

Nothing here reads a file (see `reprise.settings.params_file`). What can't change a byte of the result, such
as the number of workers, is not a parameter.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from reprise.settings.free import Settings
from reprise.settings.presets import with_preset

Fraction = Annotated[float, Field(ge=0.0, lt=1.0)]
Probability = Annotated[float, Field(ge=0.0, lt=1.0)]
Count = Annotated[int, Field(ge=1)]
# YAML has lists, a frozen class has tuples. Nothing else becomes one: a YAML !!set has no fixed order.
AsTuple = BeforeValidator(lambda value: tuple(value) if isinstance(value, list) else value)
Widths = Annotated[tuple[Count, ...], AsTuple]
SomeWidths = Annotated[tuple[Count, ...], Field(min_length=1), AsTuple]
Names = Annotated[tuple[str, ...], AsTuple]
# A key with nothing behind it, as is left when its lines are deleted, is null in YAML: none.
NamesOrNothing = Annotated[
    tuple[str, ...],
    BeforeValidator(lambda value: () if value is None else value, json_schema_input_type=list[str] | None),
    AsTuple,
]
ColumnType = Literal["numeric", "categorical", "boolean", "date", "text", "presence"]
TypesOrNothing = Annotated[
    dict[str, ColumnType],
    BeforeValidator(
        lambda value: {} if value is None else value, json_schema_input_type=dict[str, ColumnType] | None
    ),
]
Seed = Annotated[int, Field(ge=0, lt=2**63)]
Strength = Annotated[float, Field(ge=0.0, le=1.0)]
EVEN = 0.5  # the threshold that stands for the more probable of two classes
Threshold = Annotated[float, Field(gt=0.0, lt=1.0)] | Literal["best_f1"]
WeightDecay = Annotated[float, Field(ge=0.0)] | Literal["auto"]

Dataset = Literal[
    "line", "random", "uniform", "iris", "breast_cancer", "diabetes", "digits",
    "mnist", "fashion_mnist", "cifar10", "csv", "images", "own",
]  # fmt: skip


Backbone = Literal[
    "efficientnet_lite0", "resnet18", "resnet50", "mobilenet_v3_small", "mobilenet_v3_large",
    "efficientnet_b0", "convnext_tiny",
]  # fmt: skip
BACKBONE_SIZE = 224  # pixels of a side: what all of them were trained at


def is_zero(value: float) -> bool:
    """Tell whether a key is at its default, 0, and so left out of model.json."""
    return value == 0.0


class Section(BaseModel):
    """A part of params.yaml: unknown keys, wrong types, NaN and infinities are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


class Generated(Section):
    """Settings of the datasets made from the seed: `random` and `uniform`."""

    train_rows: Count = 1000
    test_rows: Count = 200
    features: Count = 10


class Csv(Section):
    """Settings of ``prepare.dataset: csv``: a table as CSV, JSON lines, Parquet or Excel."""

    path: str = Field(
        "data/raw/table.csv", description="the table: a file in data/raw, or a pattern for several"
    )
    test_path: str | None = Field(None, description="a separate test table; null splits one off")
    sheet: str | None = Field(None, description="of an Excel workbook; null: the only one that is filled")
    target: str = Field("target", description="the column to predict; column_3 when there is no header")
    task: Literal["auto", "classification", "regression"] = "auto"
    missing_target: Literal["refuse", "drop"] = Field(
        "refuse", description="what happens to rows whose target has no value"
    )
    separator: str = Field("auto", description="one character, or auto")
    encoding: str = Field("auto", description="utf-8, cp949, latin-1, …, or auto")
    decimal: Literal["auto", ".", ","] = "auto"
    header: Literal["auto", "yes", "no"] = "auto"
    drop: NamesOrNothing = Field((), description="columns to leave out")
    id: str | None = Field(None, description="the column that names a row; not a feature")
    group: str | None = Field(None, description="rows of one group stay in one split; not a feature")
    dates: NamesOrNothing = Field((), description="columns to read as dates")
    day_first: Literal["auto", "yes", "no"] = Field("auto", description="how 01/02/2024 is read")
    types: TypesOrNothing = Field(
        default_factory=dict,
        description="column: type, where the inferred type is wrong; text: learn only whether it is empty",
    )
    max_categories: Annotated[int, Field(ge=2, le=1000)] = Field(50, description="one-hot up to this many")
    many_categories: Literal["hash", "frequency"] = Field("hash", description="the code beyond that")
    text_terms: Annotated[int, Field(ge=1, le=10_000)] = Field(
        200, description="words of a column of texts, and as many runs of letters, that become features"
    )


class Images(Section):
    """Settings of ``prepare.dataset: images``."""

    path: str = Field("data/raw/images", description="a folder in data/raw with one folder per class")
    pixels: Annotated[int, Field(ge=4, le=1024)] = Field(32, description="height and width")
    mode: Literal["rgb", "grayscale"] = "rgb"
    corrupt: Literal["refuse", "skip"] = "refuse"


class Split(Section):
    """How rows are shared out; official test splits are kept whatever stands here."""

    method: Literal["stratified", "shuffle", "sklearn", "time", "none"] = Field(
        "stratified",
        description="sklearn: train_test_split's own order; time: the last rows are test, those before them "
        "val; none: train and test on every row",
    )
    by: str | None = Field(None, description="time: the column that orders the rows, a date or a number")
    test: Annotated[float, Field(gt=0.0, lt=1.0)] = Field(0.2, description="share of all rows")
    val: Fraction = Field(0.1, description="share of the rows that are not test; 0: no validation")


class Prepare(Section):
    """What the prepare stage does."""

    dataset: Dataset = "digits"
    seed: Seed = 1
    flatten: bool = Field(False, description="images become a table of pixels")
    normalise: Literal["feature", "global", "none"] = Field(
        "feature", description="one mean and deviation per feature (channel), or one for all"
    )
    scale_target: bool = Field(False, description="train a regression on the standardised target")
    checks: Literal["refuse", "warn"] = Field("warn", description="what a broken data contract does")
    split: Split = Split()
    generated: Generated = Generated()
    csv: Csv = Csv()
    images: Images = Images()
    own: Settings = Field(
        default_factory=dict, exclude_if=lambda value: not value,
        description="what rows() of own/data.py takes, under names of its own",
    )  # fmt: skip


class Embedding(Section):
    """How numbers of a table enter a network: by quantiles, in bins between them."""

    bins: Annotated[int, Field(ge=2, le=64)] = Field(16, description="a number, fewer for few rows")
    width: Annotated[int, Field(ge=1, le=64)] = Field(4, description="values that a number becomes")


class Tabm(Section):
    """Settings of ``model.kind: tabm``: small networks over one embedding of a table's numbers."""

    members: Annotated[int, Field(ge=1, le=256)] = Field(8, description="networks that answer together")
    hidden: SomeWidths = Field((64, 64), description="units of each hidden layer of a member")
    dropout: Probability = 0.1
    embedding: Embedding = Embedding()


class Mlp(Section):
    """Settings of ``model.kind: mlp``."""

    hidden: Widths = Field((64, 64), description="units of each hidden layer")
    activation: Literal["relu", "sigmoid", "tanh", "gelu"] = "relu"
    dropout: Probability = 0.0
    embedding: Embedding | None = Field(
        None, exclude_if=lambda value: value is None,
        description="how a table's numbers enter, as with tabm; null: as they are",
    )  # fmt: skip


class Cnn(Section):
    """Settings of ``model.kind: cnn``: convolutions, then linear layers, with ReLU between."""

    # What a preset stands for is filled in when params are read: model.json says all of it.
    preset: Literal["small", "medium", "large"] | None = Field(
        None, exclude_if=lambda value: value is None,
        description="a network that has a name, in place of all other keys",
    )  # fmt: skip
    channels: SomeWidths = (16, 32, 64)
    strides: SomeWidths = (2, 2, 1)
    kernel: Annotated[int, Field(ge=1, le=11)] = 3
    padding: Annotated[int, Field(ge=0, le=5)] = 0
    hidden: Widths = (256, 64)
    dropout: Probability = 0.0
    batch_norm: bool = False
    pooling: Literal["none", "average"] = Field(
        "none", exclude_if=lambda value: value == "none",
        description="average: of each channel over the image, before the linear layers",
    )  # fmt: skip

    _filled = model_validator(mode="before")(with_preset)


class Pretrained(Section):
    """Settings of ``model.kind: pretrained``: a backbone trained on ImageNet, for pictures."""

    backbone: Backbone = Field("efficientnet_lite0", description="this one comes with the environment")
    tune: Literal["head", "all"] = Field(
        "head", description="head: the backbone stays as it is, its features are computed once"
    )
    weights: str | None = Field(
        None, description="a .pth or .safetensors file of other weights; null: the published ones"
    )


class Model(Section):
    """The architecture; its input and output sizes come from the data."""

    kind: Literal["linear", "mlp", "tabm", "cnn", "resnet18", "pretrained", "own"] = "cnn"
    outputs: Literal["per_class", "single"] = Field(
        "per_class", description="single: one logit for a binary target"
    )
    mlp: Mlp = Mlp()
    tabm: Tabm = Tabm()
    cnn: Cnn = Cnn()
    pretrained: Pretrained = Pretrained()
    own: Settings = Field(
        default_factory=dict, exclude_if=lambda value: not value,
        description="what build() of own/model.py takes, under names of its own",
    )  # fmt: skip


class Augment(Section):
    """Random changes of training rows: all but `mixup` are for images."""

    shift: Annotated[int, Field(ge=0, le=16)] = Field(0, description="pixels, each way, both axes")
    flip: bool = Field(False, description="mirror left and right, half of the time")
    crop: Annotated[float, Field(ge=0.05, le=1.0)] = Field(
        1.0, exclude_if=lambda value: value == 1.0,
        description="random resized crop: the smallest share of the area that is kept; 1: all",
    )  # fmt: skip
    rotate: Annotated[int, Field(ge=0, le=180)] = Field(
        0, exclude_if=is_zero, description="degrees, each way"
    )
    brightness: Strength = Field(0.0, exclude_if=is_zero, description="factors from 1 - it to 1 + it")
    contrast: Strength = Field(0.0, exclude_if=is_zero, description="likewise")
    saturation: Strength = Field(0.0, exclude_if=is_zero, description="likewise, of images in colour")
    cutout: Annotated[int, Field(ge=0, le=512)] = Field(
        0, exclude_if=is_zero, description="pixels: side of a square that is cut out"
    )
    mixup: Strength = Field(
        0.0, exclude_if=is_zero,
        description="rows are mixed in pairs, shares from Beta(it, it); for tables too",
    )  # fmt: skip


class Train(Section):
    """The training loop."""

    # A key that came later is left out of model.json at its default (exclude_if), so that older models and
    # those trained anew have the same bytes.
    seed: Seed = 1
    epochs: Count = Field(10, description="full passes over the train split")
    batch_size: Count = 32
    folds: Annotated[int, Field(ge=1, le=100)] = Field(
        1, exclude_if=lambda value: value == 1,
        description="above 1: as many networks, each stopped on a fold of train and val of its own",
    )  # fmt: skip
    blend: Literal["none", "average", "auto"] = Field(
        "none", exclude_if=lambda value: value == "none",
        description="a linear model, solved, answers along: average: it counts half; auto: a share chosen on "
        "rows that were not learnt from",
    )  # fmt: skip
    slices: Annotated[int, Field(ge=1, le=64)] = Field(1, description="fixed parts of every batch")
    numerics: Literal["portable", "native"] = Field(
        "portable", description="native: torch's own kernels, the same bytes on this kind of CPU only"
    )
    tf32: bool = Field(False, description="on CUDA, allow TensorFloat-32 products")
    optimizer: Literal["sgd", "adam", "adamw", "exact"] = Field(
        "adam", description="exact: a linear model of a table is solved; what paces a training plays no part"
    )
    lr: Annotated[float, Field(gt=0.0, le=100.0)] = 0.001
    momentum: Fraction = Field(0.0, description="sgd only")
    weight_decay: WeightDecay = Field(0.0, description="auto, for exact: what predicts held-out rows best")
    schedule: Literal["constant", "cosine", "one_cycle"] = "constant"
    warmup: Fraction = Field(0.0, description="share of all steps over which the rate rises")
    label_smoothing: Fraction = 0.0
    class_weights: Literal["none", "balanced"] = Field(
        "none", exclude_if=lambda value: value == "none",
        description="balanced: all classes weigh the same in the training loss, however many rows they have",
    )  # fmt: skip
    clip_norm: Annotated[float, Field(gt=0.0)] | None = Field(None, description="largest gradient norm")
    patience: Count | None = Field(None, description="epochs without improvement; null: never stop early")
    monitor: Literal["loss", "accuracy"] = Field("loss", description="of the validation split")
    min_delta: Annotated[float, Field(ge=0.0)] = Field(0.0, description="a smaller change is none")
    keep: Literal["best", "last"] = Field("best", description="which epoch's weights (best: by monitor)")
    threshold: Threshold = Field(
        EVEN, exclude_if=lambda value: value == EVEN,
        description="of two classes, the second is predicted from this probability on; best_f1: from the one "
        "with the best F1 on the validation split",
    )  # fmt: skip
    augment: Augment = Augment()


class Bar(Section):
    """A condition on a test metric; the evaluate stage fails when it is missed."""

    metric: str = Field("accuracy", description="a key of the test section of details.json")
    at_least: float | None = None
    at_most: float | None = None
    interval_contains: float | None = Field(None, description="must lie in the metric's interval")


class Evaluate(Section):
    """How the test split is judged."""

    batch_size: Count = 1000
    confidence: Annotated[float, Field(gt=0.5, lt=1.0)] = Field(0.95, description="of the intervals")
    bar: Bar | None = None
    baselines: Literal["all", "portable", "none"] = Field(
        "all",
        description="simpler models beside this one: a constant, a linear one; all: scikit-learn's trees too",
    )
    own: Settings | None = Field(
        None, exclude_if=lambda value: value is None,
        description="what metrics() of own/metrics.py takes, under names of its own; null: it is not called",
    )  # fmt: skip


class Params(Section):
    """The whole of params.yaml."""

    prepare: Prepare
    model: Model
    train: Train
    evaluate: Evaluate
