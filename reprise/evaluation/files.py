"""The names of an evaluation's files, for the stage that writes them and the commands that read them."""

from __future__ import annotations

METRICS = "metrics.json"  # a dozen numbers, what `dvc metrics` shows
DETAILS = "details.json"  # everything else
TREES = "trees.json"  # what scikit-learn's trees reach: in no lock
PREDICTIONS = "predictions.csv"
MISTAKES = "mistakes.csv"
PLOTS = "plots"  # a folder of tables
