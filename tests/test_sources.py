"""The built-in datasets beside scikit-learn's loaders, closed forms and hand-made files."""

from __future__ import annotations

import gzip
import hashlib
import io
import os
import statistics
import struct
import tarfile
from pathlib import Path

import numpy as np
import pytest
from sklearn import datasets

from reprise.data.sources import bundled, cifar, idx, load, toy
from reprise.foundation.download import RemoteFile
from reprise.foundation.errors import EnvironmentProblem, UserError
from reprise.foundation.normal import normal, quantile
from reprise.settings.contradictions import DATASETS
from reprise.settings.params import Generated, Prepare

OFFLINE = ("line", "random", "uniform", "iris", "breast_cancer", "diabetes", "digits")
REAL = Path(os.environ.get("REPRISE_DATA", Path(__file__).parents[1] / "data" / "raw"))


def sha256(data):
    return hashlib.sha256(data).hexdigest()


def check_facts(name, raw):
    """A dataset is what the params' checks believe it to be, and its parts fit together."""
    facts = DATASETS[name]
    assert (raw.layout, raw.task) == (facts.layout, facts.task)
    assert (len(raw.classes) or None) == facts.classes
    assert (raw.official_test is not None) == facts.official_test
    assert len(raw.x) == len(raw.y)
    assert raw.source
    assert raw.licence
    if raw.layout == "table":
        assert raw.x.shape == (len(raw.y), len(raw.columns))
        assert raw.x.dtype == np.float64
        assert len(set(raw.columns)) == len(raw.columns)
    else:
        assert (raw.x.ndim, raw.x.dtype, raw.columns) == (4, np.uint8, ())
    if raw.task == "classification":
        assert raw.y.dtype == np.int64
        assert set(raw.y.tolist()) == set(range(len(raw.classes)))
    else:
        assert raw.y.dtype == np.float64


@pytest.mark.parametrize("name", OFFLINE)
def test_datasets_without_downloads_are_what_the_params_checks_believe(name, tmp_path):
    check_facts(name, load(Prepare(dataset=name), tmp_path))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("raw", "loader"),
    [(bundled.iris, datasets.load_iris), (bundled.breast_cancer, datasets.load_breast_cancer)],
)
def test_tables_equal_scikit_learns(raw, loader):
    mine, theirs = raw(), loader()
    assert np.array_equal(mine.x, theirs.data)
    assert np.array_equal(mine.y, theirs.target)
    assert mine.columns == tuple(theirs.feature_names)
    assert mine.classes == tuple(theirs.target_names)


def test_diabetes_equals_scikit_learns_unscaled():
    mine, theirs = bundled.diabetes(), datasets.load_diabetes(scaled=False)
    assert np.array_equal(mine.x, theirs.data)
    assert np.array_equal(mine.y, theirs.target)
    assert mine.columns == tuple(theirs.feature_names)


def test_digits_equal_scikit_learns():
    mine, theirs = bundled.digits(), datasets.load_digits()
    assert np.array_equal(mine.x[:, 0], theirs.images)
    assert np.array_equal(mine.y, theirs.target)
    assert mine.x.shape == (1797, 1, 8, 8)


def test_another_version_of_a_packaged_file_is_an_environment_problem(monkeypatch):
    monkeypatch.setitem(bundled.SHA256, "iris.csv", "0" * 64)
    with pytest.raises(EnvironmentProblem, match=r"iris\.csv: is not the file that Reprise knows"):
        bundled.iris()
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)
    with pytest.raises(EnvironmentProblem, match="not installed"):
        bundled.digits()


def test_the_line_is_the_exercises():
    raw = toy.line()
    assert raw.x[:, 0].tolist() == list(range(10))
    slope, intercept = np.polyfit(raw.x[:, 0], raw.y, 1)
    # The least-squares error that the exercise is measured against.
    assert np.mean((slope * raw.x[:, 0] + intercept - raw.y) ** 2) == pytest.approx(0.40275, abs=1e-5)


