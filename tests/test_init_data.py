"""``reprise init-data`` for tables: what it writes, and that the pipeline takes it as it is."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from ruamel.yaml import YAML
from starting import flowers, init

from reprise.preparing.prepare import prepare
from reprise.settings.params_file import read_params


def test_a_table_with_names_text_and_missing_values(project, capsys):
    params = init(flowers(project / "data" / "raw" / "flowers.csv"))
    csv = params.prepare.csv
    assert (params.prepare.dataset, csv.path) == ("csv", "data/raw/flowers.csv")
    assert (csv.target, csv.task, csv.id, csv.drop) == ("species", "classification", "Id", ())
    assert (csv.types, csv.missing_target) == ({"note": "text"}, "refuse")
    assert (params.model.kind, params.train.folds) == ("tabm", 5)
    assert (params.train.schedule, params.train.keep) == ("cosine", "best")
    assert (params.train.batch_size, params.train.epochs) == (32, 100)
    told = capsys.readouterr().out.splitlines()
    assert told == [
        "data/raw/flowers.csv: 150 rows, 4 columns beside the target",
        "target: 'species' (by its name), 3 classes; if another is meant: --target COLUMN",
        "id: 'Id' has another value in each row",
        "texts: 'note': their words are learnt",
        "model: TabM, 8 small networks over the numbers' quantiles, a bag of 5 of them: "
        "fewer than 5,000 rows; a linear model counts as much as held-out rows say",
        "params.yaml: written (the old one: params.yaml.bak)",
        "next: dvc add data/raw/flowers.csv   # keeps this version of the data",
        "      dvc repro",
    ]
    schema = prepare(params.prepare, Path("data/prepared"), Path("data/raw"))
    assert schema.classes == ("setosa", "versicolor", "virginica")
    assert sum(schema.counts.values()) == 150


def test_the_written_file_explains_itself(project):
    init(flowers(project / "data" / "raw" / "flowers.csv"))
    text = Path("params.yaml").read_text()
    assert text.splitlines()[0] == "# yaml-language-server: $schema=params.schema.json"
    assert text.count("  # ") >= 8
    assert set(YAML(typ="safe", pure=True).load(text)) == {"prepare", "model", "train", "evaluate"}


@pytest.mark.parametrize(
    ("header", "target", "expected"),
    [
        ("Id,length,colour,note,kind", None, ("kind", "the last column")),
        ("Id,Y,colour,note,kind", None, ("Y", "by its name")),
        ("정답,length,colour,note,kind", None, ("정답", "by its name")),
        ("Id,length,colour,note,kind", "colour", ("colour", "as you said")),
        (None, None, ("column_5", "the last column")),
    ],
)
def test_the_target_is_guessed_or_said(header, target, expected, project):
    path = flowers(project / "data" / "raw" / "t.csv", header=header)
    if expected[0] == "colour":
        path.write_text(path.read_text().replace(",,", ",green,"))
    params = init(path, *([] if target is None else ["--target", target]))
    assert params.prepare.csv.target == expected[0]
    assert f"  # {expected[1]}: " in Path("params.yaml").read_text()
    prepare(params.prepare, Path("data/prepared"), Path("data/raw"))


def test_a_regression_is_scaled_and_judged_as_one(project):
    generator = np.random.default_rng(3)
    rows = [f"{a:.2f};{b:.2f};{100000 + 5000 * a + 300 * b:.2f}" for a, b in generator.normal(size=(300, 2))]
    path = project / "data" / "raw" / "houses.csv"
    path.write_text("\n".join(["size;age;price", *rows]).replace(".", ","))
    params = init(path)
    assert (params.prepare.csv.task, params.prepare.scale_target) == ("regression", True)
    assert params.prepare.csv.id is None
    assert "rmse" in Path("params.yaml").read_text()
    assert "class_weights" not in Path("params.yaml").read_text()
    assert prepare(params.prepare, Path("data/prepared"), Path("data/raw")).task == "regression"


def test_dates_that_can_be_read_two_ways_are_said(project):
    lines = [f"0{1 + row % 9}/0{1 + row % 8}/2024,{row % 7},{'ab'[row % 2]}" for row in range(90)]
    path = project / "data" / "raw" / "t.csv"
    path.write_text("\n".join(["when,x,label", *lines]))
    params = init(path)
    assert params.prepare.csv.day_first == "yes"
    assert "check this" in Path("params.yaml").read_text()
    prepare(params.prepare, Path("data/prepared"), Path("data/raw"))


def test_a_split_by_time_is_offered_where_there_are_dates(project, capsys):
    days = [f"2023-{1 + n // 28 % 12:02}-{1 + n % 28:02}" for n in range(200)]
    path = project / "data" / "raw" / "t.csv"
    path.write_text(
        "\n".join(["when,x,label", *(f"{day},{n % 7},{'ab'[n % 2]}" for n, day in enumerate(days))])
    )
    params = init(path)
    assert params.prepare.split.method == "stratified"
    assert "note: 'when' holds dates" in capsys.readouterr().out
    text = Path("params.yaml").read_text()
    # The offer is taken by moving the comment signs.
    text = text.replace("    method: strat", "    # method: strat")
    text = text.replace("# method: time", "method: time").replace('# by: "when"', 'by: "when"')
    Path("params.yaml").write_text(text)
    params = read_params(Path("params.yaml"))
    assert (params.prepare.split.method, params.prepare.split.by) == ("time", "when")
    schema = prepare(params.prepare, Path("data/prepared"), Path("data/raw"))
    assert schema.counts["test"] == 40


@pytest.mark.parametrize("rows", [6, 12, 60, 1200, 12_000])
def test_settings_fit_the_number_of_rows(rows, project):
    params = init(flowers(project / "data" / "raw" / "t.csv", rows=rows))
    if rows < 12:
        assert (params.model.kind, params.train.optimizer) == ("linear", "exact")
        assert (params.train.weight_decay, params.prepare.split.val) == ("auto", 0)
    elif rows < 100:
        assert (params.model.kind, params.train.folds, params.train.blend) == ("tabm", 5, "average")
        assert params.prepare.split.val == 0
    else:
        assert params.train.batch_size <= max(16, rows // 20)
    schema = prepare(params.prepare, Path("data/prepared"), Path("data/raw"))
    assert (schema.counts["val"] > 0) == (params.prepare.split.val > 0)
