"""Image files and folders made for tests."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image

from reprise.images.prepare import prepare_images
from reprise.prepared.schema import SPLITS
from reprise.prepared.shards import read_schema, read_split
from reprise.settings.params import Images, Prepare


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
    images = Images(path=str(root), pixels=size, mode=mode, corrupt=corrupt)
    schema = prepare_images(Prepare(dataset="images", images=images, **params), out, workers=workers)
    assert read_schema(out) == schema
    return schema, {split: read_split(out, schema, split) for split in SPLITS}


def content(folder):
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}
