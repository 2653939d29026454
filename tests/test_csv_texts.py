"""Columns of texts: TF-IDF as scikit-learn computes it, in an order and with bits that are defined."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from csv_tables import Prepared, files, new_rows, prepare_table
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.feature_extraction.text import TfidfVectorizer

from reprise.settings.params import Split
from reprise.tables.spill import Spill
from reprise.tables.texts import Text, fit_text

ANALYSERS = {
    "words": {"token_pattern": r"(?u)\b\w+\b"},
    "letters": {"analyzer": "char_wb", "ngram_range": (2, 4)},
}
WORDS = [
    "good",
    "bad",
    "cheap",
    "dear",
    "late",
    "soon",
    "never",
    "broke",
    "배송",
    "빠르다",
    "éclair",
    "a",
    "I",
]


def reviews(rows: int, seed: int = 4) -> list[str]:
    random = np.random.default_rng(seed)
    return [" ".join(random.choice(WORDS, random.integers(1, 9))).capitalize() for _ in range(rows)]


def table(texts: list[str]) -> str:
    lines = (f'{-n},"{text}",{"ab"[n % 2]}' for n, text in enumerate(texts))
    return "\n".join(["x,note,y", *lines]) + "\n"


def note_of(prepared: Prepared) -> Text:
    code = prepared.encoder.columns[1]
    assert isinstance(code, Text)
    return code


@pytest.mark.parametrize("most", [5, 200])
def test_features_are_those_of_scikit_learn(tmp_path: Path, most: int) -> None:
    texts = reviews(150)
    texts[7] = texts[8] = ""
    prepared = prepare_table(tmp_path, table(texts), types={"note": "text"}, text_terms=most)
    code = note_of(prepared)
    train = [texts[number] for number in prepared.train.ids if texts[number]]
    start = 1  # x
    for unit, how in ANALYSERS.items():
        terms = getattr(code, unit)
        assert 0 < len(terms.terms) <= most
        oracle = TfidfVectorizer(vocabulary=list(terms.terms), **how).fit(train)
        assert np.allclose(terms.weights, oracle.idf_, rtol=1e-14)
        width = len(terms.terms)
        for part in (prepared.train, prepared.test):
            expected = oracle.transform([texts[number] for number in part.ids]).toarray()
            assert np.allclose(part.x[:, start : start + width], expected, atol=1e-6)
        start += width
    assert prepared.schema.columns[start:] == (("note missing",) if code.missing else ())
    assert len(prepared.schema.columns) == prepared.train.x.shape[1] == start + code.missing


TEXTS = st.lists(st.text("ab Ab한é.", max_size=12), min_size=1, max_size=12)


@settings(max_examples=100, deadline=None)
@given(TEXTS, st.integers(1, 6), st.randoms(use_true_random=False))
def test_the_terms_are_those_that_most_rows_hold_and_ties_are_broken_by_code_points(
    texts, most, random
) -> None:
    code = fit_text("t", texts, most)
    for unit, how in ANALYSERS.items():
        cut = TfidfVectorizer(**how).build_analyzer()
        holding: dict[str, int] = {}
        for text in texts:
            for term in set(cut(text)):
                holding[term] = holding.get(term, 0) + 1
        ranked = sorted((term for term in holding if holding[term] > 1), key=lambda t: (-holding[t], t))
        assert getattr(code, unit).terms == tuple(sorted(ranked[:most]))
    random.shuffle(texts)
    assert fit_text("t", texts, most) == code


def test_only_train_rows_are_learnt_from_and_new_texts_are_read_the_same(tmp_path: Path) -> None:
    texts = reviews(100)
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
    first = prepare_table(tmp_path / "one", table(texts), types={"note": "text"})
    changed = list(texts)
    for number in first.test.ids:
        changed[number] = "something else entirely, twice else"
    second = prepare_table(tmp_path / "two", table(changed), types={"note": "text"})
    assert first.encoder == second.encoder
    assert np.array_equal(first.train.x, second.train.x)
    rows = first.test.ids[:5]
    text = "note,x\n" + "".join(f'"{texts[number]}",{-number}\n' for number in rows)
    features, _, problems, _ = new_rows(text, first.encoder)
    assert not problems
    assert np.array_equal(features, first.test.x[:5])


def test_the_same_bytes_whatever_is_read_at_a_time_and_whatever_the_hash_seed(tmp_path: Path) -> None:
    content = table(reviews(60))
    code = (
        "import sys; from pathlib import Path; from csv_tables import prepare_table; "
        "prepare_table(Path(sys.argv[1]), Path(sys.argv[2]).read_text(), types={'note': 'text'})"
    )
    (tmp_path / "in.csv").write_text(content)
    for name, size in (("whole", 2**20), ("parts", 7)):
        (tmp_path / name).mkdir()
        prepare_table(tmp_path / name, content, types={"note": "text"}, block_bytes=size)
    (tmp_path / "seed").mkdir()
    words = [sys.executable, "-c", code, str(tmp_path / "seed"), str(tmp_path / "in.csv")]
    subprocess.run(words, cwd=Path(__file__).parent, env={"PYTHONHASHSEED": "7"}, check=True)
    found = [files(tmp_path / name / "prepared") for name in ("whole", "parts", "seed")]
    assert found[0] == found[1] == found[2]


def test_texts_without_a_common_term(tmp_path: Path) -> None:
    texts = [chr(0x4E00 + n) for n in range(40)]
    prepared = prepare_table(tmp_path, table(texts), types={"note": "text"}, split=Split(val=0.0))
    assert prepared.schema.columns == ("x",)
    features, _, _, notes = new_rows("x\n1\n", prepared.encoder)
    assert (features.shape, notes) == ((1, 1), [])


def test_the_weights_are_logarithms_rounded_once() -> None:
    code = fit_text("t", ["a b", "a", "a", "b", "c", "c", "d"], 10)
    # ln(8/4) + 1, ln(8/3) + 1: the logarithms to 40 digits by another program.
    exact = {"a": 0.6931471805599453, "b": 0.9808292530117262, "c": 0.9808292530117262}
    assert dict(zip(code.words.terms, code.words.weights, strict=True)) == {
        term: value + 1.0 for term, value in exact.items()
    }


@given(st.lists(st.lists(st.text(max_size=5), max_size=5), max_size=4))
def test_texts_come_back_from_the_disk(tmp_path_factory, blocks) -> None:
    spill = Spill(tmp_path_factory.mktemp("spill"), [np.float64, np.object_, np.int64, np.object_])
    for texts in blocks:
        numbers = np.arange(len(texts))
        column = np.array([*texts, ""], np.object_)[:-1]
        spill.add([numbers, column, numbers, column[::-1]])
    for number, step in ((1, 1), (3, -1)):
        assert [part.tolist() for part in spill.texts(number)] == [texts[::step] for texts in blocks]
    assert [part[3].tolist() for part in spill.blocks()] == [texts[::-1] for texts in blocks]
    hashes = spill.column(1)
    assert [value == 0 for value in hashes] == [text == "" for texts in blocks for text in texts]
    spill.close()
