"""All that an evaluation found out, and how it is told in a few lines."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from reprise.evaluation.advice import advice
from reprise.evaluation.bar import BarVerdict
from reprise.evaluation.baselines import Baseline
from reprise.evaluation.intervals import Interval
from reprise.evaluation.judged import HEADLINE
from reprise.evaluation.metrics import Metrics, Report
from reprise.evaluation.mistakes import Mistakes
from reprise.evaluation.tables import Table
from reprise.prepared.schema import Schema


@dataclass(frozen=True)
class Verdict:
    """All that an evaluation found out.

    Attributes
    ----------
    test : dict
        Every metric of the test rows by name (see `reprise.evaluation.judged`).
    own : tuple of str
        Which of them own/metrics.py made.
    intervals : dict
        Intervals, by metric.
    classes : Report
        Precision, recall, f1 and support by class; empty for a regression.
    predictions : Table
        One row per test row.
    mistakes : Mistakes
        The worst of them.
    plots : dict
        What `dvc plots` draws, by file name (see `reprise.evaluation.plots`).
    baselines : tuple of Baseline
        From our own arithmetic.
    trees : Baseline or None
        From scikit-learn's.
    notes : tuple of str
        Where a metric means little.
    threshold : float or None
        The probability from which the second of two classes was predicted; None: the most probable class was.
    half_width : float or None
        Of a regression's prediction intervals.
    bar : BarVerdict or None
        Whether `evaluate.bar` is met.
    """

    test: Metrics
    own: tuple[str, ...]
    intervals: dict[str, Interval]
    classes: Report
    predictions: Table
    mistakes: Mistakes
    plots: dict[str, Table]
    baselines: tuple[Baseline, ...] = ()
    trees: Baseline | None = None
    notes: tuple[str, ...] = ()
    threshold: float | None = None
    half_width: float | None = None
    bar: BarVerdict | None = None


def kind_of_rows(schema: Schema) -> str:
    """Return whether the test rows are new to the model, in words."""
    return "the training rows" if schema.test_is_train else "held out"


def summary(verdict: Verdict, confidence: float, schema: Schema) -> str:
    """Return the figures, what simpler models reach and the worst mistake as lines for a person."""
    count = schema.counts["test"]
    lines = [f"{schema.dataset}: {count:,} test rows ({kind_of_rows(schema)})"]
    lines += _figures(verdict, confidence, schema)
    lines += _beside_others(verdict, schema)
    if verdict.threshold is not None:
        lines.append(f"class {schema.classes[1]!r} is predicted from probability {verdict.threshold:.9g} on")
    lines.append(verdict.mistakes.told)
    if verdict.half_width is not None:
        lines.append(
            f"{100 * confidence:.4g} % of new rows should lie within {verdict.half_width:.6g} of their "
            f"prediction; of these {100 * verdict.test['interval_coverage']:.1f} % do"
        )
    if verdict.bar is not None:
        lines.append(f"bar {'met' if verdict.bar.met else 'MISSED'}: {verdict.bar.told}")
    notes = [*verdict.notes, *advice(schema)]
    return "\n".join([*lines, *(f"note: {note}" for note in notes)])


def _figures(verdict: Verdict, confidence: float, schema: Schema) -> Iterator[str]:
    names = [name for name in (*HEADLINE[schema.task], "f1", *verdict.own) if name in verdict.test]
    width = max(map(len, names))
    for name in names:
        interval = verdict.intervals.get(name)
        ends = f"  ({interval.low:.4f} to {interval.high:.4f})" if interval else ""
        first = f", {100 * confidence:.4g} % interval" if interval and name == names[0] else ""
        yield f"  {name:{width}}  {verdict.test[name]:.4f}{ends}{first}"


def _beside_others(verdict: Verdict, schema: Schema) -> Iterator[str]:
    """Yield a line a model, the best first, and one that says who is better than this one."""
    others = [*verdict.baselines, *([verdict.trees] if verdict.trees else [])]
    if not others:
        return
    metric = HEADLINE[schema.task][0]
    sign = -1.0 if schema.task == "classification" else 1.0
    reached = {other.told(): other.metrics[metric] for other in others}
    reached["this model"] = here = verdict.test[metric]
    width = max(map(len, reached))
    yield f"{metric} beside simpler models:"
    for name, value in sorted(reached.items(), key=lambda pair: (sign * pair[1], pair[0] != "this model")):
        yield f"  {name:{width}}  {value:.4f}"
    trivial = verdict.baselines[0]
    if sign * trivial.metrics[metric] <= sign * here:
        yield f"note: this model is no better than the {trivial.name} for every row: it has learnt nothing"
        return
    for other in others:
        if sign * other.metrics[metric] < sign * here:
            interval = verdict.intervals.get(metric)
            chance = interval is not None and other.metrics[metric] in interval
            yield f"note: {other.name} does better{', within the interval' if chance else ' than this model'}"
