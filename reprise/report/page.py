"""The page: templates filled with what the other modules found."""

from __future__ import annotations

from typing import Any

from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined

from reprise.model.card import PROMISE
from reprise.report import breakdown, charts, facts, headline, mistakes, origin
from reprise.report.results import Results
from reprise.report.wording import settings


def render(results: Results) -> str:
    """Return the page's HTML."""
    return templates().get_template("page.html").render(_context(results))


def templates(*packages: str) -> Environment:
    """Return the pages' templates, and before them those of other packages, which may include these."""
    return Environment(
        loader=ChoiceLoader([PackageLoader(package) for package in (*packages, "reprise.report")]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )


def _context(results: Results) -> dict[str, Any]:
    matrix = breakdown.confusion(results)
    important = breakdown.importance(results)
    revision = origin.commit()
    return {
        "title": facts.title(results),
        "sentence": headline.sentence(results),
        "verdicts": [found for found in (headline.verdict(results), headline.bar_met(results)) if found],
        "notes": results.details["notes"],
        "confidence": f"{100 * results.details['confidence']:.4g}",
        "figures": headline.figures(results),
        "headline_figures": len(results.metrics["test"].keys() & results.details["test"].keys()),
        "compared": headline.compared(results),
        "comparison": "accuracy" if results.card.classes else "RMSE, less is better",
        "trees": results.trees,
        "facts": list(facts.facts(results)),
        "learning": charts.learning(results),
        "confusion": matrix,
        "confusion_told": breakdown.told_pairs(matrix) if matrix else "",
        "classes": breakdown.classes(results),
        "class_count": len(results.card.classes),
        "curves": [*charts.curves(results), *charts.calibration(results), *charts.residuals(results)],
        "importance": important,
        "importance_told": breakdown.importance_told(results) if important else "",
        "mistakes": mistakes.worst(results),
        "checks": results.checks,
        "no_prepared": results.no_prepared,
        "parameters": parameters(results),
        "params_changed": params_changed(results),
        "params_file": results.places.params.as_posix(),
        "revision": revision,
        "promise": PROMISE[results.card.arithmetic],
        "commands": origin.commands(results, revision),
        "hashes": origin.hashes(results),
        "lock": results.places.lock.as_posix(),
        "locked": origin.locked(results),
        "environment": list(origin.environment()),
    }


def parameters(results: Results) -> list[tuple[str, list[tuple[str, str]]]]:
    """Return the parameters by section; model and train as the model was made with them."""
    card = results.card.to_json()
    prepare = results.params.prepare.model_dump(mode="json")
    chosen = {"csv", "images", "own"} - {results.params.prepare.dataset}
    sections = {
        "prepare": {name: value for name, value in prepare.items() if name not in chosen},
        "model": card["model"],
        "train": card["train"],
        "evaluate": results.params.evaluate.model_dump(mode="json"),
    }
    return [(name, settings(values)) for name, values in sections.items()]


def params_changed(results: Results) -> bool:
    """Tell whether the params file asks for another model or training than this model had."""
    card, params = results.card, results.params
    wanted = card.model_copy(update={"model": params.model, "train": params.train}).to_json()
    return wanted != card.to_json() or params.prepare.dataset != card.data.dataset
