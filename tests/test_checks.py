"""The data contract: planted faults are found and sound data is left in peace."""

from __future__ import annotations

import numpy as np
import pytest
from check_tables import data_of, found, judged, sound

from reprise.data.repeats import RawRows
from reprise.foundation.errors import UserError
from reprise.foundation.files import read_json
from reprise.preparing.prepare import prepare
from reprise.settings.params import Csv, Images, Prepare, Split

# ---- planted faults


def test_equal_rows_in_train_and_test_are_serious():
    x, y, parts = sound(1)
    first, second = np.flatnonzero(parts == 0)[:2], np.flatnonzero(parts == 2)[:2]
    x[second], y[second] = x[first], y[first]
    schema, rows = data_of(x, y, parts)
    finding = found(judged(schema, rows))["duplicates_across", "serious"]
    assert finding["affected"] == 2
    assert finding["examples"] == [
        [f"train: row {a}", f"test: row {b}"] for a, b in zip(first, second, strict=True)
    ]
    with pytest.raises(UserError) as caught:
        judged(schema, rows, "refuse", name_of=lambda row: f"line {row + 2}")
    assert caught.value.problems[0] == (
        "csv: 2 row(s) of test are also in train, for example "
        f"train: line {first[0] + 2} and test: line {second[0] + 2}"
    )
    assert caught.value.problems[-1].endswith("set prepare.checks: warn to go on all the same")


def test_other_equal_rows_are_a_warning():
    x, y, parts = sound(2)
    train, val, test = (np.flatnonzero(parts == n) for n in range(3))
    for a, b in ((train[0], train[5]), (train[1], val[0]), (val[1], test[1])):
        x[b], y[b] = x[a], y[a]
    report = judged(*data_of(x, y, parts), "refuse")
    levels = [(f["check"], f["level"], f["affected"]) for f in report["findings"]]
    assert levels == [
        ("duplicates_across", "warning", 1),
        ("duplicates_across", "warning", 1),
        ("duplicates_inside", "warning", 1),
    ]


def test_contradicting_labels_are_serious():
    x, y, parts = sound(3)
    train = np.flatnonzero(parts == 0)
    x[train[7]], y[train[7]] = x[train[3]], (y[train[3]] + 1) % 3
    schema, rows = data_of(x, y, parts)
    assert found(judged(schema, rows))["contradicting_labels", "serious"]["affected"] == 2
    with pytest.raises(UserError, match="2 equal rows are of different classes, for example train: row"):
        judged(schema, rows, "refuse")


def test_equal_images_are_found_and_named():
    generator = np.random.default_rng(4)
    x = generator.integers(0, 256, (60, 3, 4, 4), dtype=np.uint8)
    y = np.arange(60) % 2
    parts = np.where(np.arange(60) < 40, 0, 2)
    x[50], y[50] = x[10], 1 - y[10]
    report = judged(*data_of(x, y, parts, dataset="images"), name_of=lambda row: f"a/{row}.png")
    findings = found(report)
    assert findings["duplicates_across", "serious"]["examples"] == [["train: a/10.png", "test: a/50.png"]]
    assert findings["contradicting_labels", "serious"]["affected"] == 2


def leaks(make):
    x, y, parts = sound(5)
    x[:, 2] = make(y, np.random.default_rng(6))
    return found(judged(*data_of(x, y, parts)))


@pytest.mark.parametrize(
    "make",
    [
        lambda y, _: y,
        lambda y, _: (y + 1) % 3,
        lambda y, g: np.where(g.random(len(y)) < 0.002, 0, y),
        lambda y, g: y + g.uniform(0, 0.5, len(y)),  # separable, all values different
        lambda y, g: y * 1000 + g.permutation(len(y)),  # an id given class by class
        lambda y, g: np.array([[3, 17], [8, 40], [21, 5]])[
            y, g.integers(0, 2, len(y))
        ],  # a code of the class
    ],
)
def test_a_column_that_gives_the_class_away_is_serious(make):
    finding = leaks(make)["leakage", "serious"]
    assert "column 'x2' alone gives the target 'y' away" in finding["message"]


