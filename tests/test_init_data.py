"""``reprise init-data``: what it finds, what it writes, and that the pipeline takes it as it is."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image
from ruamel.yaml import YAML

from reprise.commands import init_data
from reprise.foundation.errors import UserError
from reprise.preparing.prepare import prepare
from reprise.settings.params_file import read_params
from reprise.starter.folder import FolderLook
from reprise.starter.text import folder_params

ROOT = Path(__file__).parents[1]
OLD = "# mine\nprepare: {}\nmodel: {}\ntrain: {}\nevaluate: {}\n"


@pytest.fixture
def project(tmp_path, monkeypatch):
    """An empty project, which is the current folder."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "dvc.yaml").write_text("stages: {}\n")
    (tmp_path / "params.yaml").write_text(OLD)
    (tmp_path / "data" / "raw").mkdir(parents=True)
    return tmp_path


def init(*words):
    parser = argparse.ArgumentParser()
    init_data.add_arguments(parser)
    init_data.run(parser.parse_args([str(word) for word in words]))
    return read_params(Path("params.yaml"))


def flowers(
    path, rows=150, header="Id,length,colour,note,species", names=("setosa", "versicolor", "virginica")
):
    generator = np.random.default_rng(1)
    lines = []
    for row in range(rows):
        kind = row % len(names)
        length = kind + generator.normal()
        lines.append(
            f"{row + 1},{length:.3f},{('red', 'blue', '')[row % 7 % 3]},no. {row} of them,{names[kind]}"
        )
    path.write_text("\n".join([*([header] if header else []), *lines]) + "\n", encoding="utf-8")
    return path


def photos(root, counts, size=(40, 50), mode="RGB"):
    generator = np.random.default_rng(2)
    for name, count in counts.items():
        (root / name).mkdir(parents=True)
        for number in range(count):
            pixels = generator.integers(0, 256, (*size, 3), dtype=np.uint8)
            Image.fromarray(pixels).convert(mode).save(root / name / f"{number}.png")
    return root


# ---- tables


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


def test_a_rare_class_of_many_images_is_told(project, capsys):
    root = photos(project / "data" / "raw" / "pets", {"cat": 40, "dog": 30, "emu": 3})
    init(root)
    assert "note: class 'emu' has 3 of 73 rows: " in capsys.readouterr().out
    text = Path("params.yaml").read_text()
    assert "  class_weights: none  # class 'emu' has 3 of 73 rows; balanced: " in text
    assert "threshold" not in text


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


# ---- images


def test_a_folder_of_photos(project, capsys):
    root = photos(project / "data" / "raw" / "pets", {"dog": 30, "고양이": 50})
    params = init(root)
    images = params.prepare.images
    assert (params.prepare.dataset, images.path) == ("images", "data/raw/pets")
    assert (images.size, images.mode, images.corrupt) == (32, "rgb", "refuse")
    assert params.model.kind == "cnn"
    assert capsys.readouterr().out.startswith("data/raw/pets: 80 images of 2 classes, the smallest with 30\n")
    schema = prepare(params.prepare, Path("data/prepared"), Path("data/raw"))
    assert schema.shape == (3, 32, 32)


def test_gray_images_with_splits_and_damage(project, capsys):
    counts = {"train/a": 20, "train/b": 20, "val/a": 4, "val/b": 4, "test/a": 4, "test/b": 4}
    root = photos(project / "data" / "raw" / "scans", counts, size=(300, 200), mode="L")
    (root / "train" / "a" / "3.png").write_bytes(b"oops")
    params = init(root)
    assert (params.prepare.images.size, params.prepare.images.mode) == (64, "grayscale")
    assert params.prepare.images.corrupt == "skip"
    told = capsys.readouterr().out
    assert "splits: the folder's own (test, train, val)" in told
    assert "can't be used: train/a/3.png; images.corrupt is set to skip" in told
    assert prepare(params.prepare, Path("data/prepared"), Path("data/raw")).counts == {
        "train": 39,
        "val": 8,
        "test": 8,
    }


@pytest.mark.parametrize("side", [4, 8, 20, 28, 33, 64, 500])
def test_every_size_makes_a_model_that_can_be_built(side, project):
    torch = pytest.importorskip("torch")
    from reprise.model.architectures import build

    params = init(photos(project / "data" / "raw" / "x", {"a": 12, "b": 12}, size=(side, side)))
    schema = prepare(params.prepare, Path("data/prepared"), Path("data/raw"))
    assert schema.shape[1] <= max(4, side)
    module = build(params.model, schema, 1)
    assert module.eval()(torch.zeros(2, *schema.shape)).shape == (2, 2)


@pytest.mark.parametrize(("side", "kind", "size"), [(99, "resnet18", 96), (130, "pretrained", 224)])
def test_many_large_images_get_a_deep_network(side, kind, size, project):
    root = photos(project / "data" / "raw" / "x", {"a": 1, "b": 1}, size=(side, 140))
    for number in range(2000):
        os.link(root / "a" / "0.png", root / "a" / f"x{number}.png")
    params = init(root)
    assert (params.model.kind, params.prepare.images.size) == (kind, size)


