"""Folders of images: what is read, how it is converted, and what the bytes don't depend on."""

from __future__ import annotations

import io
import os
import struct
import subprocess
import sys
import time
import unicodedata
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageOps

from reprise.data.images import decode as decoding
from reprise.data.images import reading
from reprise.data.images.decode import load_image, size_and_mode
from reprise.data.images.folder import read_folder
from reprise.data.images.prepare import prepare_images
from reprise.data.prepared import read_schema, read_split
from reprise.data.schema import SPLITS
from reprise.errors import UserError
from reprise.params import Images, Prepare, Split

ROOT = Path(__file__).parents[1]
pytestmark = pytest.mark.filterwarnings("ignore")  # pytest undoes the filter for Pillow's own warnings


def pixels(number, height=8, width=8):
    """Random but smooth-free content, another for each number."""
    return np.random.default_rng(number).integers(0, 256, (height, width, 3), dtype=np.uint8)


def content_of(array, kind="PNG", **options):
    stream = io.BytesIO()
    (array if isinstance(array, Image.Image) else Image.fromarray(array)).save(stream, kind, **options)
    return stream.getvalue()


def folder_of(root, counts, size=8):
    """Write PNG files of random pixels: counts is class (or split/class): number of images."""
    number = 0
    for name, count in counts.items():
        (root / name).mkdir(parents=True)
        for index in range(count):
            number += 1
            (root / name / f"{index:03}.png").write_bytes(content_of(pixels(number, size, size)))
    return root


def prepared(root, out, *, workers=2, size=8, mode="rgb", corrupt="refuse", **params):
    images = Images(path=str(root), size=size, mode=mode, corrupt=corrupt)
    schema = prepare_images(Prepare(dataset="images", images=images, **params), out, workers=workers)
    assert read_schema(out) == schema
    return schema, {split: read_split(out, schema, split) for split in SPLITS}


def content(folder):
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


# ---- the folder


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
    assert len(content(tmp_path / "one")) == 5  # a shard a split, schema.json, checks.json


def test_what_is_not_an_image_is_passed_over_and_names_do_not_matter(tmp_path):
    root = folder_of(tmp_path / "raw", {"a": 12, "b": 12})
    prepared(root, tmp_path / "one")
    for name in ("notes.txt", "a/Thumbs.db", "a/.DS_Store", "b/._000.png", "labels.csv", "desktop.ini"):
        (root / name).write_bytes(b"not an image")
    (root / ".ipynb_checkpoints").mkdir()
    (root / "__MACOSX").mkdir()
    (root / "b" / "000.png").rename(root / "b" / "000 renamed.png")  # still the first one
    prepared(root, tmp_path / "two")
    assert content(tmp_path / "one") == content(tmp_path / "two")
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
            "raw/x.png: is in no class's folder; move it into one",
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
    (root / "b" / "scan.tiff").write_bytes(content_of(pixels(2), "TIFF"))
    (root / "b" / "gone.png").symlink_to(root / "nowhere")
    return {
        "a/empty.png": "is empty",
        "a/text.jpg": "is not a JPEG, PNG, GIF, WebP or BMP image",
        "b/bomb.png": "unpacks to more than 100 million pixels",
        "b/cut.jpg": "is damaged or cut off (JPEG)",
        "b/gone.png": "can't be read (no such file or directory)",
        "b/scan.tiff": "is not a JPEG, PNG, GIF, WebP or BMP image",
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


# ---- one image


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("PNG", {}),
        ("BMP", {}),
        ("WEBP", {"lossless": True}),
        ("GIF", {}),
        ("JPEG", {"quality": 100, "subsampling": 0}),
    ],
)
def test_every_format_is_read_by_its_content(kind, options, tmp_path):
    path = tmp_path / "picture.wrong"
    source = np.repeat(np.repeat(pixels(1, 2, 2), 8, axis=0), 8, axis=1)
    path.write_bytes(content_of(source, kind, **options))
    loaded = load_image(path, size=16, mode="rgb")
    assert (loaded.shape, loaded.dtype, loaded.flags.c_contiguous) == ((3, 16, 16), np.uint8, True)
    assert np.abs(loaded.transpose(1, 2, 0).astype(int) - source).max() <= (3 if kind == "JPEG" else 0)


