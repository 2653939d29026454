"""The prepared format: what is written is read back, in the same bytes, whole or not at all."""

from __future__ import annotations

import json
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors import SafetensorError

from reprise.foundation.errors import UserError
from reprise.foundation.files import sha256_file
from reprise.prepared.schema import SPLITS, Schema
from reprise.prepared.shards import Arrays, PreparedWriter, read_schema, read_split


def schema(counts, shape=(3,), layout="table"):
    return Schema(
        dataset="test", layout=layout, task="classification", shape=shape, columns=(), target="y",
        classes=("a", "b"), counts=counts, class_counts={}, inputs=None, target_scale=None,
        test_is_train=False, source="a test", licence="none", raw={}, encoder=None,
    )  # fmt: skip


def rows(start, stop, shape=(3,), dtype=np.float32):
    size = int(np.prod(shape))
    x = (np.arange(start * size, stop * size) % 251).astype(dtype).reshape(-1, *shape)
    return Arrays(x, np.arange(start, stop) % 2, np.arange(start, stop))


def write(folder, parts, shard_bytes=2**20, split="train"):
    total = parts[-1][1]
    with PreparedWriter(folder, shard_bytes) as writer:
        for start, stop in parts:
            writer.add(split, rows(start, stop))
        return writer.finish(schema({name: total if name == split else 0 for name in SPLITS}))


def content(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 40), st.lists(st.integers(0, 40), max_size=5), st.integers(1, 130))
def test_shards_do_not_depend_on_how_rows_arrive(tmp_path_factory, total, cuts, shard_bytes):
    folder = tmp_path_factory.mktemp("prepared")
    edges = [0, *sorted(min(cut, total) for cut in cuts), total]
    whole = write(folder / "whole", [(0, total)], shard_bytes)
    parts = write(folder / "parts", list(pairwise(edges)), shard_bytes)
    assert whole == parts
    assert content(folder / "whole") == content(folder / "parts")
    per_shard = max(1, shard_bytes // 12)
    assert len(whole.files) == -(-total // per_shard)
    for mine, expected in zip(read_split(folder / "parts", parts, "train"), rows(0, total), strict=True):
        assert mine.dtype == expected.dtype
        assert np.array_equal(mine, expected)


def test_images_keep_their_bytes(tmp_path):
    images = rows(0, 7, (2, 3, 4), np.uint8)
    with PreparedWriter(tmp_path / "p", 50) as writer:
        writer.add("test", images)
        found = writer.finish(schema({"train": 0, "val": 0, "test": 7}, (2, 3, 4), "images"))
    assert sorted(found.files) == [f"test-{number:05d}.safetensors" for number in range(4)]
    read = read_split(tmp_path / "p", found, "test")
    assert read.x.dtype == np.uint8
    assert np.array_equal(read.x, images.x)
    empty = read_split(tmp_path / "p", found, "val")
    assert (empty.x.shape, empty.x.dtype, empty.y.dtype) == ((0, 2, 3, 4), np.uint8, np.int64)


def test_the_schema_is_read_back_and_names_every_file_with_its_hash(tmp_path):
    found = write(tmp_path / "p", [(0, 30)], 120)
    assert read_schema(tmp_path / "p") == found
    assert set(content(tmp_path / "p")) == {"schema.json", *found.files}
    for name, digest in found.files.items():
        assert sha256_file(tmp_path / "p" / name) == digest
    text = (tmp_path / "p" / "schema.json").read_text(encoding="utf-8")
    assert text == json.dumps(json.loads(text), sort_keys=True, indent=2, ensure_ascii=False) + "\n"


def test_a_failure_leaves_the_old_data_and_nothing_else(tmp_path):
    write(tmp_path / "p", [(0, 5)])
    before = content(tmp_path / "p")
    wrong = rows(0, 9)._replace(y=np.array(["a number is meant to stand here"] * 9))
    with PreparedWriter(tmp_path / "p", 12) as writer:
        writer.add("train", rows(0, 9))
        with pytest.raises(SafetensorError):
            writer.add("train", wrong)
    assert content(tmp_path / "p") == before
    assert [path.name for path in tmp_path.iterdir()] == ["p"]


def test_new_data_replaces_the_old_as_a_whole(tmp_path):
    write(tmp_path / "p", [(0, 50)], 120)
    write(tmp_path / "p", [(0, 5)])
    assert set(content(tmp_path / "p")) == {"schema.json", "train-00000.safetensors"}
    assert [path.name for path in tmp_path.iterdir()] == ["p"]


def test_a_folder_with_other_files_is_never_replaced(tmp_path):
    write(tmp_path / "p", [(0, 5)])
    thesis = tmp_path / "p" / "thesis.txt"
    thesis.write_text("three years of work")
    with pytest.raises(UserError, match=r"holds thesis\.txt, which is not prepared data"):
        write(tmp_path / "p", [(0, 5)])
    assert thesis.read_text() == "three years of work"
    with pytest.raises(UserError, match="is a file"):
        write(thesis, [(0, 5)])
    assert sorted(path.name for path in tmp_path.iterdir()) == ["p"]


def test_a_link_to_a_folder_elsewhere_stays_one(tmp_path):
    (tmp_path / "big_disk").mkdir()
    (tmp_path / "p").symlink_to(tmp_path / "big_disk")
    write(tmp_path / "p", [(0, 5)])
    write(tmp_path / "p", [(0, 6)])
    assert (tmp_path / "p").is_symlink()
    assert read_schema(tmp_path / "big_disk").counts["train"] == 6


def test_missing_and_damaged_files_are_named(tmp_path):
    folder = tmp_path / "p"
    with pytest.raises(UserError, match=r"schema\.json: no such file"):
        read_schema(folder)
    found = write(folder, [(0, 20)], 120)
    shard = folder / "train-00001.safetensors"
    whole = shard.read_bytes()
    for damage in (b"", b"\xff" * 50, whole[:-4]):
        shard.write_bytes(damage)
        with pytest.raises(UserError, match=r"train-00001\.safetensors: .*run the prepare stage again"):
            read_split(folder, found, "train")
    shard.unlink()
    with pytest.raises(UserError, match=r"train-00001\.safetensors: no such file"):
        read_split(folder, found, "train")
    other = write(tmp_path / "other", [(0, 3)])
    shard.write_bytes((tmp_path / "other" / next(iter(other.files))).read_bytes())
    with pytest.raises(
        UserError, match=r"train-00001\.safetensors: is not what schema\.json beside it names"
    ):
        read_split(folder, found, "train")
    named = found.model_copy(update={"files": {**found.files, shard.name: sha256_file(shard)}})
    with pytest.raises(UserError, match=r"holds \(13, 3\), but schema\.json says \(20, 3\)"):
        read_split(folder, named, "train")


@pytest.mark.parametrize(
    ("change", "where"),
    [
        ({"layout": "cloud"}, "layout"), ({"counts": {"train": 1.5}}, "counts.train"),
        ({"extra": 1}, "extra"), ({"inputs": {"mean": [1.0]}}, "inputs.std"),
    ],
)  # fmt: skip
def test_a_broken_schema_is_refused_with_the_place(tmp_path, change, where):
    write(tmp_path / "p", [(0, 5)])
    path = tmp_path / "p" / "schema.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}))
    with pytest.raises(UserError, match=rf"schema\.json: {where}: "):
        read_schema(tmp_path / "p")
    path.write_text("{")
    with pytest.raises(UserError, match="not valid JSON"):
        read_schema(tmp_path / "p")
