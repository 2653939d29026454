"""One image file as an array of pixels: the same conversion in training and in predict.

Orientation from EXIF; transparency on white; palettes, CMYK and 1 bit to RGB or grayscale (ITU-R 601-2
luma); of 16 bits (or 12, in a TIFF) the upper 8; the first frame of an animation and the first page of a
TIFF; colour profiles are not applied. Then the largest centred square is resized with Pillow's bilinear
filter, which averages when it shrinks.

The same bytes on every x86-64-v3 machine: PNG, GIF, BMP and TIFF (but for JPEG inside one) are exact,
Pillow resizes in fixed point, and libjpeg-turbo's "islow" transform, which Pillow uses, gives the same pixels
with AVX2, SSE2 and plain C (a test compares them). Nothing here chooses its code by CPU features beyond
AVX2, except lossless unpacking.
"""

from __future__ import annotations

import io
import warnings
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import (
    Image,
    TiffImagePlugin,
    UnidentifiedImageError,
    WebPImagePlugin,  # noqa: F401 (importing it registers WebP, which Pillow doesn't always do)
)

from reprise.foundation.errors import UserError

Mode = Literal["rgb", "grayscale"]
Pixels = NDArray[np.uint8]  # (channels, size, size)
PILLOW_MODES: dict[Mode, str] = {"rgb": "RGB", "grayscale": "L"}
PIXEL_LIMIT = 100_000_000  # a file that unpacks to more is taken for a decompression bomb
ORIENTATION = 0x0112  # the EXIF tag
BITS, PHOTOMETRIC, WHITE_IS_ZERO = 258, 262, 0  # TIFF's tags for gray values, and what the second may say
TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
SIGNATURES: dict[str, bytes | tuple[bytes, ...]] = {
    "JPEG": b"\xff\xd8\xff",
    "PNG": b"\x89PNG\r\n\x1a\n",
    "GIF": b"GIF8",
    "BMP": b"BM",
    "TIFF": (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"),
}
SIGNATURE_BYTES = 12
UNKNOWN_TIFF = "is damaged or a TIFF of a kind that is not read; save it with 8 or 16 bits, or as PNG"

# Pillow warns of oddities in files that it reads all the same; a thousand such lines help nobody.
warnings.filterwarnings("ignore", module=r"PIL\.")


class BadImage(Exception):
    """A file that can't be used; its text says why, to follow a file's name and a colon."""


def load_image(source: Path | bytes, *, size: int, mode: Mode, name: str | None = None) -> Pixels:
    """Return an image's pixels, shape (channels, size, size), values 0 … 255, not normalised.

    Parameters
    ----------
    source : Path or bytes
        A file or its content: JPEG, PNG, GIF, WebP, BMP or TIFF, whatever its name says.
    size : int
        Height and width of the result; `size_and_mode` finds both settings from a schema's shape.
    mode : {"rgb", "grayscale"}
        3 channels or 1.
    name : str, optional
        What messages call it; the path by default.

    Raises
    ------
    UserError
        If the file can't be read or used.
    """
    try:
        image = decode(read(source) if isinstance(source, Path) else source, size, mode)
    except BadImage as problem:
        shown = name or (str(source) if isinstance(source, Path) else "image")
        raise UserError(f"{shown}: {problem}") from None
    pixels: Pixels = pixels_of(image, 1)[0]
    return pixels


def size_and_mode(shape: tuple[int, ...]) -> tuple[int, Mode]:
    """Return the settings that made images of this shape (channels, height, width)."""
    channels, height, _ = shape
    return height, "grayscale" if channels == 1 else "rgb"


def read(path: str | Path) -> bytes:
    """Return a file's content, or raise `BadImage`."""
    try:
        with open(path, "rb") as stream:  # noqa: PTH123  (a path object for each of a million files is slow)
            return stream.read()
    except OSError as error:
        raise BadImage(f"can't be read ({(error.strerror or str(error)).lower()})") from None


def kind_of(start: bytes) -> str | None:
    """Return the format whose files start like this, in Pillow's words; None for any other content."""
    if start[:4] == b"RIFF" and start[8:12] == b"WEBP":
        return "WEBP"
    return next((kind for kind, signature in SIGNATURES.items() if start.startswith(signature)), None)


def decode(data: bytes, size: int, mode: Mode) -> Image.Image:
    """Return a file's content as an image of the wanted size and mode, or raise `BadImage`."""
    kind = kind_of(data[:SIGNATURE_BYTES])
    if kind is None:
        raise BadImage("is not a JPEG, PNG, GIF, WebP, BMP or TIFF image" if data else "is empty")
    try:
        with Image.open(io.BytesIO(data), formats=(kind,)) as image:
            return _converted(image, size, PILLOW_MODES[mode])
    except (BadImage, MemoryError):
        raise
    except Image.DecompressionBombError:
        raise BadImage(_too_large()) from None
    except Exception as error:  # Pillow's readers answer damage with whatever error their parsing runs into
        unknown = kind == "TIFF" and isinstance(error, UnidentifiedImageError)
        raise BadImage(UNKNOWN_TIFF if unknown else f"is damaged or cut off ({kind})") from None


def has_more_pages(data: bytes) -> bool:
    """Tell whether the content of a file that was decoded is a TIFF of several pages."""
    if kind_of(data[:SIGNATURE_BYTES]) != "TIFF":
        return False
    with Image.open(io.BytesIO(data), formats=("TIFF",)) as image:
        return bool(getattr(image, "is_animated", False))


def pixels_of(column: Image.Image, count: int) -> NDArray[np.uint8]:
    """Return the pixels of images that stand one below the other, shape (count, channels, size, size)."""
    width, height = column.size
    pixels = np.asarray(column).reshape(count, height // count, width, -1)
    return np.ascontiguousarray(pixels.transpose(0, 3, 1, 2))


def _too_large() -> str:
    return f"unpacks to more than {PIXEL_LIMIT // 10**6} million pixels; make it smaller or remove it"


def _converted(image: Image.Image, size: int, mode: str) -> Image.Image:
    if image.width * image.height > PIXEL_LIMIT:
        raise BadImage(_too_large())
    if min(image.size) >= 4 * size:
        # A JPEG is unpacked at a half, quarter or eighth that leaves twice the wanted size: much faster.
        image.draft(None, (2 * size, 2 * size))
    image.load()
    turn = TURNS.get(image.getexif().get(ORIENTATION, 1)) if "exif" in image.info else None
    flat = _flat(image, mode)
    if turn is not None:
        flat = flat.transpose(turn)
    return _square(flat).resize((size, size), Image.Resampling.BILINEAR)


def _square(image: Image.Image) -> Image.Image:
    """Return the largest square in the middle of an image."""
    width, height = image.size
    side = min(width, height)
    left, top = (width - side) // 2, (height - side) // 2
    # Not resize's own box: at its border that mixes in pixels from beyond it.
    return image if width == height else image.crop((left, top, left + side, top + side))


def _flat(image: Image.Image, mode: str) -> Image.Image:
    """Return an opaque image of 8 bits in the mode RGB or L."""
    if isinstance(image, TiffImagePlugin.TiffImageFile) and image.mode in ("I", "F"):
        raise BadImage("holds signed, 32-bit or floating-point values (TIFF); save it with 8 or 16 bits")
    if image.mode.startswith("I"):
        image = _upper_bits(image)
    elif image.has_transparency_data:
        layer = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", layer.size, "white"), layer)
    if image.mode not in ("RGB", "L", "1"):
        image = image.convert("RGB")  # Pillow knows the way from CMYK or a palette to RGB, not always to gray
    return image if image.mode == mode else image.convert(mode)


def _upper_bits(image: Image.Image) -> Image.Image:
    """Return a grayscale image of 16 (or 12) bits as one of 8, with its transparent value as white."""
    values, bits = np.asarray(image), 16
    if isinstance(image, TiffImagePlugin.TiffImageFile):
        bits = image.tag_v2.get(BITS, (16,))[0]
        if image.tag_v2.get(PHOTOMETRIC) == WHITE_IS_ZERO:  # Pillow heeds it up to 8 bits
            values = 2**bits - 1 - values
    pixels = (np.clip(values, 0, 2**bits - 1) >> (bits - 8)).astype(np.uint8)
    transparent = image.info.get("transparency")
    if isinstance(transparent, int):
        pixels[values == transparent] = 255
    return Image.fromarray(pixels)
