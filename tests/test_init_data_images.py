"""``reprise init-data`` for folders of images."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from starting import init, photos

from reprise.preparing.prepare import prepare


def test_a_rare_class_of_many_images_is_told(project, capsys):
    root = photos(project / "data" / "raw" / "pets", {"cat": 40, "dog": 30, "emu": 3})
    init(root)
    assert "note: class 'emu' has 3 of 73 rows: " in capsys.readouterr().out
    text = Path("params.yaml").read_text()
    assert "  class_weights: none  # class 'emu' has 3 of 73 rows; balanced: " in text
    assert "threshold" not in text


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


def test_many_large_images_get_a_deep_network(project):
    root = photos(project / "data" / "raw" / "x", {"a": 1, "b": 1}, size=(130, 140))
    for number in range(2000):
        os.link(root / "a" / "0.png", root / "a" / f"x{number}.png")
    params = init(root)
    assert (params.model.kind, params.prepare.images.size) == ("resnet18", 128)
