"""The charts of a report: learning curves, ROC and precision-recall, calibration, residuals."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from reprise.report.drawing import FIRST, LINE, MUTED, REST, SECOND, SMALL, TEXT, THIRD, Chart, draw
from reprise.report.results import Results, Rows
from reprise.report.wording import number, percent

SPLITS = {"train": ("training rows", FIRST, (0, (4, 2))), "val": ("validation rows", SECOND, "-")}
COLOURED = 3  # of several curves, the lowest ones; the others are gray
MOST_POINTS = 2000


def learning(results: Results) -> list[Chart]:
    """Return a chart for the loss and one for the accuracy over the epochs; none for a solved model."""
    history = results.history
    if len(history) < 2:
        return []
    return [
        _over_epochs(history, measure)
        for measure in ("loss", "accuracy")
        if history[0].get(f"train_{measure}")
    ]


def _over_epochs(history: Rows, measure: str) -> Chart:
    # A cell is empty where there is no such figure, as of a validation split without rows.
    curves = {
        split: [
            (int(row["epoch"]), float(row[f"{split}_{measure}"]))
            for row in history
            if row.get(f"{split}_{measure}")
        ]
        for split in SPLITS
    }
    curves = {split: points for split, points in curves.items() if points}

    def plot(axes: Axes) -> None:
        for split, points in curves.items():
            name, colour, dashes = SPLITS[split]
            axes.plot(*zip(*points, strict=True), color=colour, linestyle=dashes, label=name)
        axes.set(xlabel="epoch", ylabel=measure)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.legend()

    told = "; ".join(
        f"{SPLITS[split][0]} from {number(points[0][1])} to {number(points[-1][1])}"
        for split, points in curves.items()
    )
    description = f"Line chart of the {measure} over {len(history)} epochs: {told}"
    return Chart(
        f"{measure.capitalize()} per epoch", draw(measure, description, plot), f"{told[0].upper()}{told[1:]}."
    )


def curves(results: Results) -> list[Chart]:
    """Return the ROC and the precision-recall curves."""
    charts = []
    for key, title, x, y in (
        ("roc", "ROC curve", "false_positive_rate", "true_positive_rate"),
        ("precision_recall", "Precision and recall", "recall", "precision"),
    ):
        lines: dict[str, list[tuple[float, float]]] = {}
        for row in results.plots.get(key, []):
            lines.setdefault(row["class"], []).append((float(row[x]), float(row[y])))
        if lines:
            charts.append(_curve_chart(key, title, (x.replace("_", " "), y.replace("_", " ")), lines))
    return charts


def _curve_chart(
    key: str, title: str, labels: tuple[str, str], lines: dict[str, list[tuple[float, float]]]
) -> Chart:
    """Draw one curve a class: with many, those with the least area below them in colours."""
    areas = {name: _area(points) for name, points in lines.items()}
    lowest = sorted(lines, key=lambda name: areas[name])[:COLOURED]

    def plot(axes: Axes) -> None:
        if key == "roc":
            axes.plot([0, 1], [0, 1], color=MUTED, linestyle=":", linewidth=1)
        others = [name for name in lines if name not in lowest]
        for place, name in enumerate(others):
            axes.plot(
                *zip(*lines[name], strict=True), color=REST, linewidth=1.1, label=None if place else "others"
            )
        styles = zip(lowest, (SECOND, FIRST, THIRD), ("-", (0, (5, 2)), (0, (1.5, 1.5))), strict=False)
        for name, colour, dashes in styles:
            axes.plot(*zip(*lines[name], strict=True), color=colour, linestyle=dashes, label=shortened(name))
        axes.set(xlabel=labels[0], ylabel=labels[1], xlim=(-0.02, 1.02), ylim=(-0.02, 1.04))
        axes.legend(loc="lower right" if key == "roc" else "lower left")

    told = ", ".join(f"{name} {areas[name]:.4f}" for name in lowest)
    which = "Area below the curve" if len(lines) <= COLOURED else "The least areas below their curves"
    description = f"{title}, {labels[1]} over {labels[0]}, for {len(lines)} class(es). {which}: {told}"
    return Chart(title, draw(key, description, plot, SMALL), f"{which}: {told}.")


def _area(points: list[tuple[float, float]]) -> float:
    """Return the area below a curve, by trapezoids: to rank curves and to tell about a drawing."""
    return sum((right[0] - left[0]) * (left[1] + right[1]) / 2 for left, right in pairwise(points))


def shortened(name: str, most: int = 24) -> str:
    """Return a name that fits into a legend, which leaves out those with an underscore in front."""
    name = f" {name}" if name.startswith("_") else name
    return name if len(name) <= most else f"{name[: most - 1]}…"


def calibration(results: Results) -> list[Chart]:
    """Return how often rows predicted with a confidence are right."""
    bins = results.plots.get("calibration", [])
    if not bins:
        return []
    confidence = [float(row["confidence"]) for row in bins]
    accuracy = [float(row["accuracy"]) for row in bins]
    sizes = [int(row["rows"]) for row in bins]

    def plot(axes: Axes) -> None:
        axes.plot([0, 1], [0, 1], color=MUTED, linestyle=":", linewidth=1, label="as it should be")
        axes.plot(confidence, accuracy, color=FIRST, linewidth=1)
        area = [16 + 180 * size / max(sizes) for size in sizes]
        axes.scatter(
            confidence, accuracy, s=area, color=FIRST, alpha=0.8, linewidths=0, label="rows, by confidence"
        )
        axes.set(xlabel="probability of the predicted class", ylabel="share of rows right")
        axes.set(xlim=(-0.02, 1.05), ylim=(-0.04, 1.07))
        axes.legend(loc="lower right")

    largest = sizes.index(max(sizes))
    told = (
        f"{percent(sizes[largest] / sum(sizes))} % of the rows are predicted with "
        f"{percent(confidence[largest])} % on average, and {percent(accuracy[largest])} % of these are right"
    )
    description = f"Reliability diagram, {len(bins)} bins of confidence: {told}"
    caption = f"Larger points hold more rows; {told}."
    return [Chart("Calibration", draw("calibration", description, plot, SMALL), caption)]


def residuals(results: Results) -> list[Chart]:
    """Return actual against predicted values, and the errors' histogram."""
    return [
        *_against(results.plots.get("residuals", [])),
        *_histogram(results.plots.get("residual_histogram", [])),
    ]