@pytest.mark.parametrize("name", ["random", "uniform"])
def test_generated_data_is_noise_of_the_right_kind(name):
    raw = toy.generated(Prepare(dataset=name, seed=3, generated=Generated(train_rows=20_000, test_rows=500)))
    assert raw.official_test.tolist() == [False] * 20_000 + [True] * 500
    assert raw.x.shape == (20_500, 10)
    # 20,000 coins: standard deviation of the share 0.0035.
    assert raw.y[:20_000].mean() == pytest.approx(0.5, abs=0.02)
    mean, deviation = {"random": (0.0, 1.0), "uniform": (0.5, 12**-0.5)}[name]
    assert np.allclose(raw.x.mean(0), mean, atol=0.05)
    assert np.allclose(raw.x.std(0), deviation, atol=0.02)
    correlation = np.corrcoef(np.column_stack([raw.x, raw.y]).T) - np.eye(11)
    assert abs(correlation).max() < 0.04
    if name == "uniform":
        assert 0 <= raw.x.min() < raw.x.max() < 1


def test_generated_train_rows_do_not_depend_on_the_number_of_test_rows():
    few, many = (
        toy.generated(Prepare(dataset="random", generated=Generated(train_rows=30, test_rows=rows)))
        for rows in (5, 50)
    )
    assert np.array_equal(few.x[:30], many.x[:30])
    assert np.array_equal(few.y[:30], many.y[:30])
    assert len({row.tobytes() for row in many.x}) == 80


def test_normal_numbers_follow_the_inverse_distribution_function():
    tails = [10.0**-power for power in range(1, 17)]
    p = np.array([*np.linspace(0.001, 0.999, 999), *tails, *(1 - tail for tail in tails[:15]), 2.0**-53])
    expected = np.array([statistics.NormalDist().inv_cdf(value) for value in p])
    assert np.allclose(quantile(p), expected, rtol=1e-6, atol=1e-9)
    found = normal(100_000, 1, "test")
    assert np.isfinite(found).all()
    # The largest gap to the normal distribution function; 1.95 / sqrt(n) is passed once in a thousand.
    heights = (np.arange(100_000) + 0.5) / 100_000
    below = np.array([statistics.NormalDist().cdf(value) for value in np.sort(found)])
    assert abs(below - heights).max() < 1.95 / 100_000**0.5


def test_normal_numbers_never_change():
    digest = sha256(normal(10_000, 7, "golden").tobytes())
    assert digest == "3ebefc0907376bc6f8b32da0e16e499e305184b415a7ed4889ab1e6475172392"


