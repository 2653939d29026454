"""Folders of images: what is read, how it is split, and what the bytes don't depend on."""

from __future__ import annotations

import os
import struct
import time
import unicodedata
import zlib

import numpy as np
import pytest
from image_files import content, content_of, folder_of, pixels, prepared
from PIL import Image

from reprise.foundation.errors import UserError
from reprise.images import reading
from reprise.images.decode import size_and_mode
from reprise.images.folder import read_folder
from reprise.settings.params import Split

pytestmark = pytest.mark.filterwarnings("ignore")  # pytest undoes the filter for Pillow's own warnings


def test_a_folder_becomes_rows_classes_and_statistics(tmp_path):
    root = folder_of(tmp_path / "raw", {"dog": 30, "cat": 20})
    schema, parts = prepared(root, tmp_path / "out")
    assert schema.classes == ("cat", "dog")
    assert schema.shape == (3, 8, 8)
    assert schema.counts == {"train": 36, "val": 4, "test": 10}
    assert schema.class_counts["test"] == {"cat": 4, "dog": 6}
    files = sorted(root.rglob("*.png"))
    for rows in parts.values():
        assert (np.diff(rows.ids) > 0).all()
        for x, y, number in zip(*rows, strict=True):
            assert np.array_equal(x, np.asarray(Image.open(files[number])).transpose(2, 0, 1))
            assert schema.classes[y] == files[number].parent.name
    assert sorted(np.concatenate([rows.ids for rows in parts.values()])) == list(range(50))
    train = parts["train"].x.astype(np.float64)
    assert schema.inputs.mean == pytest.approx(train.mean(axis=(0, 2, 3)))
    assert schema.inputs.std == pytest.approx(train.std(axis=(0, 2, 3)))
    assert size_and_mode(schema.shape) == (8, "rgb")


@pytest.mark.parametrize("how", ["feature", "global", "none"])
def test_flattened_images_are_a_normalised_table(how, tmp_path):
    root = folder_of(tmp_path / "raw", {"a": 12, "b": 12})
    schema, parts = prepared(root, tmp_path / "out", flatten=True, normalise=how, mode="grayscale")
    _, plain = prepared(root, tmp_path / "plain", mode="grayscale")
    assert (schema.layout, schema.shape, schema.columns[-1]) == ("table", (64,), "pixel_63")
    train = plain["train"].x.reshape(-1, 64).astype(np.float64)
    axis = 0 if how == "feature" else None
    mean, std = (0, 1) if how == "none" else (train.mean(axis=axis), train.std(axis=axis))
    expected = (plain["test"].x.reshape(-1, 64) - mean) / std
    assert np.allclose(parts["test"].x, expected, rtol=1e-5, atol=1e-6)
    assert parts["test"].x.dtype == np.float32


def test_the_bytes_depend_on_neither_workers_nor_timing(tmp_path, monkeypatch):
    root = folder_of(tmp_path / "raw", {"a": 150, "b": 70})
    prepared(root, tmp_path / "one", workers=1)
    pauses = iter(np.random.default_rng(1).uniform(0, 0.002, 1000).tolist())
    real = reading.decode

    def slow(*args):
        time.sleep(next(pauses))
        return real(*args)

    monkeypatch.setattr(reading, "decode", slow)
    monkeypatch.setattr(reading, "BLOCK_IMAGES", 7)
    prepared(root, tmp_path / "two", workers=5)
    assert content(tmp_path / "one") == content(tmp_path / "two")
    assert (
        len(content(tmp_path / "one")) == 6
    )  # a shard a split, the test rows' names, schema.json, checks.json


def test_what_is_not_an_image_is_passed_over_and_names_change_no_row(tmp_path):
    root = folder_of(tmp_path / "raw", {"a": 12, "b": 12})
    prepared(root, tmp_path / "one")
    for name in ("notes.txt", "a/Thumbs.db", "a/.DS_Store", "b/._000.png", "labels.csv", "desktop.ini"):
        (root / name).write_bytes(b"not an image")
    (root / ".ipynb_checkpoints").mkdir()
    (root / "__MACOSX").mkdir()
    (root / "b" / "000.png").rename(root / "b" / "000 renamed.png")  # still the first one
    prepared(root, tmp_path / "two")
    one, two = content(tmp_path / "one"), content(tmp_path / "two")
    differ = {name for name in one if one[name] != two[name]}
    assert differ <= {"names-test-00000.safetensors", "schema.json"}  # which has the hash of the other
    assert one.keys() == two.keys()
    (root / "b" / "000 renamed.png").write_bytes(content_of(pixels(999)))
    prepared(root, tmp_path / "three")
    assert content(tmp_path / "three") != content(tmp_path / "one")


def test_class_names_are_the_same_in_any_unicode_form(tmp_path):
    names = ["강아지", "고양이", "Åse", "zebra"]
    for form in ("NFC", "NFD"):
        folder_of(tmp_path / form, {unicodedata.normalize(form, name): 6 for name in names})
        schema, _ = prepared(tmp_path / form, tmp_path / f"out-{form}")
        assert schema.classes == tuple(sorted(names))
    assert content(tmp_path / "out-NFC") == content(tmp_path / "out-NFD")


