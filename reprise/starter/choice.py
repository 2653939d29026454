"""Which model a table gets and how it is trained, by its number of rows."""

from __future__ import annotations

from typing import NamedTuple

FEWEST_ROWS = 12  # with fewer nothing is left to bag
# Rows below which held-out ones tell too little to choose a linear model's share by.
AVERAGED_BELOW = {"regression": 50, "classification": 100}
BAGGED_BELOW = 5_000  # rows up to which several networks, each with rows of its own to stop on, pay
FOLDS = 5
STEPS = 2_000  # of training, as far as the bounds of the epochs allow
FEWEST_EPOCHS, MOST_EPOCHS = 20, 100
# Rows of a batch below so many rows that are learnt from.
BATCHES = ((1_000, 32), (3_000, 64), (8_000, 128), (100_000, 256))
LARGEST_BATCH = 1024


class Choice(NamedTuple):
    """Lines of params.yaml, and why they were chosen.

    Attributes
    ----------
    model, train : list of str
        Lines of the sections.
    why : str
    """

    model: list[str]
    train: list[str]
    why: str


def choice(rows: int, task: str, of_classes: list[str], *, has_val: bool) -> Choice:
    """Return what suits a table.

    Parameters
    ----------
    rows : int
        Of the whole table.
    task : str
        classification or regression.
    of_classes : list of str
        Lines of the train section that are about classes.
    has_val : bool
        Whether there is a validation split.
    """
    if rows < FEWEST_ROWS:
        return Choice(
            ["kind: linear  # so few rows seldom tell a network more"],
            [
                "seed: 1",
                "optimizer: exact  # the weights are solved for",
                "weight_decay: auto  # the penalty on them is chosen by cross-validation",
            ],
            f"a linear model, solved: fewer than {FEWEST_ROWS} rows",
        )
    folds = FOLDS if rows < BAGGED_BELOW else 1
    few = rows < AVERAGED_BELOW[task]
    blend = "average" if few else "auto"
    learnt = round(rows * 0.8)  # the rest is the test split
    batch = next((size for bound, size in BATCHES if learnt < bound), LARGEST_BATCH)
    epochs = min(MOST_EPOCHS, max(FEWEST_EPOCHS, STEPS // -(-learnt // batch)))
    model = [
        "kind: tabm  # networks that answer together; linear with optimizer: exact takes less than a second",
        "tabm:",
        "  members: 8",
        "  hidden: [64, 64]",
        "  dropout: 0.1",
    ]
    keep = "best  # of the epochs, by the validation loss" if has_val or folds > 1 else "last"
    train = [
        "seed: 1",
        f"epochs: {epochs}",
        f"batch_size: {batch}",
        f"folds: {folds}  # above 1: so many models, each stopped on rows of its own, answer together",
        f"blend: {blend}  # a solved linear model answers along; auto: as much as held-out rows say",
        f"slices: {1 if batch < 1024 else 2}  # fixed parts of a batch that threads share",
        "numerics: portable",
        "optimizer: adamw",
        "lr: 0.003  # the highest rate; the first thing to vary",
        "weight_decay: 0.01",
        "schedule: cosine",
        "warmup: 0.05",
        *of_classes,
        "patience: null  # the rate falls to 0 at the end: all epochs are trained",
        f"keep: {keep}",
    ]
    many = f"a bag of {folds} of them: fewer than {BAGGED_BELOW:,} rows" if folds > 1 else "one of them"
    share = f"half: fewer than {AVERAGED_BELOW[task]} rows" if few else "as much as held-out rows say"
    return Choice(
        model,
        train,
        f"TabM, 8 small networks over the numbers' quantiles, {many}; a linear model counts {share}",
    )