def test_only_the_first_frame_of_an_animation_counts():
    frames = [Image.fromarray(np.full((8, 8), value, np.uint8)) for value in (10, 200)]
    data = content_of(frames[0], "GIF", save_all=True, append_images=frames[1:])
    assert np.array_equal(load_image(data, size=8, mode="grayscale"), np.full((1, 8, 8), 10))


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
def test_exif_orientation_is_applied(kind, orientation):
    # Not square, so that the crop too happens after the turn.
    image = Image.fromarray(np.repeat(np.repeat(pixels(7, 4, 6), 16, axis=0), 16, axis=1))
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = content_of(image, kind, exif=exif, quality=100)
    turned = ImageOps.exif_transpose(Image.open(io.BytesIO(data)))
    expected = load_image(content_of(turned, "PNG"), size=64, mode="rgb")
    assert np.array_equal(load_image(data, size=64, mode="rgb"), expected)


def test_broken_exif_data_does_not_matter():
    plain = content_of(pixels(3, 32, 32), "JPEG")
    broken = b"Exif\0\0" + b"II*\0\xff\xff\xff\xff" + b"rubbish" * 9
    data = plain[:2] + b"\xff\xe1" + struct.pack(">H", len(broken) + 2) + broken + plain[2:]
    assert np.array_equal(load_image(data, size=32, mode="rgb"), load_image(plain, size=32, mode="rgb"))


def test_transparency_becomes_white():
    rgba = np.zeros((8, 8, 4), np.uint8)
    rgba[:, :, 0] = 200
    rgba[:4, :, 3] = 255
    rgba[4:, :4, 3] = 127
    loaded = load_image(content_of(rgba), size=8, mode="rgb")
    assert (loaded[:, 0, 0] == [200, 0, 0]).all()
    assert np.abs(loaded[:, 7, 0].astype(int) - [228, 128, 128]).max() <= 1  # half of it over white
    assert (loaded[:, 7, 7] == 255).all()
    gray = load_image(content_of(rgba), size=8, mode="grayscale")
    assert gray[0, 7, 7] == 255
    palette = Image.fromarray(rgba[:, :, :3]).quantize(4)
    data = content_of(palette, "PNG", transparency=palette.getpixel((0, 0)))
    assert (load_image(data, size=8, mode="rgb") == 255).all()


def test_sixteen_bits_keep_their_upper_eight():
    values = np.arange(0, 65536, 1024, dtype=np.uint16).reshape(8, 8) + 255
    expected = (values >> 8).astype(np.uint8)
    assert np.array_equal(load_image(content_of(values), size=8, mode="grayscale")[0], expected)
    assert np.array_equal(load_image(content_of(values), size=8, mode="rgb"), np.stack([expected] * 3))


def test_cmyk_palettes_and_bits_are_converted():
    cmyk = Image.fromarray(pixels(5, 32, 32)).convert("CMYK")
    data = content_of(cmyk, "JPEG", quality=100)
    oracle = np.asarray(Image.open(io.BytesIO(data)).convert("RGB")).transpose(2, 0, 1)
    assert np.array_equal(load_image(data, size=32, mode="rgb"), oracle)
    assert load_image(data, size=32, mode="grayscale").shape == (1, 32, 32)
    palette = Image.fromarray(pixels(6)).quantize(16)
    oracle = np.asarray(palette.convert("RGB")).transpose(2, 0, 1)
    assert np.array_equal(load_image(content_of(palette), size=8, mode="rgb"), oracle)
    bits = np.eye(8, dtype=bool)
    assert np.array_equal(load_image(content_of(bits), size=8, mode="grayscale")[0], bits * np.uint8(255))


def triangle(length, size):
    """The weights of a bilinear filter that averages when it shrinks, shape (size, length)."""
    scale = length / size
    reach = max(scale, 1.0)
    centres = (np.arange(size) + 0.5) * scale
    weights = np.maximum(0, 1 - np.abs(np.arange(length) + 0.5 - centres[:, None]) / reach)
    return weights / weights.sum(axis=1, keepdims=True)