def test_folders_inside_a_class_belong_to_it_and_links_are_not_followed_in_circles(tmp_path):
    root = folder_of(tmp_path / "raw", {"a/day": 3, "a/night": 3, "b": 6})
    elsewhere = folder_of(tmp_path / "elsewhere", {"c": 6})
    (root / "a" / "up").symlink_to(root)
    (root / "b" / "itself").symlink_to(root / "b" / "itself")
    (root / "c").symlink_to(elsewhere / "c")
    folder = read_folder(root)
    assert folder.classes == ("a", "b", "c")
    assert [len([f for f in folder.files if f.label == n]) for n in range(3)] == [6, 6, 6]
    assert folder.files[0].name == "a/day/000.png"


def test_a_folder_name_that_is_not_unicode_is_refused(tmp_path):
    root = folder_of(tmp_path / "raw", {"a": 2, "b": 2})
    os.mkdir(os.fsencode(root) + b"/caf\xe9")  # noqa: PTH102
    with pytest.raises(UserError, match=r"the folder caf\\xe9 has a name that is not UTF-8"):
        read_folder(root)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda _: None, "no such folder; give a folder with one folder per class"),
        (lambda root: root.write_text("x"), "is a file"),
        (lambda root: root.mkdir(), "at least two classes; found none"),
        (lambda root: folder_of(root, {"only": 2}), "found only 'only'"),
        (
            lambda root: (folder_of(root, {"a": 1, "b": 1}) / "x.png").write_bytes(content_of(pixels(1))),
            "raw/x.png: is in no class's folder; move it into one or remove it",
        ),
        (
            lambda root: folder_of(root, {"train/a": 1, "test/a": 1, "other/a": 1}),
            "has train and test or val folders and also other",
        ),
    ],
)
def test_folders_that_make_no_dataset(make, message, tmp_path):
    make(tmp_path / "raw")
    with pytest.raises(UserError) as caught:
        prepared(tmp_path / "raw", tmp_path / "out")
    assert message in str(caught.value)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("split", ["", "train/"])
def test_other_files_beside_the_classes_are_named_with_what_to_do(split, tmp_path, capsys):
    counts = {"a": 9, "b": 9} if not split else {"train/a": 9, "train/b": 9, "test/a": 2, "test/b": 2}
    root = folder_of(tmp_path / "raw", counts)
    for name in ("Thumbs.db", ".DS_Store", ".hidden", "desktop.ini", f"{split}a/notes.txt"):
        (root / name).write_text("x")
    prepared(root, tmp_path / "out")
    assert "in no class" not in capsys.readouterr().err
    for name in ("notes.txt", f"{split}labels.csv"):
        (root / name).write_text("x")
    schema, _ = prepared(root, tmp_path / "out")
    assert schema.classes == ("a", "b")
    why = "is no image and in no class's folder; it is passed over: move it into one or remove it"
    told = [line for line in capsys.readouterr().err.splitlines() if line.startswith("note: ")]
    assert told == [f"note: {root}/{name}: {why}" for name in sorted(("notes.txt", f"{split}labels.csv"))]


# ---- splits that the folder makes


def test_split_folders_are_kept(tmp_path):
    counts = {"train/a": 7, "train/b": 5, "valid/a": 2, "valid/b": 2, "test/a": 3, "test/b": 1}
    root = folder_of(tmp_path / "raw", counts)
    for method in ("stratified", "none"):
        schema, parts = prepared(root, tmp_path / "out", split=Split(method=method))
        assert schema.counts == {"train": 12, "val": 4, "test": 4}
        assert schema.class_counts["train"] == {"a": 7, "b": 5}
        assert parts["train"].ids.tolist() == list(range(12))
        assert parts["test"].ids.tolist() == list(range(16, 20))
        assert not schema.test_is_train


def test_a_missing_val_folder_is_split_off_train(tmp_path):
    root = folder_of(tmp_path / "raw", {"train/a": 20, "train/b": 10, "test/a": 4, "test/b": 4})
    schema, parts = prepared(root, tmp_path / "out", split=Split(val=0.2))
    assert schema.counts == {"train": 24, "val": 6, "test": 8}
    assert parts["test"].ids.tolist() == list(range(30, 38))


def test_a_missing_test_folder_is_split_off_train(tmp_path):
    root = folder_of(tmp_path / "raw", {"train/a": 20, "train/b": 10, "val/a": 4, "val/b": 4})
    schema, parts = prepared(root, tmp_path / "out", split=Split(test=0.2, val=0.5))
    assert schema.counts == {"train": 24, "val": 8, "test": 6}
    assert parts["val"].ids.tolist() == list(range(30, 38))


