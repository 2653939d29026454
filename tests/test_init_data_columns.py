"""``reprise init-data``: what it finds in the columns of a table, and says."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from starting import OLD, flowers, init, refused

from reprise.foundation.errors import UserError
from reprise.preparing.prepare import prepare
from reprise.settings.params_file import read_params


def test_texts_and_codes_that_hardly_repeat_are_told_apart(project, capsys):
    rows = [f"T-{n * 7},it came {n % 9} days late {n},{n % 5},{'ab'[n % 2]}" for n in range(60)]
    (project / "data" / "raw" / "t.csv").write_text("\n".join(["code,note,x,y", *rows]))
    params = init("data/raw/t.csv")
    assert params.prepare.csv.types == {"note": "text", "code": "presence"}
    told = capsys.readouterr().out
    assert "texts: 'note': their words are learnt" in told
    assert "left out: 'code' (text that almost never repeats: only whether it is empty is learnt)" in told
    schema = prepare(params.prepare, Path("data/prepared"), Path("data/raw"))
    assert "note word 'late'" in schema.columns


def test_a_table_with_nothing_to_learn_from_is_refused(project):
    rows = [f"{n},T-{n * 7},{n},{'ab'[n % 2]}" for n in range(60)]
    (project / "data" / "raw" / "t.csv").write_text("\n".join(["id,code,n,y", *rows]))
    with pytest.raises(
        UserError, match=r"nothing to learn 'y' from: 'id' \(another value in each row\), "
    ) as caught:
        init("data/raw/t.csv")
    assert "'n' (only counts the rows), 'code' (text of few words that almost" in str(caught.value)
    assert Path("params.yaml").read_text() == OLD


def two_kinds(path, rare, rows=400):
    generator = np.random.default_rng(5)
    lines = [f"{x:.3f},{'yes' if n < rare else 'no'}" for n, x in enumerate(generator.normal(size=rows))]
    path.write_text("\n".join(["x,answer", *lines]))
    return path


def test_a_rare_class_is_told_and_weights_are_offered(project, capsys):
    params = init(two_kinds(project / "data" / "raw" / "t.csv", 30))
    assert (params.train.class_weights, params.train.threshold) == ("none", 0.5)
    told = "class 'yes' has 30 of 400 rows"
    assert f"note: {told}: accuracy says little" in capsys.readouterr().out
    text = Path("params.yaml").read_text()
    assert f"  class_weights: none  # {told}; balanced (with blend: none): more of a rare" in text
    assert (
        "  threshold: 0.5  # the probability from which 'yes' is predicted; best_f1 (with folds: 1): chosen"
        in text
    )
    assert "{metric: macro_f1, " in text
    # Both offers can be taken.
    text = text.replace("class_weights: none", "class_weights: balanced").replace("d: 0.5", "d: best_f1")
    text = text.replace("folds: 5", "folds: 1").replace("blend: auto", "blend: none")
    Path("params.yaml").write_text(text)
    train = read_params(Path("params.yaml")).train
    assert (train.class_weights, train.threshold) == ("balanced", "best_f1")
    # The boundary is that of the check, which the prepare stage makes.
    for rare, shown in ((36, True), (37, False)):
        init(two_kinds(project / "data" / "raw" / "t.csv", rare))
        assert ("of 400 rows:" in capsys.readouterr().out) == shown


def test_rows_without_a_target_are_told(project, capsys):
    path = flowers(project / "data" / "raw" / "t.csv")
    path.write_text(path.read_text().replace("setosa\n", "\n", 4))
    params = init(path)
    assert params.prepare.csv.missing_target == "drop"
    assert "missing_target: drop  # 4 row(s) have no 'species'" in Path("params.yaml").read_text()
    assert "note: 4 row(s) have no 'species'; they are left out" in capsys.readouterr().out
    schema = prepare(params.prepare, Path("data/prepared"), Path("data/raw"))
    assert sum(schema.counts.values()) == 146


def test_columns_that_name_or_count_the_rows_are_told(project, capsys):
    generator = np.random.default_rng(4)
    rows = [f"{n},u{n:04},{n + 1},{x:.3f},{'ab'[n % 2]}" for n, x in enumerate(generator.normal(size=60))]
    path = project / "data" / "raw" / "t.csv"
    path.write_text("\n".join([",user id,place,x,label", *rows]))
    csv = init(path).prepare.csv
    assert (csv.id, csv.drop, csv.types) == ("user id", (), {})
    assert "left out: 'column_1', 'place' (only counts the rows)" in capsys.readouterr().out
    path.write_text("\n".join([",user id,row no,x,label", *rows]))
    csv = init(path).prepare.csv
    assert (csv.id, csv.drop) == ("user id", ("row no",))
    path.write_text(path.read_text().replace(",user id", "Unnamed: 0,user id", 1))
    assert init(path).prepare.csv.id == "user id"
    told = capsys.readouterr().out
    assert "left out: 'Unnamed: 0' (only counts the rows)" in told
    assert "left out: 'row no' (another value in each row, too)" in told
    assert "left out: 'column_1' (only counts the rows)" in told


@pytest.mark.parametrize(
    ("name", "value", "likely"),
    [
        ("price", "${:,}.50", "numbers written as text, such as '$1,000.50'"),
        ("weight", "{} kg", "numbers written as text, such as '1000 kg'"),
        ("price", "USD {:,}", "numbers written as text"),
        ("size", "{}㎡", "numbers written as text"),
        ("user_id", "u{}", "is it an id"),
        ("who", "u{}", "every row has another one, such as 'u1000': is it an id or a name?"),
        ("review", "I liked it {} times", "a free text, such as 'I liked it 1000 times'"),
        ("joined", "{}-02-03", "these are dates"),
    ],
)
def test_a_target_with_a_class_for_each_row_is_refused_with_the_likely_mistake(name, value, likely, project):
    values = [value.format(1000 + 7 * n) for n in range(60)]
    path = project / "data" / "raw" / "t.csv"
    path.write_text("\n".join([f"x;{name}", *(f"{n % 7};{text}" for n, text in enumerate(values))]))
    message = refused(project, path)
    assert f"column {name!r}: 60 classes in 60 rows" in message
    assert likely in message
    assert "name another with --target: x" in message


def test_a_target_with_many_but_repeating_classes_is_taken(project):
    path = project / "data" / "raw" / "t.csv"
    path.write_text("\n".join(["x,city", *(f"{n % 7},city {n % 30}" for n in range(60))]))
    assert init(path).prepare.csv.task == "classification"
