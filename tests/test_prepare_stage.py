"""The prepare stage from params to prepared data: what it writes, refuses and promises about bytes."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from numpy._core._multiarray_umath import __cpu_dispatch__
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

from reprise.data.sources import bundled, idx
from reprise.foundation.download import Patience, fetch
from reprise.foundation.errors import EnvironmentProblem, UserError
from reprise.prepared.schema import SPLITS
from reprise.prepared.shards import read_schema, read_split
from reprise.preparing.prepare import prepare
from reprise.settings.params import Csv, Generated, Images, Prepare, Split

ROOT = Path(__file__).parents[1]
# Dataset: prepare.normalise, and the start of a hash over the prepared rows and their statistics. A change
# here breaks everybody's dvc.lock: it needs a very good reason and a line in CHANGELOG.md.
GOLDEN = {
    "line": ("feature", "0098c461a6c4102b"),
    "random": ("feature", "658253aa09e9e724"),
    "uniform": ("global", "02a3715141b90a54"),
    "iris": ("global", "ae8170a7fa28c2b1"),
    "breast_cancer": ("feature", "4143327b8e7563fd"),
    "diabetes": ("feature", "b2ec210b42c789ac"),
    "digits": ("feature", "df38566bbcbb576d"),
}


def run(tmp_path, prepare_text, *, out="out", model="{}", cwd=ROOT, **environment):
    params = tmp_path / "params.yaml"
    params.write_text(f"prepare: {prepare_text}\nmodel: {model}\ntrain: {{}}\nevaluate: {{}}\n")
    return subprocess.run(
        [
            *(sys.executable, "-m", "stages.prepare"),
            *(f"--params={params}", f"--prepared={tmp_path / out}", f"--raw={tmp_path / 'raw'}"),
        ],
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def made(tmp_path, **params):
    """Prepare in this process; return the schema and the rows of each split."""
    schema = prepare(Prepare(**params), tmp_path / "out", tmp_path / "raw")
    return schema, {split: read_split(tmp_path / "out", schema, split) for split in SPLITS}


def content(folder):
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def test_the_default_params_prepare_the_digits(tmp_path):
    done = run(tmp_path, "{}")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("digits: 1,294 train, 144 val, 359 test rows in ")
    assert done.stdout.count("\n") == 1
    schema = read_schema(tmp_path / "out")
    parts = {split: read_split(tmp_path / "out", schema, split) for split in SPLITS}
    raw = bundled.digits()
    for rows in parts.values():
        assert np.array_equal(rows.x, raw.x[rows.ids])
        assert np.array_equal(rows.y, raw.y[rows.ids])
        assert (np.diff(rows.ids) > 0).all()
    assert sorted(np.concatenate([rows.ids for rows in parts.values()])) == list(range(1797))
    assert schema.inputs.mean == pytest.approx((parts["train"].x.mean(),))
    assert schema.inputs.std == pytest.approx((parts["train"].x.std(),))
    assert schema.class_counts["test"] == {
        str(digit): count for digit, count in enumerate(np.bincount(parts["test"].y))
    }


@pytest.mark.parametrize("dataset", ["random", "diabetes"])
def test_the_bytes_do_not_depend_on_the_surroundings(dataset, tmp_path):
    params = {"prepare_text": f"{{dataset: {dataset}, seed: 4}}", "model": "{kind: mlp}"}
    done = run(tmp_path, **params, out="one")
    assert done.returncode == 0, done.stderr
    elsewhere = tmp_path / "über uns"
    elsewhere.mkdir()
    surroundings = {
        "PYTHONHASHSEED": "77", "TZ": "Asia/Seoul", "LC_ALL": "tr_TR.UTF-8", "OMP_NUM_THREADS": "3",
        # As on a CPU without AVX2: NumPy then takes other code paths.
        "NPY_DISABLE_CPU_FEATURES": " ".join(__cpu_dispatch__),
    }  # fmt: skip
    old = os.umask(0o077)
    try:
        done = run(tmp_path, **params, out="two", cwd=elsewhere, **surroundings)
    finally:
        os.umask(old)
    assert done.returncode == 0, done.stderr
    assert content(tmp_path / "one") == content(tmp_path / "two")
    assert list(elsewhere.iterdir()) == []


@pytest.mark.parametrize("dataset", sorted(GOLDEN))
def test_the_bytes_are_the_same_on_every_machine_and_in_every_version(dataset, tmp_path):
    schema, _ = made(tmp_path, dataset=dataset, normalise=GOLDEN[dataset][0], flatten=dataset == "digits")
    exact = json.dumps([schema.files, schema.inputs.model_dump()], sort_keys=True)
    assert hashlib.sha256(exact.encode()).hexdigest()[:16] == GOLDEN[dataset][1]


def test_heavy_libraries_stay_away(tmp_path):
    code = (
        "import sys; from stages.prepare import main; main();"
        "heavy = {'torch', 'torchvision', 'sklearn', 'pandas', 'scipy', 'PIL', 'tqdm', 'dvc', 'urllib3'};"
        "print(sorted(heavy & {name.partition('.')[0] for name in sys.modules}))"
    )
    params = tmp_path / "params.yaml"
    params.write_text("prepare: {}\nmodel: {}\ntrain: {}\nevaluate: {}\n")
    done = subprocess.run(
        [sys.executable, "-c", code, f"--params={params}", f"--prepared={tmp_path / 'out'}"],
        cwd=ROOT, capture_output=True, text=True, timeout=120, check=True,
    )  # fmt: skip
    assert done.stdout.splitlines()[-1] == "[]"


def test_wrong_params_are_all_named_and_nothing_is_written(tmp_path):
    done = run(tmp_path, "{datasett: iris, seed: true, split: {test: 1.0}}")
    assert done.returncode == 2
    assert done.stdout == ""
    assert len(done.stderr.splitlines()) == 3
    assert "did you mean prepare.dataset?" in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["params.yaml"]


def test_a_wrong_file_of_the_users_is_refused_and_left_alone(tmp_path):
    own = tmp_path / "raw" / "mnist" / idx.NAMES[0]
    own.parent.mkdir(parents=True)
    own.write_bytes(b"mine")
    done = run(tmp_path, "{dataset: mnist}")
    assert done.returncode == 2
    assert done.stderr.startswith(f"{own}: is not the published file")
    assert own.read_bytes() == b"mine"
    assert not (tmp_path / "out").exists()


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A project with a table and a folder of images outside of it; it is the current folder."""
    outside, inside = tmp_path / "outside", tmp_path / "project"
    for folder in (outside / "images", inside / "data" / "raw"):
        folder.mkdir(parents=True)
    rows = [f"{-n},{n * n % 7},{'ab'[n % 2]}" for n in range(60)]
    (outside / "t.csv").write_text("\n".join(["x,z,y", *rows]))
    (inside / "data" / "raw" / "t.csv").write_text("\n".join(["x,z,y", *rows]))
    monkeypatch.chdir(inside)
    return inside


