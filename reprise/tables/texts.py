"""Texts as weights of their words and of runs of their letters: TF-IDF.

scikit-learn's vectorisers cut a text into terms and count them. The rest is computed here, because the
logarithm and the sums of NumPy may differ in their last bit from one machine to the next: the logarithm is
that of decimal numbers, rounded once, and a row's squares are added one after the other.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from decimal import Context
from functools import lru_cache
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from reprise.prepared.schema import Floats, Texts
from reprise.settings.params import Section
from reprise.tables.types import Type

Unit = Literal["words", "letters"]
# How each unit is cut: words of letters, digits and _, also of one sign; runs of 2 to 4 signs within words,
# their ends counted as spaces.
_ANALYSERS: dict[Unit, dict[str, Any]] = {
    "words": {"analyzer": "word", "token_pattern": r"(?u)\b\w+\b"},
    "letters": {"analyzer": "char_wb", "ngram_range": (2, 4)},
}
FEWEST = 2  # train rows that hold a term; what stands in one row says nothing of others
_DECIMAL = Context(prec=40)


class Terms(Section):
    """The terms of one unit."""

    terms: Texts = Field(description="sorted by code points")
    weights: Floats = Field(description="of each: ln((1 + rows) / (1 + rows that hold it)) + 1")


class Text(Section):
    """A column of texts.

    A feature for each term: how often the text holds it, times its weight; those of a unit are divided by the
    square root of the sum of their squares. A missing text has zeros.
    """

    kind: Literal["text"]
    name: str
    words: Terms
    letters: Terms
    missing: bool

    @property
    def type(self) -> Type:
        return Type("text")

    @property
    def features(self) -> tuple[str, ...]:
        names = (
            *(f"{self.name} word {term!r}" for term in self.words.terms),
            *(f"{self.name} letters {term!r}" for term in self.letters.terms),
        )
        return (*names, f"{self.name} missing") if self.missing else names

    @property
    def statistics(self) -> list[tuple[float, float]]:
        return [(0.0, 1.0)] * len(self.features)

    def encode(self, values: NDArray[Any], out: NDArray[np.float32]) -> None:
        middle = len(self.words.terms)
        end = middle + len(self.letters.terms)
        _weigh(values, "words", self.words, out[:, :middle])
        _weigh(values, "letters", self.letters, out[:, middle:end])
        if self.missing:
            out[:, -1] = values == ""


def fit_text(name: str, texts: Iterable[str], most: int) -> Text:
    """Return the code of a column.

    Parameters
    ----------
    name : str
    texts : iterable of str
        Of the train rows; empty for missing.
    most : int
        Terms of each unit: those that most rows hold, of equal ones the first by code points.
    """
    cut: dict[Unit, Any] = {unit: _vectoriser(**how).build_analyzer() for unit, how in _ANALYSERS.items()}
    holding: dict[Unit, Counter[str]] = {unit: Counter() for unit in cut}
    rows = present = 0
    for text in texts:
        rows += 1
        if text:
            present += 1
            for unit, analyse in cut.items():
                holding[unit].update(set(analyse(text)))
    return Text(
        kind="text",
        name=name,
        words=_terms(holding["words"], present, most),
        letters=_terms(holding["letters"], present, most),
        missing=0 < present < rows,
    )


def _terms(holding: Counter[str], rows: int, most: int) -> Terms:
    ranked = sorted((-count, term) for term, count in holding.items() if count >= FEWEST)
    terms = sorted(term for _, term in ranked[:most])
    return Terms(terms=tuple(terms), weights=tuple(_weight(rows, holding[term]) for term in terms))


@lru_cache(maxsize=2**16)
def _weight(rows: int, holding: int) -> float:
    ratio = _DECIMAL.divide(_DECIMAL.create_decimal(1 + rows), _DECIMAL.create_decimal(1 + holding))
    return float(ratio.ln(_DECIMAL)) + 1.0


def _weigh(texts: NDArray[Any], unit: Unit, of: Terms, out: NDArray[np.float32]) -> None:
    out[:] = 0.0
    if not of.terms:
        return
    counts = _counter(unit, of.terms).transform(texts)  # a sparse matrix (rows, terms)
    counts.sort_indices()
    row = np.repeat(np.arange(len(texts)), np.diff(counts.indptr))
    values = counts.data * np.array(of.weights)[counts.indices]
    squares = np.bincount(row, weights=values * values, minlength=len(texts))  # adds in order
    out[row, counts.indices] = values / np.sqrt(squares)[row]


@lru_cache(maxsize=64)
def _counter(unit: Unit, terms: tuple[str, ...]) -> Any:
    return _vectoriser(**_ANALYSERS[unit], vocabulary={term: place for place, term in enumerate(terms)})


def _vectoriser(**how: Any) -> Any:
    from sklearn.feature_extraction.text import CountVectorizer  # only who has texts waits for it

    return CountVectorizer(**how)