def _against(rows: Rows) -> Iterator[Chart]:
    if not rows:
        return
    actual, predicted = ([float(row[name]) for row in rows[:MOST_POINTS]] for name in ("actual", "predicted"))
    low, high = min(*actual, *predicted), max(*actual, *predicted)

    def plot(axes: Axes) -> None:
        axes.plot([low, high], [low, high], color=MUTED, linestyle=":", linewidth=1, label="exactly right")
        axes.scatter(actual, predicted, s=14, color=FIRST, alpha=0.55, linewidths=0)
        axes.set(xlabel="actual", ylabel="predicted")
        axes.legend(loc="upper left")

    spread = f"actual values from {number(min(actual))} to {number(max(actual))}, predicted ones from "
    spread += f"{number(min(predicted))} to {number(max(predicted))}"
    description = f"Scatter plot of {len(actual)} test rows: {spread}"
    yield Chart(
        "Predicted and actual", draw("residuals", description, plot), f"{len(actual):,} test rows; {spread}."
    )


def _histogram(rows: Rows) -> Iterator[Chart]:
    if not rows:
        return
    edges = [float(row["low"]) for row in rows] + [float(rows[-1]["high"])]
    counts = [int(row["rows"]) for row in rows]

    def plot(axes: Axes) -> None:
        axes.stairs(counts, edges, fill=True, color=FIRST, alpha=0.85)
        axes.axvline(0, color=TEXT, linewidth=1)
        axes.set(xlabel="predicted less actual", ylabel="rows")
        axes.yaxis.set_major_locator(MaxNLocator(integer=True))
        axes.grid(axis="x", color=LINE, alpha=0)

    over, below = (sum(part) for part in (counts[len(counts) // 2 + 1 :], counts[: len(counts) // 2]))
    told = (
        f"{percent(over / sum(counts))} % of the rows are predicted too high and "
        f"{percent(below / sum(counts))} % too low; the middle bar is around 0"
    )
    description = f"Histogram of the errors of {sum(counts)} test rows: {told}"
    yield Chart("Errors", draw("errors", description, plot), f"{told}.")