@pytest.mark.parametrize(("height", "width", "size"), [(40, 40, 16), (37, 61, 16), (90, 50, 12), (9, 11, 24)])
def test_the_largest_centred_square_is_resized(height, width, size):
    source = pixels(9, height, width)
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    square = source[top : top + side, left : left + side].astype(np.float64)
    weights = triangle(side, size)
    expected = np.einsum("ij,jkc,lk->cil", weights, square, weights)
    assert np.abs(load_image(content_of(source), size=size, mode="rgb") - expected).max() <= 1.0


def test_a_large_photo_is_unpacked_smaller_and_looks_the_same():
    smooth = Image.fromarray(pixels(4, 12, 9)).resize((900, 1200), Image.Resampling.BICUBIC)
    data = content_of(smooth, "JPEG", quality=95)
    direct = load_image(content_of(Image.open(io.BytesIO(data))), size=64, mode="rgb")
    difference = np.abs(load_image(data, size=64, mode="rgb").astype(int) - direct)
    assert difference.max() <= 10
    assert difference.mean() <= 2


def test_a_jpeg_has_the_same_pixels_with_and_without_vector_instructions(tmp_path):
    number = 0
    for quality in (30, 95):
        for subsampling in (0, 1, 2):
            for progressive in (False, True):
                image = Image.fromarray(pixels(number, 20, 30)).resize((333, 217), Image.Resampling.BICUBIC)
                options = {"quality": quality, "subsampling": subsampling, "progressive": progressive}
                (tmp_path / f"{number:02}.jpg").write_bytes(content_of(image, "JPEG", **options))
                number += 1
    code = (
        "import hashlib, sys, pathlib; from reprise.data.images.decode import load_image;"
        "files = sorted(pathlib.Path(sys.argv[1]).iterdir());"
        "images = [load_image(f, size=s, mode='rgb') for f in files for s in (20, 50, 100, 217)];"
        "print(hashlib.sha256(b''.join(i.tobytes() for i in images)).hexdigest())"
    )
    hashes = set()
    for setting in ({}, {"JSIMD_FORCESSE2": "1"}, {"JSIMD_FORCENONE": "1"}):
        done = subprocess.run(
            [sys.executable, "-c", code, str(tmp_path)],
            cwd=ROOT, env={**os.environ, **setting}, capture_output=True, text=True, check=True,
        )  # fmt: skip
        hashes.add(done.stdout)
    assert len(hashes) == 1


KINDS = {
    "PNG": b"\x89PNG\r\n\x1a\n", "GIF": b"GIF89a", "JPEG": b"\xff\xd8\xff\xe0",
    "WEBP": b"RIFF\x40\0\0\0WEBPVP8 ", "BMP": b"BM",
}  # fmt: skip


def shape_or_error(data):
    """Return the shape of what is loaded, or the place that the one error names."""
    try:
        return load_image(data, size=8, mode="rgb").shape
    except UserError as error:
        return str(error).partition(":")[0]


@settings(max_examples=300, deadline=None)
@given(start=st.sampled_from([b"", *KINDS.values()]), rest=st.binary(max_size=200))
def test_random_bytes_are_an_image_or_an_error(start, rest):
    assert shape_or_error(start + rest) in ((3, 8, 8), "image")


@settings(max_examples=300, deadline=None)
@given(
    kind=st.sampled_from(sorted(KINDS)),
    changes=st.lists(st.tuples(st.integers(0, 2000), st.integers(0, 255)), max_size=6),
    cut=st.integers(0, 3000),
)
def test_damaged_files_are_an_image_or_an_error(kind, changes, cut):
    exif = Image.Exif()
    exif[0x0112] = 6
    options = {} if kind in ("GIF", "BMP") else {"exif": exif}
    data = bytearray(content_of(pixels(11, 12, 12), kind, **options)[: cut or None])
    for place, value in changes:
        data[place % len(data)] = value
    assert shape_or_error(bytes(data)) in ((3, 8, 8), "image")


def test_a_file_that_cannot_be_used_is_named_by_load_image(tmp_path):
    with pytest.raises(UserError, match=r"x\.png: can't be read \(no such file"):
        load_image(tmp_path / "x.png", size=8, mode="rgb")
    with pytest.raises(UserError, match="line 3: is empty"):
        load_image(b"", size=8, mode="rgb", name="line 3")
    assert decoding.kind_of(b"RIFF1234WEBP") == "WEBP"
