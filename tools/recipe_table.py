"""Write the table of recipes into README.md, from the params files and the metrics that they reached."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from reprise.evaluation.files import DETAILS
from reprise.settings.params import Bar, Model, Train
from reprise.settings.params_file import read_params
from reprise.verification.pipelines import pipelines

README = Path("README.md")
BEGIN, END = "<!-- recipes: written by tools/recipe_table.py -->\n", "<!-- end of recipes -->"


def architecture(model: Model) -> str:
    """Return the model in a few words."""
    if model.kind == "mlp":
        dropout = f", dropout {model.mlp.dropout:g}" if model.mlp.dropout else ""
        return f"mlp {'-'.join(map(str, model.mlp.hidden))} {model.mlp.activation}{dropout}"
    if model.kind == "cnn":
        norm = ", batch norm" if model.cnn.batch_norm else ""
        return (
            f"cnn {'-'.join(map(str, model.cnn.channels))}, then {'-'.join(map(str, model.cnn.hidden))}{norm}"
        )
    return model.kind


def training(train: Train) -> str:
    """Return the training in a few words."""
    if train.optimizer == "exact":
        return f"solved, weight decay {train.weight_decay}"
    names = {"sgd": "SGD", "adam": "Adam", "adamw": "AdamW"}
    stopping = ", early stopping" if train.patience else ""
    return f"{names[train.optimizer]} {train.lr:g}, batch {train.batch_size}, {train.epochs} epochs{stopping}"


def condition(bar: Bar) -> str:
    """Return a bar in a few words."""
    name = {"mse": "MSE"}.get(bar.metric, bar.metric)
    if bar.interval_contains is not None:
        return f"{name}'s interval contains {bar.interval_contains:g}"
    return f"{name} ≥ {bar.at_least:g}" if bar.at_least is not None else f"{name} ≤ {bar.at_most:g}"


def reached(metric: str, details: dict[str, Any]) -> str:
    """Return what was reached, with its interval where there is one."""
    text = f"{details['test'][metric]:.4f}"
    interval = details["intervals"].get(metric)
    return f"{text} ({interval['low']:.4f} to {interval['high']:.4f})" if interval else text


def table() -> str:
    """Return the table as Markdown."""
    lines = ["| recipe | model | training | bar | reached (95 % interval) |", "|---|---|---|---|---|"]
    for pipeline in pipelines(Path()):
        if pipeline.name == "main":
            continue
        params = read_params(pipeline.params)
        bar = params.evaluate.bar
        details = json.loads((pipeline.metrics / DETAILS).read_text(encoding="utf-8"))
        assert bar is not None
        lines.append(
            f"| `{pipeline.name}` | {architecture(params.model)} | {training(params.train)} "
            f"| {condition(bar)} | {reached(bar.metric, details)} |"
        )
    return "\n".join(lines) + "\n"


def updated(text: str) -> str:
    """Return README.md's text with the current table."""
    before, rest = text.split(BEGIN)
    return before + BEGIN + table() + END + rest.split(END)[1]


def main() -> int:
    """Write the table, or with ``--check`` compare; return the exit code."""
    text = README.read_text(encoding="utf-8")
    new = updated(text)
    if "--check" in sys.argv:
        if text != new:
            print("README.md: the table of recipes is not current; run make deps", file=sys.stderr)
        return int(text != new)
    README.write_text(new, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
