"""The report: what the page says, that everybody can read it, and that its bytes are the results' alone."""

from __future__ import annotations

import base64
import io
import json
import re
import shutil
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from project_copy import run as run_command
from report_pages import HISTORY, NAMES, PLACES, judge, make, parsed, report
from trained import write_model

from reprise import cli
from reprise.evaluation.judged import HEADLINE
from reprise.foundation.errors import UserError
from reprise.foundation.files import sha256_file, write_json, write_text
from reprise.prepared.shards import read_schema, read_split
from reprise.report.wording import FIRST, METRICS
from reprise.settings.params import Bar

KINDS = ("pictures", "classes", "values")


@pytest.fixture(autouse=True)
def _in_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("kind", KINDS)
def test_a_page_is_whole_named_and_asks_nobody(kind: str) -> None:
    make(kind)
    text = report()
    page = parsed(text)
    elements = page.all()
    for element in page.all("svg"):
        title = element.children[0]
        assert (title.name, element.attributes["role"]) == ("title", "img")
        assert len(title.text) > 30
        assert element.attributes["aria-labelledby"] == title.attributes["id"]
    assert all(element.attributes["alt"] for element in page.all("img"))
    assert all(
        element.attributes["aria-label"]
        for element in elements
        if "role" in element.attributes and element.name == "div"
    )
    levels = [int(element.name[1]) for element in page.all("h1", "h2", "h3")]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(level <= before + 1 for before, level in pairwise(levels))
    ids = [element.attributes["id"] for element in elements if "id" in element.attributes]
    assert len(ids) == len(set(ids))
    references = re.findall(r'(?:href="|url\()#([^")]+)', text)
    assert references
    assert set(references) <= set(ids)
    for element in elements:
        for name in ("src", "href"):
            assert element.attributes.get(name, "#").startswith(("#", "data:"))
    assert not re.search(r"https?:|@import|//", re.sub(r"base64,[^\"]*", "", text))
    assert not page.all("script", "iframe", "object")
    assert "default-src 'none'" in text
    assert str(Path.cwd()) not in text
    assert "#0102" not in text  # every placeholder of a colour was replaced


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_results_give_the_same_bytes(kind: str) -> None:
    make(kind)
    first = report()
    judge(workers=3)
    assert report() == first


def test_the_headline_has_the_figures_of_the_files() -> None:
    make("classes")
    details = json.loads(Path("metrics/details.json").read_text(encoding="utf-8"))
    page = parsed(report())
    interval = details["intervals"]["accuracy"]
    sentence = next(e for e in page.all("p") if e.attributes.get("class") == "sentence").whole
    assert sentence == (
        f"{100 * details['test']['accuracy']:.1f} % of 60 held-out rows right "
        f"({100 * interval['low']:.1f} to {100 * interval['high']:.1f}); logistic regression reaches "
        f"{100 * details['baselines'][1]['metrics']['accuracy']:.1f} %."
    )
    tiles = {div.all("dt")[0].whole: div.all("dd")[0].whole for div in page.all("dl")[0].all("div")}
    assert tiles["accuracy"] == f"{details['test']['accuracy']:.4f}"
    assert tiles["log loss"] == f"{details['test']['log_loss']:.4f}"
    assert "No test row is of class '한글 & more'" in page.whole
    assert "no test row: not judged" in page.whole


def test_every_headline_metric_has_its_words() -> None:
    assert {name for names in HEADLINE.values() for name in names} <= METRICS.keys()
    assert {task: names[0] for task, names in HEADLINE.items()} == FIRST


def test_the_confusion_matrix_counts_the_predictions() -> None:
    make("classes")
    rows = [
        line.split(",")
        for line in Path("metrics/predictions.csv").read_text(encoding="utf-8").splitlines()[1:]
    ]
    page = parsed(report())
    matrix = next(e for e in page.all("table") if e.attributes.get("class") == "matrix")
    shown = [[cell.whole for cell in row.all("td")] for row in matrix.all("tbody")[0].all("tr")]
    counted = [
        [sum(row[1:3] == [actual, predicted] for row in rows) for predicted in NAMES] for actual in NAMES
    ]
    assert shown == [[str(count or "·") for count in row] for row in counted]
    assert [head.whole for head in matrix.all("thead")[0].all("th")] == list(NAMES)