def test_a_class_without_train_images_is_refused(tmp_path):
    counts = {"train/a": 3, "train/b": 3, "val/a": 1, "test/new": 3}
    root = folder_of(tmp_path / "raw", counts)
    with pytest.raises(UserError, match="'new'"):
        prepared(root, tmp_path / "out")


def test_train_may_be_a_class(tmp_path):
    root = folder_of(tmp_path / "raw", {"train": 5, "bus": 5})
    assert read_folder(root).classes == ("bus", "train")


# ---- what can't be used


def bomb():
    """A PNG that says it has 20,000 by 20,000 pixels."""
    header = struct.pack(">IIBBBBB", 20_000, 20_000, 8, 2, 0, 0, 0)
    chunk = b"IHDR" + header
    end = struct.pack(">I", 0) + b"IEND" + struct.pack(">I", zlib.crc32(b"IEND"))
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + chunk + struct.pack(">I", zlib.crc32(chunk)) + end


def damaged(root):
    """Add files that can't be used; return their names with the reason."""
    whole = content_of(pixels(1, 64, 64), "JPEG")
    (root / "a" / "empty.png").write_bytes(b"")
    (root / "a" / "text.jpg").write_bytes(b"<html>404</html>")
    (root / "b" / "cut.jpg").write_bytes(whole[: len(whole) // 2])
    (root / "b" / "bomb.png").write_bytes(bomb())
    (root / "b" / "scan.tiff").write_bytes(content_of(pixels(2)[..., 0].astype(np.float32), "TIFF"))
    (root / "b" / "gone.png").symlink_to(root / "nowhere")
    return {
        "a/empty.png": "is empty",
        "a/text.jpg": "is not a JPEG, PNG, GIF, WebP, BMP or TIFF image",
        "b/bomb.png": "unpacks to more than 100 million pixels",
        "b/cut.jpg": "is damaged or cut off (JPEG)",
        "b/gone.png": "can't be read (no such file or directory)",
        "b/scan.tiff": "holds signed, 32-bit or floating-point values (TIFF); save it with 8 or 16 bits",
    }


@pytest.mark.parametrize("flatten", [False, True])
def test_unusable_images_are_all_named_and_refused(flatten, tmp_path):
    root = folder_of(tmp_path / "raw", {"a": 10, "b": 10})
    prepared(root, tmp_path / "out")
    before = content(tmp_path / "out")
    bad = damaged(root)
    with pytest.raises(UserError) as caught:
        prepared(root, tmp_path / "out", flatten=flatten)
    *lines, advice = caught.value.problems
    for line, (name, reason) in zip(lines, bad.items(), strict=True):
        assert line.startswith(f"{root}/{name}: {reason}")
    assert advice.endswith("set prepare.images.corrupt: skip")
    assert content(tmp_path / "out") == before
    assert {path.name for path in tmp_path.iterdir()} == {"raw", "out"}


@pytest.mark.parametrize("flatten", [False, True])
def test_unusable_images_are_skipped_and_named(flatten, tmp_path, capsys):
    root = folder_of(tmp_path / "raw", {"a": 10, "b": 10})
    bad = damaged(root)
    schema, parts = prepared(root, tmp_path / "out", corrupt="skip", flatten=flatten)
    told = capsys.readouterr().err
    assert all(f"skipped: {root}/{name}: {reason}" in told for name, reason in bad.items())
    assert told.count("skipped") == len(bad)
    files = [file.name for file in read_folder(root).files]
    assert len(files) == 26
    used = sorted(number for rows in parts.values() for number in rows.ids.tolist())
    assert [files[number] for number in used] == [name for name in files if name not in bad]
    assert sum(schema.counts.values()) == 20
    assert sum(sum(of_class.values()) for of_class in schema.class_counts.values()) == 20


def test_empty_classes_are_named(tmp_path, capsys):
    root = folder_of(tmp_path / "raw", {"a": 10, "b": 10, "empty one": 0})
    with pytest.raises(UserError) as caught:
        prepared(root, tmp_path / "out")
    assert "raw/empty one: no image in this class's folder" in caught.value.problems[0]
    schema, _ = prepared(root, tmp_path / "out", corrupt="skip")
    assert schema.classes == ("a", "b")
    assert "skipped" in capsys.readouterr().err


def test_a_class_that_loses_all_its_images_is_refused_even_when_skipping(tmp_path):
    root = folder_of(tmp_path / "raw", {"a": 10, "b": 0})
    for number in range(10):
        (root / "b" / f"{number}.png").write_bytes(b"")
    with pytest.raises(UserError, match=r"no image of the class\(es\) 'b' can be used"):
        prepared(root, tmp_path / "out", corrupt="skip")
    assert not (tmp_path / "out").exists()


def test_many_problems_are_counted(tmp_path):
    root = folder_of(tmp_path / "raw", {"a": 10, "b": 10})
    for number in range(50):
        (root / "a" / f"x{number:02}.png").write_bytes(b"")
    with pytest.raises(UserError) as caught:
        prepared(root, tmp_path / "out")
    assert len(caught.value.problems) == 22
    assert "… and 30 more" in caught.value.problems[20]
