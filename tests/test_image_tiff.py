"""TIFF: every kind of value that is read, those that are refused, and files of several pages."""

from __future__ import annotations

import struct
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from image_files import content_of, folder_of, pixels, prepared
from PIL import Image

from reprise.foundation.errors import UserError
from reprise.images.decode import has_more_pages, load_image

pytestmark = pytest.mark.filterwarnings("ignore")  # pytest undoes the filter for Pillow's own warnings
RANDOM = np.random.default_rng(1)
GRAY = RANDOM.integers(0, 2**16, (8, 8)).astype(np.uint16)
COLOURS = RANDOM.integers(0, 2**16, (8, 8, 3)).astype(np.uint16)
WHITE_IS_ZERO, BLACK_IS_ZERO, RGB = 0, 1, 2
UNSIGNED, SIGNED, FLOAT = 1, 2, 3


def tiff(
    values: Any, bits: int, meaning: int = BLACK_IS_ZERO, kind: int = UNSIGNED, order: str = "<"
) -> bytes:
    """An uncompressed file of one page, as TIFF 6.0 describes it; `bits` 12 are packed."""
    height, width, samples = (*values.shape, 1)[:3]
    if bits == 12:
        rows = ["".join(f"{value:012b}" for value in row) for row in values.reshape(height, -1).tolist()]
        raw = b"".join(int(row, 2).to_bytes(len(row) // 8, "big") for row in rows)
    else:
        raw = values.astype(values.dtype.newbyteorder(order)).tobytes()
    start = (b"II" if order == "<" else b"MM") + struct.pack(order + "HI", 42, 24 + len(raw))
    many = [struct.pack(order + "4H", *[number] * 4) for number in (bits, kind)]  # at 8 and 16
    tags = [
        (256, 4, 1, width), (257, 4, 1, height), (258, 3, samples, bits if samples == 1 else 8),
        (259, 3, 1, 1), (262, 3, 1, meaning), (273, 4, 1, 24), (277, 3, 1, samples), (278, 4, 1, height),
        (279, 4, 1, len(raw)), (339, 3, samples, kind if samples == 1 else 16),
    ]  # fmt: skip
    entries = b"".join(
        struct.pack(order + "HHI", tag, size, count)
        + (
            struct.pack(order + "HH", value, 0)
            if (size, count) == (3, 1)
            else struct.pack(order + "I", value)
        )
        for tag, size, count, value in tags
    )
    directory = struct.pack(order + "H", len(tags)) + entries + struct.pack(order + "I", 0)
    return start + b"".join(many) + raw + directory


def loaded(data: bytes, mode: Any = "grayscale") -> np.ndarray:
    return load_image(data, size=8, mode=mode)


@pytest.mark.parametrize(
    ("values", "bits", "meaning", "order", "expected"),
    [
        (GRAY >> 8, 8, BLACK_IS_ZERO, "<", GRAY >> 8),
        (GRAY >> 8, 8, WHITE_IS_ZERO, ">", 255 - (GRAY >> 8)),
        (GRAY, 16, BLACK_IS_ZERO, "<", GRAY >> 8),
        (GRAY, 16, BLACK_IS_ZERO, ">", GRAY >> 8),
        (GRAY, 16, WHITE_IS_ZERO, "<", (65535 - GRAY) >> 8),
        (GRAY >> 4, 12, BLACK_IS_ZERO, "<", GRAY >> 8),
    ],
)
def test_gray_values_keep_their_upper_bits(
    values: np.ndarray, bits: int, meaning: int, order: str, expected: np.ndarray
) -> None:
    stored = values.astype(np.uint8 if bits == 8 else np.uint16)
    assert np.array_equal(loaded(tiff(stored, bits, meaning, order=order))[0], expected)


@pytest.mark.parametrize("order", "<>")
def test_colours_of_16_bits_keep_the_upper_8(order: str) -> None:
    found = loaded(tiff(COLOURS, 16, RGB, order=order), "rgb")
    assert np.array_equal(found, (COLOURS >> 8).transpose(2, 0, 1))


@pytest.mark.parametrize("compression", [None, "tiff_lzw", "tiff_adobe_deflate", "packbits", "tiff_deflate"])
def test_lossless_compressions_are_read_as_they_are(compression: str | None) -> None:
    data = content_of(pixels(3), "TIFF", compression=compression)
    assert np.array_equal(loaded(data, "rgb"), pixels(3).transpose(2, 0, 1))


@pytest.mark.parametrize("kind", ["1", "P", "CMYK", "RGBA", "LA", "YCbCr"])
def test_other_kinds_are_what_the_same_png_is(kind: str) -> None:
    image = Image.fromarray(pixels(4)).convert(kind)
    same = image if kind in ("1", "P", "RGBA", "LA") else image.convert("RGB")
    found = loaded(content_of(image, "TIFF"), "rgb")
    assert np.array_equal(found, loaded(content_of(same, "PNG"), "rgb"))


@pytest.mark.parametrize("orientation", range(1, 9))
def test_the_orientation_is_applied_once(orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    image = Image.fromarray(np.repeat(np.repeat(pixels(7, 4, 6), 16, axis=0), 16, axis=1))
    found, expected = (content_of(image, kind, exif=exif) for kind in ("TIFF", "PNG"))
    assert np.array_equal(load_image(found, size=32, mode="rgb"), load_image(expected, size=32, mode="rgb"))


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (tiff(GRAY.view(np.int16), 16, kind=SIGNED), "holds signed, 32-bit or floating-point values"),
        (tiff(GRAY.astype(np.uint32), 32), "holds signed, 32-bit or floating-point values"),
        (tiff(GRAY.astype(np.float32), 32, kind=FLOAT), "holds signed, 32-bit or floating-point values"),
        (tiff(GRAY.astype(np.float64), 64, kind=FLOAT), "a TIFF of a kind that is not read"),
        (tiff(GRAY, 16, WHITE_IS_ZERO, order=">"), "a TIFF of a kind that is not read"),
        (tiff(COLOURS.astype(np.float32), 32, RGB, FLOAT), "a TIFF of a kind that is not read"),
    ],
)
def test_values_without_a_black_and_a_white_are_refused(data: bytes, why: str, capfd: Any) -> None:
    with pytest.raises(UserError, match=rf"^scan\.tif: .*{why}.*; save it with 8 or 16 bits"):
        load_image(data, size=8, mode="rgb", name="scan.tif")
    assert capfd.readouterr() == ("", "")


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=40), st.integers(0, 300), st.sampled_from([None, "tiff_lzw"]))
def test_damage_is_told_in_one_line(junk: bytes, at: int, compression: str | None) -> None:
    data = content_of(pixels(5), "TIFF", compression=compression)
    damaged = data[:at] + junk
    try:
        assert loaded(damaged).shape == (1, 8, 8)
    except UserError as problem:
        assert len(problem.problems) == 1  # noqa: PT017  (either is fine)


