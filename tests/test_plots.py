"""The plots of real pipelines: what is written, what dvc draws, and that it draws without a network."""

from __future__ import annotations

import csv
import json
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from project_copy import copy_project, run
from ruamel.yaml import YAML
from trained import LEAVES, labels, table, write_model, write_prepared

from reprise.evaluation.evaluate import Places, evaluate
from reprise.project.plots_page import write_page
from reprise.settings.params import Evaluate

ROOT = Path(__file__).parents[1]
FILES = {
    "roc", "precision_recall", "calibration", "confusion", "classes", "residuals", "residual_histogram",
    "importance",
}  # fmt: skip
OF_CLASSES = {"roc", "precision_recall", "calibration", "confusion", "classes"}
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


def judged(folder: Path, classes: tuple[str, ...] = ()) -> dict[str, list[dict[str, str]]]:
    """Evaluate an untrained model and return its tables by name."""
    places = Places(folder / "prepared", folder / "models", folder / "metrics")
    y = labels(250, max(2, len(classes))) if classes else table(250, 1, seed=3)[:, 0]
    schema = write_prepared(places.prepared, table(250), y, classes=classes, test=100)
    write_model(places.model, schema)
    evaluate(Evaluate(), places, "cpu", 2)
    tables = {}
    for path in (places.metrics / "plots").iterdir():
        with path.open(encoding="utf-8", newline="") as stream:
            tables[path.stem] = list(csv.DictReader(stream))
    return tables


@pytest.mark.parametrize("classes", [(), ("no", "yes"), LEAVES], ids=["values", "two classes", "three"])
def test_every_task_writes_the_same_files(tmp_path, classes):
    tables = judged(tmp_path, classes)
    assert set(tables) == FILES
    with_rows = {name for name, rows in tables.items() if rows}
    assert with_rows == (OF_CLASSES if classes else {"residuals", "residual_histogram"}) | {"importance"}
    if classes:
        assert sum(int(row["rows"]) for row in tables["confusion"]) == 100
        assert sum(int(row["support"]) for row in tables["classes"]) == 100
        assert [row["class"] for row in tables["classes"]] == list(classes)
        for axis in ("actual", "predicted"):  # drawings take the order in which names come first
            assert list(dict.fromkeys(row[axis] for row in tables["confusion"])) == list(classes)
        assert {row["class"] for row in tables["roc"]} == {"yes"} if len(classes) == 2 else set(classes)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a copy of the project with the offline page, a table of two classes, and two experiments."""
    folder = copy_project(tmp_path_factory.mktemp("project"))
    run("python -m reprise.project.plots_page", folder)
    rng = np.random.default_rng(1)
    size, place = rng.normal(size=300), rng.choice(["<b>", "'c'", "d"], 300)
    sold = np.where(size + (place == "d") > 0.5, "yes", "no")
    lines = [f"{a:.3f},{b},{c}" for a, b, c in zip(size, place, sold, strict=True)]
    (folder / "data/raw/sold.csv").write_text("\n".join(["width,place,sold", *lines]) + "\n")
    run("reprise init-data data/raw/sold.csv --target sold", folder)
    yaml = YAML()
    params = yaml.load((folder / "params.yaml").read_text())
    params["model"] = {"kind": "linear"}
    params["train"] = {"epochs": 4, "lr": 0.1}
    yaml.dump(params, folder / "params.yaml")
    run("dvc repro", folder)
    run("git add --all", folder)
    run("git commit --quiet --message sold", folder)
    run("dvc exp run -S train.lr=0.01 --name slower", folder)
    return folder


def test_dvc_draws_what_the_task_has_and_complains_of_nothing(project):
    shown = json.loads(run("dvc plots show --json", project))
    assert "errors" not in shown
    drawn = {name for name, plots in shown["data"].items() if plots}
    expected = {
        "learning curves", "confusion", "classes", "roc", "precision recall", "calibration", "importance",
    }  # fmt: skip
    assert drawn == expected
    assert set(shown["data"]) == expected | {"residuals", "residual histogram"}
    values = shown["data"]["importance"][0]["content"]["data"]["values"]
    assert {row["column"] for row in values} == {"width", "place"}


def test_dvc_compares_two_experiments(project):
    shown = json.loads(run("dvc plots diff main slower --json", project))
    assert "errors" not in shown
    for name, plots in shown["data"].items():
        if plots:
            assert {rev for plot in plots for rev in plot["revisions"]} == {"main", "slower"}, name


def test_the_page_names_no_outside_script(project):
    assert "WARN" not in run("dvc plots show", project)
    page = (project / "dvc_plots/index.html").read_text(encoding="utf-8")
    assert page.count("vegaEmbed('#") == 9
    assert "window.vegaEmbed=" in page
    assert not re.search(r"<script[^>]*\ssrc|<link\s|<iframe\s|@import", page)
    assert "BSD-3-Clause" in page


@pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium")
def test_the_page_draws_in_a_browser_without_a_network(project):
    run("dvc plots diff main slower", project)
    command = [
        str(CHROMIUM), "--headless", "--no-sandbox", "--disable-gpu", "--virtual-time-budget=10000",
        "--enable-logging=stderr", "--proxy-server=127.0.0.1:9",  # nothing listens there
        f"--user-data-dir={project / '.dvc/tmp/browser'}", "--dump-dom",
        (project / "dvc_plots/index.html").as_uri(),
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120)
    drawn = re.findall(r'<svg [^>]*class="marks"', done.stdout)
    assert len(drawn) == 7  # the two plots of a regression are gone
    console = [line for line in done.stderr.splitlines() if "CONSOLE" in line and "index.html" in line]
    assert not [line for line in console if "ERR" in line or "Error" in line]


def test_without_the_page_dvc_uses_its_own(tmp_path):
    # As in a clone in which `make env` did not run: .dvc/config.local is not there either.
    (tmp_path / ".dvc").mkdir()
    shutil.copy2(ROOT / ".dvc/config", tmp_path / ".dvc/config")
    run("git init --quiet", tmp_path)
    (tmp_path / "history.csv").write_text("epoch,train_loss\n1,2.0\n2,1.0\n")
    run("dvc plots show history.csv -x epoch -y train_loss", tmp_path)
    assert "<script src=" in (tmp_path / "dvc_plots/index.html").read_text()


def test_a_page_that_someone_chose_stays(tmp_path):
    run("git init --quiet", tmp_path)
    run("dvc init --quiet", tmp_path)
    run("dvc config plots.html_template mine.html", tmp_path)
    write_page(tmp_path)
    assert (tmp_path / ".dvc/plots.html").stat().st_size > 500_000
    assert run("dvc config plots.html_template", tmp_path).strip() == "mine.html"


def test_templates_have_a_plot_and_plots_a_template():
    plots = YAML(typ="safe", pure=True).load((ROOT / "dvc.yaml").read_text(encoding="utf-8"))["plots"]
    used = {definition["template"] for plot in plots for definition in plot.values()}
    own = {path.stem for path in (ROOT / ".dvc/plots").glob("*.json")}
    assert used == own | {"scatter"}
