"""``reprise init-data`` for folders of images."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from starting import init, photos

from reprise.preparing.prepare import prepare
from reprise.settings.params_file import read_params
from reprise.starter.folder import FolderLook
from reprise.starter.text import folder_params


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
    assert (images.pixels, images.mode, images.corrupt) == (32, "rgb", "refuse")
    assert params.model.kind == "cnn"
    assert capsys.readouterr().out.startswith("data/raw/pets: 80 images of 2 classes, the smallest with 30\n")
    schema = prepare(params.prepare, Path("data/prepared"), Path("data/raw"))
    assert schema.shape == (3, 32, 32)


def test_gray_images_with_splits_and_damage(project, capsys):
    counts = {"train/a": 20, "train/b": 20, "val/a": 4, "val/b": 4, "test/a": 4, "test/b": 4}
    root = photos(project / "data" / "raw" / "scans", counts, size=(300, 200), mode="L")
    (root / "train" / "a" / "3.png").write_bytes(b"oops")
    params = init(root)
    assert (params.prepare.images.pixels, params.prepare.images.mode) == (64, "grayscale")
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
    assert (params.model.kind, params.prepare.images.pixels) == (kind, size)


@pytest.mark.parametrize(
    ("images", "classes", "optimizer", "val"),
    [(100, 2, "exact", 0.0), (3000, 99, "exact", 0.15), (9000, 99, "adamw", 0.15)],
)
def test_photographs_get_a_backbone_and_a_head_that_suits_their_number(
    images, classes, optimizer, val, tmp_path
):
    names = tuple(f"class {number}" for number in range(classes))
    look = FolderLook(images, names, 10, None, frozenset(), (), 480, "rgb", (), ())
    path = tmp_path / "params.yaml"
    path.write_text(folder_params("data/raw/photos", look), encoding="utf-8")
    params = read_params(path)
    prepare = params.prepare
    assert (params.model.kind, prepare.images.pixels, prepare.normalise) == ("pretrained", 224, "none")
    assert (params.train.optimizer, params.prepare.split.val) == (optimizer, val)