def idx_bytes(array):
    header = bytes([0, 0, 8, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape)
    return gzip.compress(header + array.tobytes(), mtime=0)


def publish(folder, arrays, base=idx.MNIST):
    """Write idx files and return them as a published dataset with their own hashes and no mirrors."""
    folder.mkdir(parents=True)
    files = []
    for name, array in zip(idx.NAMES, arrays, strict=True):
        data = idx_bytes(array)
        (folder / name).write_bytes(data)
        files.append(RemoteFile(name, len(data), sha256(data), ()))
    return base._replace(files=tuple(files))


@pytest.fixture
def images():
    draw = np.random.default_rng(1)
    return [
        draw.integers(0, 256, (30, 5, 4), dtype=np.uint8),
        np.arange(30, dtype=np.uint8) % 10,
        draw.integers(0, 256, (20, 5, 4), dtype=np.uint8),
        np.arange(20, dtype=np.uint8)[::-1] % 10,
    ]


def test_idx_datasets_are_read_with_their_official_test_rows(tmp_path, images):
    published = publish(tmp_path / "mnist", images)
    raw = idx.read_published(published, tmp_path / "mnist", tmp_path / "cache")
    check_facts("mnist", raw)
    assert np.array_equal(raw.x[:30, 0], images[0])
    assert np.array_equal(raw.x[30:, 0], images[2])
    assert raw.y.tolist() == [*images[1].tolist(), *images[3].tolist()]
    assert raw.official_test.tolist() == [False] * 30 + [True] * 20
    assert raw.raw == {name: sha256((tmp_path / "mnist" / name).read_bytes()) for name in idx.NAMES}


def test_images_and_labels_that_do_not_match_are_refused(tmp_path, images):
    images[3] = images[3][:-1]
    published = publish(tmp_path / "mnist", images)
    with pytest.raises(UserError, match=r"t10k-images.*\(20, 5, 4\) and labels \(19,\) don't match"):
        idx.read_published(published, tmp_path / "mnist", tmp_path / "cache")


@pytest.mark.parametrize(
    ("data", "found"),
    [
        (b"not gzip", "not a gzip file"),
        (b"", r"not an idx file of bytes \(starts with \)"),
        (gzip.compress(b"\0\0\x0d\x01\0\0\0\0", mtime=0), "starts with 00 00 0d 01"),
        (gzip.compress(b"\0\0\x08\x03\0\0\0\1", mtime=0), "not an idx file"),
        (gzip.compress(b"\0\0\x08\x01\0\0\0\x05abc", mtime=0), r"holds 3 values, but its header says \(5,\)"),
        (gzip.compress(b"\0\0\x08\x01\0\0\0\x05abcde", mtime=0)[:-9], "not a gzip file"),
    ],
)
def test_a_broken_idx_file_is_refused_by_name(tmp_path, data, found):
    path = tmp_path / "broken.gz"
    path.write_bytes(data)
    with pytest.raises(UserError, match=found) as caught:
        idx.read_idx(path)
    assert str(caught.value).startswith(str(path))


def cifar_archive(path, batches):
    with tarfile.open(path, "w:gz") as archive:
        for name, data in batches.items():
            member = tarfile.TarInfo(f"cifar-10-batches-bin/{name}")
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    data = path.read_bytes()
    return RemoteFile(path.name, len(data), sha256(data), ())


@pytest.fixture
def batches():
    """Six batches of 10 records; in record r of batch b, red is b, green is r and blue counts columns."""
    found = {"batches.meta.txt": b"airplane\n"}
    for b, name in enumerate(cifar.BATCHES):
        rows = [bytes([r]) + bytes([b]) * 1024 + bytes([r]) * 1024 + bytes(range(32)) * 32 for r in range(10)]
        found[name] = b"".join(rows)
    # The order in the archive is not the order of the rows.
    return dict(reversed(found.items()))


def test_cifar_is_read_from_its_archive(tmp_path, batches):
    archive = cifar_archive(tmp_path / "cifar-10-binary.tar.gz", batches)
    raw = cifar.cifar10(tmp_path, tmp_path / "cache", archive)
    check_facts("cifar10", raw)
    assert raw.x.shape == (60, 3, 32, 32)
    assert raw.y.tolist() == list(range(10)) * 6
    assert raw.official_test.tolist() == [False] * 50 + [True] * 10
    assert raw.x[:, 0, 0, 0].tolist() == [b for b in range(6) for _ in range(10)]
    assert raw.x[:, 1, 31, 31].tolist() == list(range(10)) * 6
    assert raw.x[7, 2, 3].tolist() == list(range(32))


def test_a_broken_cifar_archive_is_refused_by_name(tmp_path, batches):
    path = tmp_path / "cifar-10-binary.tar.gz"
    path.write_bytes(b"not an archive")
    with pytest.raises(UserError, match="not a gzipped tar archive"):
        cifar.read_batches(path)
    cifar_archive(path, {**batches, "data_batch_3.bin": b"\0" * 3072})
    with pytest.raises(UserError, match=r"data_batch_3\.bin has 3,072 bytes, not a multiple of 3073"):
        cifar.read_batches(path)
    del batches["test_batch.bin"]
    cifar_archive(path, batches)
    with pytest.raises(UserError, match=r"holds no test_batch\.bin"):
        cifar.read_batches(path)
    path.write_bytes(path.read_bytes()[:500])
    with pytest.raises(UserError, match="not a gzipped tar archive"):
        cifar.read_batches(path)


@pytest.mark.parametrize(
    ("name", "per_class", "mean", "deviation"),
    # The figures that everyone normalises these datasets with, in units of 255.
    [("mnist", None, 0.1307, 0.3081), ("fashion_mnist", 6000, 0.2860, 0.3530)],
)
def test_the_real_files_are_what_is_published(name, per_class, mean, deviation, tmp_path):
    folder = next((f for f in (REAL / name, REAL / name.replace("_", "-")) if f.is_dir()), None)
    if folder is None or not all((folder / file).exists() for file in idx.NAMES):
        pytest.skip(f"{name}'s files are not in {REAL}; set REPRISE_DATA to the folder that holds them")
    raw = idx.read_published(getattr(idx, name.upper()), folder, tmp_path)
    check_facts(name, raw)
    assert raw.x.shape == (70_000, 1, 28, 28)
    train = ~raw.official_test
    assert train.sum() == 60_000
    assert raw.x[train].mean() / 255 == pytest.approx(mean, abs=1e-4)
    assert raw.x[train].std() / 255 == pytest.approx(deviation, abs=1e-4)
    if per_class:
        assert np.bincount(raw.y[train]).tolist() == [per_class] * 10