def test_pictures_of_mistakes_are_the_prepared_rows() -> None:
    make("pictures")
    rows = read_split(PLACES.prepared, read_schema(PLACES.prepared), "test")
    first = Path("metrics/mistakes.csv").read_text(encoding="utf-8").splitlines()[1].split(",")
    picture = parsed(report()).all("img")[0]
    assert picture.attributes["alt"].startswith(f"The picture row {first[0]}: ")
    data = base64.b64decode(picture.attributes["src"].removeprefix("data:image/png;base64,"))
    expected = rows.x[rows.ids == int(first[0])][0, 0].astype(int) * 255 // rows.x.max()
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(data))), expected)


def test_hashes_and_parameters_are_those_of_the_files() -> None:
    make("values")
    text = report()
    for path in (
        "models/model.safetensors",
        "models/model.json",
        "metrics/metrics.json",
        "params.yaml",
        "data/prepared/schema.json",
    ):
        assert sha256_file(Path(path)) in text
    assert set(read_schema(PLACES.prepared).files.values()) <= set(re.findall("[0-9a-f]{64}", text))
    assert "has changed since this model was trained" in text  # its model is no plain default
    assert "Off by " in text


def test_without_prepared_data_rows_are_named_and_not_shown() -> None:
    make("pictures")
    shutil.rmtree(PLACES.prepared)
    page = parsed(report())
    assert not page.all("img")
    assert (
        "There is no prepared data in data/prepared, so rows are named and not shown; dvc repro makes it."
        in page.whole
    )
    assert (
        "There is no prepared data in data/prepared, so there is nothing to say about the data." in page.whole
    )


def test_other_prepared_data_is_not_shown_as_the_models() -> None:
    make("pictures")
    schema = json.loads(Path("data/prepared/schema.json").read_text(encoding="utf-8"))
    schema["files"]["test-00000.safetensors"] = "0" * 64
    write_json(Path("data/prepared/schema.json"), schema)
    page = parsed(report())
    assert not page.all("img")
    assert "data/prepared is not the data that the model was trained on" in page.whole


def test_without_history_and_plots_there_are_no_charts() -> None:
    make("classes")
    Path("metrics/history.csv").unlink()
    shutil.rmtree("metrics/plots")
    assert not parsed(report()).all("svg")


def test_learning_curves_are_told_for_those_who_do_not_see_them() -> None:
    make("classes")
    titles = [svg.children[0].text for svg in parsed(report()).all("svg")]
    assert titles[0] == "Line chart of the loss over 2 epochs: training rows from 2.5000 to 1.5000"
    assert HISTORY.count("\n") == 3


def test_the_bar_and_a_model_that_learnt_nothing_are_said_at_the_top() -> None:
    make("classes")
    judge(bar=Bar(metric="accuracy", at_least=0.99))
    header = parsed(report()).all("header")[0].whole
    assert "Bar missed: accuracy" in header
    details = json.loads(Path("metrics/details.json").read_text(encoding="utf-8"))
    assert details["test"]["accuracy"] <= details["baselines"][0]["metrics"]["accuracy"]  # it is untrained
    assert "No better than the majority class for every row: it has learnt nothing." in header


def test_what_is_missing_is_told_in_one_line() -> None:
    write_text(Path("params.yaml"), "prepare: {}\nmodel: {}\ntrain: {}\n")
    with pytest.raises(
        UserError,
        match=r"^metrics/metrics\.json: no such file, so there is nothing to report; run dvc repro$",
    ):
        report()
    make("values")
    Path("models/model.json").unlink()
    with pytest.raises(
        UserError, match=r"^models/model\.json: no such file, so there is nothing to report; run dvc repro$"
    ):
        report()
    assert not Path("report.html").exists()


