"""The data contract: planted faults are found, sound data is left in peace, and the figures are right."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy.stats import ks_2samp, spearmanr
from sklearn.tree import DecisionTreeClassifier

from reprise.data.checks import Contract
from reprise.data.column_checks import collision, distance, distance_bound, rank_correlation, target_given
from reprise.data.fingerprints import Sample, row_hashes
from reprise.data.prepare import prepare
from reprise.data.prepared import Arrays
from reprise.data.schema import SPLITS, Schema
from reprise.errors import UserError
from reprise.files import read_json
from reprise.params import Csv, Images, Prepare, Split


def data_of(x, y, parts, *, task="classification", dataset="csv"):
    """Return a schema and the rows of each split; parts is 0 train, 1 val, 2 test."""
    x = np.asarray(x, np.uint8 if np.ndim(x) == 4 else np.float32)
    y = np.asarray(y, np.int64 if task == "classification" else np.float32)
    ids = np.arange(len(x))
    rows = {split: Arrays(x[parts == n], y[parts == n], ids[parts == n]) for n, split in enumerate(SPLITS)}
    classes = tuple(f"c{n}" for n in range(int(y.max()) + 1)) if task == "classification" else ()
    table = x.ndim == 2
    schema = Schema(
        dataset=dataset, layout="table" if table else "images", task=task, shape=x.shape[1:],
        columns=tuple(f"x{n}" for n in range(x.shape[1])) if table else (), target="y", classes=classes,
        counts={split: len(part.y) for split, part in rows.items()},
        class_counts={
            split: dict(zip(classes, np.bincount(part.y, minlength=len(classes)).tolist(), strict=True))
            for split, part in rows.items() if classes
        },
        inputs=None, target_scale=None, source="", licence="", raw={},
    )  # fmt: skip
    return schema, rows


def judged(schema, rows, policy="warn", cut=10**9, **options):
    contract = Contract()
    for split, part in rows.items():
        for start in range(0, len(part.y), cut):
            contract.add(split, Arrays(*(column[start : start + cut] for column in part)))
    return contract.judge(schema, policy, **options)


def found(report):
    return {(finding["check"], finding["level"]): finding for finding in report["findings"]}


def sound(seed, rows=600, columns=5, classes=3, task="classification"):
    """Return a table with something to learn and nothing wrong."""
    generator = np.random.default_rng(seed)
    if task == "classification":
        y = generator.permutation(np.arange(rows) % classes)
        x = generator.normal(size=(rows, columns)) + 0.8 * y[:, None]
    else:
        x = generator.normal(size=(rows, columns))
        y = x.sum(axis=1) + generator.normal(size=rows)
    parts = generator.choice(3, rows, p=(0.7, 0.1, 0.2))
    return x, y, parts


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
    levels = {finding["level"] for finding in judged(*data_of(x, y, parts), "refuse")["findings"]}
    assert levels == {"note", "warning"}
    # The same file twice, one after the other, is none of chance's doing.
    x, y, parts = sound(13, rows=300)
    report = judged(*data_of(np.vstack([x, x]), np.hstack([y, y]), generator.choice(3, 600)))
    assert found(report)["duplicates_across", "serious"]["affected"] > 50


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


def test_a_broken_contract_leaves_the_old_data_alone(tmp_path, capsys):
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


def test_copied_images_are_refused_by_name(tmp_path):
    from PIL import Image

    generator = np.random.default_rng(21)
    for number in range(40):
        folder = tmp_path / "raw" / "ab"[number % 2]
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(generator.integers(0, 256, (8, 8, 3), dtype=np.uint8)).save(
            folder / f"{number:02}.png"
        )
    (tmp_path / "raw" / "b" / "copy.png").write_bytes((tmp_path / "raw" / "a" / "00.png").read_bytes())
    images = Images(path=str(tmp_path / "raw"), size=8)
    name = r"(a/00|b/copy)\.png"
    with pytest.raises(UserError, match=rf"2 equal rows are of different classes, .*{name} and .*{name}"):
        prepare(Prepare(dataset="images", images=images, checks="refuse"), tmp_path / "out", tmp_path)
    assert not (tmp_path / "out").exists()


# ---- the figures


@settings(max_examples=100, deadline=None)
@given(data=st.data())
def test_the_report_does_not_depend_on_how_rows_are_cut(data):
    seed = data.draw(st.integers(0, 1000))
    schema, rows = data_of(*sound(seed, rows=90, columns=2))
    assert judged(schema, rows) == judged(schema, rows, cut=data.draw(st.integers(1, 40)))


@settings(max_examples=200, deadline=None)
@given(
    x=hnp.arrays(
        st.sampled_from([np.uint8, np.float32]),
        hnp.array_shapes(min_dims=2, max_dims=2, max_side=12),
        elements=st.integers(0, 2),
    )
)
def test_hashes_are_equal_exactly_for_equal_rows(x):
    oracle = np.unique(x, axis=0, return_inverse=True)[1].reshape(-1)
    hashes = np.unique(row_hashes(x), return_inverse=True)[1]
    assert np.array_equal(oracle[:, None] == oracle, hashes[:, None] == hashes)


def test_rows_that_differ_in_signs_or_order_have_other_hashes():
    signs = 1.0 - 2.0 * ((np.arange(2**12)[:, None] >> np.arange(12)) & 1)
    assert len(np.unique(row_hashes(signs.astype(np.float32)))) == 2**12
    orders = np.array([[1, 2, 3, 4], [3, 4, 1, 2], [2, 1, 4, 3], [4, 3, 2, 1]], np.float32)
    assert len(np.unique(row_hashes(orders))) == 4
    assert row_hashes(np.array([[0.0]], np.float32)) == row_hashes(np.array([[-0.0]], np.float32))


def test_a_sample_is_the_same_for_any_order_and_unbiased():
    ids = np.arange(5000)
    samples = []
    for order, step in ((ids, 5000), (ids[::-1], 7), (np.random.default_rng(1).permutation(ids), 501)):
        sample = Sample(500)
        for start in range(0, 5000, step):
            part = order[start : start + step]
            sample.add(part, part[:, None], part)
        samples.append(sample.rows()[1])
    assert np.array_equal(samples[0], samples[1])
    assert np.array_equal(samples[0], samples[2])
    assert len(set(samples[0].tolist())) == 500
    assert abs(samples[0].mean() - 2499.5) < 4 * 1443 / np.sqrt(500)  # four standard errors


numbers = hnp.arrays(np.float32, st.integers(1, 60), elements=st.integers(-5, 5))


@settings(max_examples=200, deadline=None)
@given(first=numbers, second=numbers)
def test_the_distance_is_kolmogorovs(first, second):
    assert distance(first, second) == pytest.approx(ks_2samp(first, second).statistic)


@settings(max_examples=200, deadline=None)
@given(pairs=hnp.arrays(np.float64, st.tuples(st.integers(3, 60), st.just(2)), elements=st.integers(-5, 5)))
def test_the_rank_correlation_is_spearmans(pairs):
    a, b = pairs.T
    if len(np.unique(a)) > 1 and len(np.unique(b)) > 1:
        assert rank_correlation(a, b) == pytest.approx(spearmanr(a, b).statistic, abs=1e-9)
    else:
        assert rank_correlation(a, b) == 0.0


@settings(max_examples=100, deadline=None)
@given(
    values=hnp.arrays(np.float64, st.integers(4, 80), elements=st.integers(0, 30)),
    classes=st.integers(2, 4),
    seed=st.integers(0, 100),
)
def test_a_tree_of_intervals_settles_no_more_than_a_column_is_given(values, classes, seed):
    noise = np.random.default_rng(seed).integers(0, classes, len(values))
    labels = np.where(
        np.random.default_rng(seed + 1).random(len(values)) < 0.2, noise, values % classes
    ).astype(np.int64)
    others = len(labels) - np.bincount(labels).max()
    score = target_given(values, labels, classes)
    if others == 0:
        assert score == 0.0
        return
    tree = DecisionTreeClassifier(max_leaf_nodes=classes).fit(values[:, None], labels)
    wrong = np.count_nonzero(tree.predict(values[:, None]) != labels)
    # The estimate may be off by the rows that share their value with a more frequent class.
    unsure = sum(len(part) - np.bincount(part).max() for v in set(values) for part in [labels[values == v]])
    assert score >= (others - wrong - unsure) / others - 1e-9
    assert 0.0 <= score <= 1.0


def test_chance_alone_rarely_exceeds_the_bound():
    generator = np.random.default_rng(2)
    assert distance_bound(0, 5, 1) == 1.0
    for size in (20, 200):
        largest = max(distance(*generator.normal(size=(2, size))) for _ in range(500))
        assert largest < distance_bound(size, size, 1) < 4 * largest
    assert distance_bound(100, 100, 1000) > distance_bound(100, 100, 1)


def test_the_share_of_equal_pairs():
    assert collision(np.array([1, 1, 2, 3])) == pytest.approx(1 / 6)
    assert collision(np.array([1])) == 0.0


def test_a_one_hot_column_is_not_constant_while_its_source_changes(tmp_path):
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