@pytest.mark.parametrize(
    ("images", "classes", "optimizer", "val"),
    [(100, 2, "exact", 0.0), (3000, 99, "exact", 0.15), (9000, 99, "adamw", 0.15)],
)
def test_photographs_get_a_backbone_and_a_head_that_suits_their_number(
    images, classes, optimizer, val, tmp_path
):
    names = tuple(f"class {number}" for number in range(classes))
    look = FolderLook(images, names, 10, None, frozenset(), (), 480, "rgb", ())
    path = tmp_path / "params.yaml"
    path.write_text(folder_params("data/raw/photos", look), encoding="utf-8")
    params = read_params(path)
    prepare = params.prepare
    assert (params.model.kind, prepare.images.size, prepare.normalise) == ("pretrained", 224, "none")
    assert (params.train.optimizer, params.prepare.split.val) == (optimizer, val)


# ---- what is kept, and what is refused


def test_old_params_are_never_lost(project):
    path = flowers(project / "data" / "raw" / "t.csv")
    init(path)
    first = Path("params.yaml").read_text()
    assert Path("params.yaml.bak").read_text() == OLD
    init(path)  # nothing changes, so nothing is kept
    init(path, "--target", "length")
    assert Path("params.yaml.bak1").read_text() == first
    assert Path("params.yaml.bak").read_text() == OLD
    init(path)
    assert sorted(p.name for p in project.glob("params*")) == [
        "params.yaml", "params.yaml.bak", "params.yaml.bak1", "params.yaml.bak2",
    ]  # fmt: skip
    Path("params.yaml").unlink()
    init(path)
    assert not Path("params.yaml.bak3").exists()


def refused(project, *words):
    before = {path: path.read_bytes() for path in project.rglob("*") if path.is_file()}
    with pytest.raises(UserError) as caught:
        init(*words)
    assert {path: path.read_bytes() for path in project.rglob("*") if path.is_file()} == before
    return "\n".join(caught.value.problems)


def test_data_elsewhere_is_refused_with_the_fix(project, tmp_path_factory):
    elsewhere = flowers(tmp_path_factory.mktemp("my data") / "t 1.csv")
    message = refused(project, elsewhere)
    assert f"cp -r '{elsewhere}' 'data/raw/t 1.csv' && reprise init-data 'data/raw/t 1.csv'" in message
    inside = flowers(project / "t.csv")
    assert "cp -r t.csv data/raw/t.csv" in refused(project, os.path.relpath(inside))
    (project / "data" / "raw" / "linked.csv").symlink_to(elsewhere)
    message = refused(project, "data/raw/linked.csv")
    assert f"rm data/raw/linked.csv && cp -r '{elsewhere}' data/raw/linked.csv" in message


def test_links_that_dvc_made_are_kept(project, tmp_path_factory):
    for cache in (project / ".dvc" / "cache", tmp_path_factory.mktemp("shared")):
        cached = cache / "files" / "md5" / "0a" / "123456789abcdef0123456789abcde"
        cached.parent.mkdir(parents=True)
        link = flowers(cached) and project / "data" / "raw" / "linked.csv"
        link.unlink(missing_ok=True)
        link.symlink_to(cached)
        params = init("data/raw/linked.csv")
        assert params.prepare.csv.path == "data/raw/linked.csv"
        assert prepare(params.prepare, Path("data/prepared"), Path("data/raw")).raw.keys() == {"linked.csv"}


def test_other_mistakes_are_named(project):
    raw = project / "data" / "raw"
    flowers(raw / "t.csv")
    assert "no such file or folder" in refused(project, "data/raw/nothing.csv")
    assert "holds all raw data" in refused(project, "data/raw")
    assert "did you mean 'species'?" in refused(project, raw / "t.csv", "--target", "spezies")
    (raw / "tables").mkdir()
    flowers(raw / "tables" / "one.csv")
    assert "holds tables; give one of them, for example data/raw/tables/one.csv" in refused(
        project, raw / "tables"
    )
    (raw / "empty.csv").write_text("")
    assert "empty" in refused(project, raw / "empty.csv")
    flowers(raw / "same.csv", names=("setosa",))
    message = refused(project, raw / "same.csv")
    assert "one class only" in message
    assert "name another with --target: Id, length, colour, note, species" in message
    photos(raw / "pets", {"a": 2, "b": 2})
    assert "is for tables" in refused(project, raw / "pets", "--target", "x")
    (project / "dvc.yaml").unlink()
    assert "run init-data in the project's folder" in refused(project, raw / "t.csv")


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    content=st.one_of(
        st.binary(max_size=300),
        st.lists(st.lists(st.text(max_size=6), min_size=2, max_size=3), min_size=2, max_size=30).map(
            lambda rows: "\n".join(",".join(row) for row in rows).encode("utf-8", "replace")
        ),
    )
)
def test_any_bytes_give_params_or_an_error(content, project):
    path = project / "data" / "raw" / "t.csv"
    path.write_bytes(content)
    (project / "params.yaml").write_text(OLD)
    (project / "params.yaml.bak").unlink(missing_ok=True)
    try:
        init(path)
    except UserError:
        assert (project / "params.yaml").read_text() == OLD
    assert not list(project.glob("*.tmp-*"))


def test_the_command_line(project):
    flowers(project / "data" / "raw" / "t.csv")
    for words, code in ((["data/raw/t.csv"], 0), (["data/raw/none.csv"], 2)):
        done = subprocess.run(
            [sys.executable, "-m", "reprise.cli", "init-data", *words],
            env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == code, done.stderr
        assert "Traceback" not in done.stderr