@pytest.mark.parametrize(
    "make",
    [
        lambda y, _: y == 1,  # tells one class of three
        lambda y, g: np.where(g.random(len(y)) < 0.05, g.integers(0, 3, len(y)), y),  # strong, not certain
        lambda y, g: g.permutation(len(y)),  # an id
        lambda y, g: y + g.normal(0, 0.3, len(y)),
    ],
)
def test_a_column_that_only_helps_is_left_in_peace(make):
    assert ("leakage", "serious") not in leaks(make)


def test_a_category_spread_over_columns_is_judged_as_one():
    x, y, parts = sound(7, classes=4)
    shuffled = np.array([2, 0, 3, 1])[y]
    one_hot = np.eye(4)[shuffled]
    schema, rows = data_of(np.hstack([x, one_hot]), y, parts)
    names = [*schema.columns[:5], *["colour"] * 4]
    assert "column 'colour'" in found(judged(schema, rows, sources=names))["leakage", "serious"]["message"]


def test_a_copy_of_a_regressions_target_is_serious():
    x, y, parts = sound(8, task="regression")
    x[:, 1] = np.exp(y / 3)  # any increasing function of it
    report = judged(*data_of(x, y, parts, task="regression"))
    assert "'x1'" in found(report)["leakage", "serious"]["message"]
    x[:, 1] = y + np.random.default_rng(9).normal(0, 0.3, len(y))
    assert found(judged(*data_of(x, y, parts, task="regression"))) == {}


def test_imbalance_constants_and_drift_are_told():
    x, y, parts = sound(10, rows=3000, classes=2)
    y = np.where(np.arange(len(y)) < 60, 1, 0)
    x[:, 0] = 5.0
    x[parts == 2, 3] += 1.0
    findings = found(judged(*data_of(x, y, parts), "refuse"))
    assert set(findings) == {("imbalance", "warning"), ("constant", "note"), ("drift", "warning")}
    assert findings["constant", "note"]["examples"] == [["x0"]]
    assert "'x3'" in findings["drift", "warning"]["message"]


def test_the_lines_on_the_terminal(capsys):
    x, y, parts = sound(11)
    x[:, 0], x[:, 1] = 1.0, y
    judged(*data_of(x, y, parts))
    out = capsys.readouterr()
    assert out.out == ""
    assert out.err.splitlines() == [
        "checks: 2 finding(s), 1 serious (all of it: checks.json)",
        "  serious  column 'x1' alone gives the target 'y' away (100.00%)",
        "  note     1 column(s) never change in train: x0",
    ]


# ---- no false alarms


def test_sound_tables_cause_no_finding():
    for seed in range(60):
        task = "regression" if seed % 3 == 0 else "classification"
        rows = (40, 200, 2000)[seed % 2 + (seed % 5 == 0)]
        assert judged(*data_of(*sound(seed, rows=rows, task=task), task=task), "refuse")["findings"] == []


def test_equal_rows_are_no_surprise_where_there_are_few_values():
    generator = np.random.default_rng(12)
    x = generator.integers(0, 3, (400, 4))
    y = (x.sum(axis=1) + generator.integers(0, 4, 400) > 5).astype(np.int64)
    parts = generator.choice(3, 400, p=(0.7, 0.1, 0.2))
    raw_rows = RawRows(4, lambda number: x[:, number].astype(np.uint64), len(x))
    report = judged(*data_of(x, y, parts), "refuse", repeats_are_chance=raw_rows.repeats_are_chance)
    levels = {finding["check"]: finding["level"] for finding in report["findings"]}
    assert levels == {
        "duplicates_across": "note", "contradicting_labels": "warning", "duplicates_inside": "note",
    }  # fmt: skip


def test_equal_rows_are_asked_about_only_where_there_are_some():
    def never():
        raise AssertionError

    assert judged(*data_of(*sound(13)), repeats_are_chance=never)["findings"] == []


def test_a_test_split_that_is_the_train_split_is_not_compared_with_it():
    x, y, parts = sound(14)
    schema, rows = data_of(x, y, parts)
    rows["test"] = rows["train"]
    schema = schema.model_copy(
        update={"test_is_train": True, "counts": {**schema.counts, "test": len(rows["train"].y)}}
    )
    assert judged(schema, rows, "refuse")["findings"] == []