def test_metrics_of_another_model_are_refused() -> None:
    make("values")
    details = Path("metrics/details.json").read_bytes()
    make("classes")
    Path("metrics/details.json").write_bytes(details)
    with pytest.raises(
        UserError, match=r"details\.json: is of another evaluation than metrics\.json beside it"
    ):
        report()
    make("values")
    kept = {name: Path(f"metrics/{name}.json").read_bytes() for name in ("metrics", "details")}
    make("classes")
    for name, data in kept.items():
        Path(f"metrics/{name}.json").write_bytes(data)
    with pytest.raises(
        UserError, match=r"details.json: is about another model than models/model.json \(task differs\)"
    ):
        report()


def test_a_file_that_is_no_evaluation_is_refused() -> None:
    make("values")
    details = json.loads(Path("metrics/details.json").read_text(encoding="utf-8"))
    del details["intervals"]
    write_json(Path("metrics/details.json"), details)
    with pytest.raises(
        UserError, match=r"^metrics/details\.json: is not what the evaluate stage writes; run dvc repro$"
    ):
        report()


def test_trees_of_other_rows_are_left_out() -> None:
    make("values")
    baseline = json.loads(Path("metrics/details.json").read_text(encoding="utf-8"))["baselines"][0]
    trees = {**baseline, "key": "boosting", "name": "boosted trees", "library": "scikit-learn 1"}
    write_json(Path("metrics/trees.json"), trees)
    assert "boosted trees" in report()
    write_json(Path("metrics/trees.json"), {**trees, "rows": trees["rows"] + 1})
    assert "boosted trees" not in report()


def test_the_lock_tells_a_model_that_was_trained_again() -> None:
    make("classes")
    md5 = {
        path: run_command(f"md5sum {path}", Path()).split()[0]
        for path in ("models/model.json", "metrics/metrics.json")
    }
    lock = "stages:\n  prepare:\n    outs: []\n  train:\n    outs: []\n  evaluate:\n"
    lock += f"    deps:\n    - path: models/model.json\n      md5: {md5['models/model.json']}\n"
    lock += f"    outs:\n    - path: metrics/metrics.json\n      md5: {md5['metrics/metrics.json']}\n"
    write_text(Path("dvc.lock"), lock)
    assert "the same here" in report()
    write_model(PLACES.model, read_schema(PLACES.prepared), seed=2)
    with pytest.raises(
        UserError, match=r"was computed for another models/model\.json than is here \(dvc\.lock tells\)"
    ):
        report()


def test_a_recipe_has_its_own_places_and_unknown_ones_are_refused() -> None:
    make("classes")
    write_text(Path("recipes/leaves.yaml"), Path("params.yaml").read_text())
    for name in ("models", "metrics"):
        (Path("recipes") / name).mkdir()
        Path(name).rename(Path("recipes") / name / "leaves")
    text = report("--recipe", "leaves")
    assert "cd recipes &amp;&amp; dvc repro evaluate@leaves" in text
    with pytest.raises(UserError, match=r"^--recipe: no recipe 'leafs'; did you mean leaves\?$"):
        report("--recipe", "leafs")


def test_the_output_can_be_named_but_is_no_folder(capsys: pytest.CaptureFixture[str]) -> None:
    make("values")
    cli.run(["report", "--output", "pages/one.html"])
    assert re.match(r"pages/one\.html: \d+ KB", capsys.readouterr().out.splitlines()[-1])
    with pytest.raises(
        UserError, match=r"^--output: pages is a folder; name a file, such as pages/report\.html$"
    ):
        cli.run(["report", "--output", "pages"])
    with pytest.raises(FileExistsError, match=r"pages/one\.html"):  # told where the command ends
        cli.run(["report", "--output", "pages/one.html/page"])


def test_the_commit_is_named_when_it_holds_everything() -> None:
    make("values")
    assert "No commit holds exactly these files" in report()
    write_text(Path(".gitignore"), "/report.html\n")
    for words in (
        "init -q",
        "config user.name T",
        "config user.email t@example.org",
        "add -A",
        "commit -qm made",
    ):
        run_command(f"git {words}", Path())
    commit = run_command("git rev-parse HEAD", Path()).strip()
    assert f"git checkout {commit}" in report()
    write_text(Path("own/model.py"), "x = 1\n")
    assert commit not in report()
