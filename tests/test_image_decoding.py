"""One image: formats, orientation, colours, sizes, and bytes that are none."""

from __future__ import annotations

import io
import os
import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from image_files import content_of, pixels
from PIL import Image, ImageOps

from reprise.foundation.errors import UserError
from reprise.images import decode as decoding
from reprise.images.decode import load_image

ROOT = Path(__file__).parents[1]
pytestmark = pytest.mark.filterwarnings("ignore")  # pytest undoes the filter for Pillow's own warnings


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
        "import hashlib, sys, pathlib; from reprise.images.decode import load_image;"
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