@pytest.mark.parametrize("how", ["absolute", "above", "link", "folder link"])
@pytest.mark.parametrize("key", ["path", "test_path", "images"])
def test_data_outside_the_project_is_refused(how, key, project):
    outside = project.parent / "outside"
    name = "images" if key == "images" else "t.csv"
    (project / "data" / "raw" / "link").symlink_to(outside / name)
    (project / "data" / "raw" / "folder").symlink_to(outside)
    path = {
        "absolute": str(outside / name),
        "above": f"data/../../outside/{name}",
        "link": "data/raw/link",
        "folder link": f"data/raw/folder/{name}",
    }[how]
    params = (
        Prepare(dataset="images", images=Images(path=path))
        if key == "images"
        else Prepare(dataset="csv", csv=Csv(**({"path": "data/raw/t.csv", "target": "y"} | {key: path})))
    )
    with pytest.raises(UserError, match="outside the project, where no change would be noticed") as caught:
        prepare(params, project / "out", project / "data" / "raw")
    (line,) = caught.value.problems
    assert line.startswith(f"prepare.{'images.path' if key == 'images' else f'csv.{key}'}: {path}: is ")
    assert not (project / "out").exists()


def test_folders_of_images_that_are_linked_from_outside_are_refused(project):
    outside, inside = project.parent / "outside" / "images", project / "data" / "raw" / "pets"
    (inside / "cat").mkdir(parents=True)
    (inside / "dog").symlink_to(outside)
    (inside / "cat" / "more").symlink_to(outside)
    (inside / "cat" / "one.png").symlink_to(outside / "one.png")  # DVC follows links to files
    with pytest.raises(UserError) as caught:
        prepare(
            Prepare(dataset="images", images=Images(path="data/raw/pets")), project / "out", Path("data/raw")
        )
    assert [problem.split(": ")[1] for problem in caught.value.problems] == [
        "data/raw/pets/cat/more", "data/raw/pets/dog",
    ]  # fmt: skip


def test_links_inside_the_project_and_in_a_copy_of_it_are_followed(project, monkeypatch):
    cached = project / ".dvc" / "cache" / "files" / "md5" / "ab" / ("0" * 30)
    cached.parent.mkdir(parents=True)
    (project / "data" / "raw" / "t.csv").rename(cached)
    copy = project / ".dvc" / "tmp" / "exps" / "standalone" / "x"
    params = Prepare(dataset="csv", csv=Csv(path="data/raw/t.csv", target="y"))
    for place in (project, copy):
        (place / "data" / "raw").mkdir(parents=True, exist_ok=True)
        (place / "data" / "raw" / "t.csv").symlink_to(cached)
        monkeypatch.chdir(place)
        assert sum(prepare(params, Path("out"), Path("data/raw")).counts.values()) == 60


def test_links_of_published_datasets_may_lead_anywhere(project):
    (project / "data" / "raw" / "iris").symlink_to(project.parent / "outside")
    assert prepare(Prepare(dataset="iris"), project / "out", project / "data" / "raw").dataset == "iris"