def pages(*numbers: int) -> bytes:
    first, *others = (Image.fromarray(pixels(number)) for number in numbers)
    return content_of(first, "TIFF", save_all=True, append_images=others)


def test_the_first_page_is_taken() -> None:
    assert np.array_equal(loaded(pages(1, 2, 3), "rgb"), pixels(1).transpose(2, 0, 1))
    assert has_more_pages(pages(1, 2))
    assert not has_more_pages(pages(1))
    assert not has_more_pages(content_of(pixels(1), "PNG"))


@pytest.mark.parametrize("flatten", [False, True])
def test_several_pages_are_told_once_in_preparing(flatten: bool, tmp_path: Any, capsys: Any) -> None:
    root = folder_of(tmp_path / "raw", {"a": 10, "b": 10})
    (root / "a" / "one.tif").write_bytes(pages(30))
    prepared(root, tmp_path / "out", flatten=flatten)
    assert "pages" not in capsys.readouterr().err
    for number, name in enumerate(("a/two.tiff", "b/three.tif")):
        (root / name).write_bytes(pages(31 + number, 40, 41))
    schema, _ = prepared(root, tmp_path / "out", flatten=flatten)
    assert sum(schema.counts.values()) == 23
    note = "note: a/two.tiff and 1 more: several pages, of which the first is taken\n"
    assert capsys.readouterr().err == note