@pytest.mark.parametrize(
    ("dataset", "flatten", "expected"),
    [
        ("line", False, []), ("random", False, []), ("uniform", False, []), ("breast_cancer", False, []),
        ("diabetes", False, []), ("digits", False, []),
        ("iris", False, ["1 row(s) of train repeat an earlier one"]),
        ("digits", True, ["4 column(s) never change in train: pixel_0, pixel_32, pixel_39, pixel_56"]),
    ],
)  # fmt: skip
def test_what_is_known_of_the_built_in_datasets_does_not_refuse_them(dataset, flatten, expected, tmp_path):
    split = Split(method="none") if dataset == "line" else Split()
    prepare(
        Prepare(dataset=dataset, flatten=flatten, checks="refuse", split=split), tmp_path / "out", tmp_path
    )
    findings = read_json(tmp_path / "out" / "checks.json")["findings"]
    assert [(finding["level"], finding["message"]) for finding in findings] == [
        ("known", m) for m in expected
    ]


# ---- through the prepare stage


def write_csv(path, seed, duplicate):
    x, y, _ = sound(seed, rows=200, columns=3)
    lines = [",".join(map(repr, [*map(float, row), int(label)])) for row, label in zip(x, y, strict=True)]
    path.write_text("\n".join(["a,b,c,target", *lines, *(lines[:60] if duplicate else [])]) + "\n")


def test_a_broken_contract_leaves_the_old_data_alone(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    table, out = tmp_path / "t.csv", tmp_path / "out"
    params = Prepare(dataset="csv", csv=Csv(path=str(table)), checks="refuse")
    write_csv(table, 20, duplicate=False)
    prepare(params, out, tmp_path)
    before = {path.name: path.read_bytes() for path in out.iterdir()}
    assert read_json(out / "checks.json")["findings"] == []
    assert capsys.readouterr().err == ""
    write_csv(table, 20, duplicate=True)
    with pytest.raises(UserError, match=r"row\(s\) of test are also in train, for example .*line \d+"):
        prepare(params, out, tmp_path)
    assert {path.name: path.read_bytes() for path in out.iterdir()} == before
    prepare(params.model_copy(update={"checks": "warn"}), out, tmp_path)
    assert "serious" in capsys.readouterr().err
    assert {f["check"] for f in read_json(out / "checks.json")["findings"]} >= {"duplicates_across"}


def test_copied_images_are_refused_by_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    from PIL import Image

    generator = np.random.default_rng(21)
    for number in range(40):
        folder = tmp_path / "raw" / "ab"[number % 2]
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(generator.integers(0, 256, (8, 8, 3), dtype=np.uint8)).save(
            folder / f"{number:02}.png"
        )
    (tmp_path / "raw" / "b" / "copy.png").write_bytes((tmp_path / "raw" / "a" / "00.png").read_bytes())
    images = Images(path=str(tmp_path / "raw"), pixels=8)
    name = r"(a/00|b/copy)\.png"
    with pytest.raises(UserError, match=rf"2 equal rows are of different classes, .*{name} and .*{name}"):
        prepare(Prepare(dataset="images", images=images, checks="refuse"), tmp_path / "out", tmp_path)
    assert not (tmp_path / "out").exists()


def test_a_one_hot_column_is_not_constant_while_its_source_changes(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rows = [f"{number % 7},{'ab'[number % 2]},same,{'xy'[number % 3 == 0]}" for number in range(60)]
    (tmp_path / "t.csv").write_text("\n".join(["n,letter,always,target", *rows]) + "\n")
    prepare(
        Prepare(dataset="csv", csv=Csv(path=str(tmp_path / "t.csv"), target="target")),
        tmp_path / "out",
        tmp_path,
    )
    findings = read_json(tmp_path / "out/checks.json")["findings"]
    constant = [finding["examples"] for finding in findings if finding["check"] == "constant"]
    assert constant == [[["always"]]]