def test_without_network_or_files_the_mirrors_and_the_folder_are_named(tmp_path, monkeypatch):
    files = tuple(replace(file, urls=("http://127.0.0.1:9/mnist",)) for file in idx.MNIST.files)
    monkeypatch.setattr(idx, "MNIST", idx.MNIST._replace(files=files))
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setattr(idx, "fetch", partial(fetch, patience=Patience(rounds=1)))
    with pytest.raises(EnvironmentProblem) as caught:
        made(tmp_path, dataset="mnist")
    (line,) = caught.value.problems
    assert "http://127.0.0.1:9/mnist: Connection refused" in line
    assert line.endswith(f"put {', '.join(idx.NAMES)} into {tmp_path / 'raw' / 'mnist'}")
    assert not (tmp_path / "out").exists()


def test_the_iris_recipes_split_is_scikit_learns(tmp_path):
    params = {"dataset": "iris", "normalise": "global", "split": Split(method="sklearn", test=1 / 3, val=0.0)}
    schema, parts = made(tmp_path, **params)
    raw = bundled.iris()
    train, test = train_test_split(np.arange(150), test_size=1 / 3, random_state=1)
    assert parts["train"].ids.tolist() == sorted(train)
    assert parts["test"].ids.tolist() == sorted(test)
    assert schema.counts == {"train": 100, "val": 0, "test": 50}
    fitted = raw.x[np.sort(train)]
    expected = (raw.x[np.sort(test)] - fitted.mean()) / fitted.std()
    assert np.allclose(parts["test"].x, expected, rtol=1e-6, atol=1e-6)


def test_statistics_come_from_the_train_rows_alone(tmp_path, monkeypatch):
    _, before = made(tmp_path, dataset="breast_cancer")
    raw = bundled.breast_cancer()
    raw.x[before["test"].ids] = 1e6
    raw.x[before["val"].ids] = -1e6
    monkeypatch.setattr("reprise.preparing.prepare.load", lambda *_args: raw)
    _, after = made(tmp_path, dataset="breast_cancer")
    assert np.array_equal(before["train"].x, after["train"].x)
    assert not np.array_equal(before["test"].x, after["test"].x)


def test_a_table_is_standardised_as_scikit_learn_does(tmp_path):
    schema, parts = made(tmp_path, dataset="diabetes", scale_target=True)
    raw = bundled.diabetes()
    scaler = StandardScaler().fit(raw.x[parts["train"].ids])
    for rows in parts.values():
        assert rows.x.dtype == rows.y.dtype == np.float32
        assert np.allclose(rows.x, scaler.transform(raw.x[rows.ids]), rtol=1e-5, atol=1e-6)
        # The target keeps its own unit; its scale is told beside it.
        assert np.array_equal(rows.y, raw.y[rows.ids].astype(np.float32))
    target = raw.y[parts["train"].ids]
    assert schema.target_scale.mean == pytest.approx((target.mean(),))
    assert schema.target_scale.std == pytest.approx((target.std(),))
    assert (schema.classes, schema.class_counts) == ((), {})


def test_flatten_makes_a_table_of_pixels(tmp_path):
    schema, parts = made(tmp_path, dataset="digits", flatten=True)
    assert (schema.layout, schema.shape) == ("table", (64,))
    assert schema.columns == tuple(f"pixel_{number}" for number in range(64))
    raw = bundled.digits().x.reshape(-1, 64).astype(np.float64)
    scaler = StandardScaler().fit(raw[parts["train"].ids])
    assert np.allclose(parts["test"].x, scaler.transform(raw[parts["test"].ids]), rtol=1e-5, atol=1e-6)


def test_the_line_is_tested_on_what_it_was_trained_on_and_says_so(tmp_path):
    schema, parts = made(tmp_path, dataset="line", split=Split(method="none"), normalise="none")
    assert schema.test_is_train
    assert schema.inputs is None
    assert schema.counts == {"train": 10, "val": 0, "test": 10}
    for mine, theirs in zip(parts["train"], parts["test"], strict=True):
        assert np.array_equal(mine, theirs)
    assert parts["train"].x[:, 0].tolist() == list(range(10))


def test_an_official_test_split_is_kept_whatever_the_method(tmp_path):
    for method in ("stratified", "shuffle", "none"):
        generated = Generated(train_rows=60, test_rows=30)
        schema, parts = made(tmp_path, dataset="uniform", generated=generated, split=Split(method=method))
        assert parts["test"].ids.tolist() == list(range(60, 90))
        assert not schema.test_is_train


def test_another_seed_is_another_split(tmp_path):
    first, second = (made(tmp_path, dataset="iris", seed=seed)[1]["test"].ids for seed in (1, 2))
    assert first.tolist() != second.tolist()


def test_a_split_that_cannot_be_made_leaves_nothing_behind(tmp_path):
    with pytest.raises(UserError, match=r"prepare\.split\.val"):
        made(tmp_path, dataset="random", generated=Generated(train_rows=3))
    assert list(tmp_path.iterdir()) == []
