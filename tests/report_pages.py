"""Reports of small pipelines, and their pages taken apart."""

from __future__ import annotations

from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
from trained import images, labels, table, write_model, write_prepared

from reprise import cli
from reprise.evaluation.evaluate import Places, evaluate
from reprise.foundation.files import write_text
from reprise.settings.params import Bar, Evaluate

PLACES = Places(Path("data/prepared"), Path("models"), Path("metrics"))
# Whatever HTML, a legend or a formula would take amiss.
NAMES = ("<b>bold</b>", "$5$", "_under", "한글 & more")
HISTORY = "epoch,lr,train_loss,train_accuracy,val_loss,val_accuracy\n1,0.1,2.5,0.25,,\n2,0.1,1.5,0.5,,\n"
VOID = {"meta", "link", "img", "br"}


def judge(workers: int = 1, bar: Bar | None = None) -> None:
    """Judge the model in the working folder."""
    evaluate(Evaluate(baselines="portable", bar=bar), PLACES, "cpu", workers)


def make(kind: str) -> None:
    """Make a pipeline in the working folder: `pictures`, `classes` or `values`."""
    rows = 160
    x = images(rows, (1, 6, 6)) if kind == "pictures" else table(rows)
    classes = () if kind == "values" else NAMES
    y = x[:, 0] * 3 + x[:, 1] if kind == "values" else labels(rows, 3)  # of the last class there is no row
    schema = write_prepared(PLACES.prepared, x, np.asarray(y), classes=classes, test=60)
    write_model(PLACES.model, schema)
    write_text(Path("params.yaml"), "prepare: {}\nmodel: {}\ntrain: {}\nevaluate:\n  baselines: portable\n")
    write_text(PLACES.metrics / "history.csv", HISTORY)
    judge()


def report(*words: str) -> str:
    """Make the report and return the page."""
    cli.run(["report", *words])
    return Path("report.html").read_text(encoding="utf-8")


@dataclass
class Element:
    """An element of a page: its name, attributes, children and text."""

    name: str
    attributes: dict[str, str]
    children: list[Element] = field(default_factory=list)
    text: str = ""

    def all(self, *names: str) -> list[Element]:
        """Return the elements of these names below, in the page's order; of all names when none is given."""
        found = []
        for child in self.children:
            found += [child] if child.name in names or not names else []
            found += child.all(*names)
        return found

    @property
    def whole(self) -> str:
        """The text of it and of what is in it; spaces are single."""
        return " ".join(" ".join([self.text, *(child.whole for child in self.children)]).split())


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.open = [Element("page", {})]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        element = Element(tag, {name: value or "" for name, value in attrs})
        self.open[-1].children.append(element)
        if tag not in VOID:
            self.open.append(element)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.open[-1].children.append(Element(tag, {name: value or "" for name, value in attrs}))

    def handle_endtag(self, tag: str) -> None:
        assert self.open[-1].name == tag, f"</{tag}> closes <{self.open[-1].name}>"
        self.open.pop()

    def handle_data(self, data: str) -> None:
        self.open[-1].text += data


def parsed(page: str) -> Element:
    """Return a page as elements; what is opened must be closed, in order."""
    reader = _Reader()
    reader.feed(page)
    reader.close()
    assert len(reader.open) == 1, f"never closed: {[element.name for element in reader.open[1:]]}"
    return reader.open[0]
