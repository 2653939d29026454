"""MNIST and Fashion-MNIST: four gzipped idx files each."""

from __future__ import annotations

import gzip
import math
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from reprise.data.raw import Raw
from reprise.foundation.download import RemoteFile, fetch
from reprise.foundation.errors import UserError

NAMES = (
    "train-images-idx3-ubyte.gz",
    "train-labels-idx1-ubyte.gz",
    "t10k-images-idx3-ubyte.gz",
    "t10k-labels-idx1-ubyte.gz",
)


class Published(NamedTuple):
    """A dataset in this format and where it is published."""

    files: tuple[RemoteFile, ...]  # in the order of NAMES
    classes: tuple[str, ...]
    target: str
    source: str
    licence: str


def _files(mirrors: Sequence[str], *contents: tuple[int, str]) -> tuple[RemoteFile, ...]:
    return tuple(
        RemoteFile(name, size, sha256, tuple(mirror + name for mirror in mirrors))
        for name, (size, sha256) in zip(NAMES, contents, strict=True)
    )


MNIST = Published(
    _files(
        (
            "https://ossci-datasets.s3.amazonaws.com/mnist/",
            "https://storage.googleapis.com/cvdf-datasets/mnist/",
            "http://yann.lecun.com/exdb/mnist/",
        ),
        (9912422, "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609"),
        (28881, "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c"),
        (1648877, "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6"),
        (4542, "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6"),
    ),
    classes=tuple(map(str, range(10))),
    target="digit",
    source="MNIST (Y. LeCun, C. Cortes, C. J. C. Burges, 1998)",
    licence="CC BY-SA 3.0",
)
FASHION_MNIST = Published(
    _files(
        (
            "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
            "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/",
        ),
        (26421880, "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84"),
        (29515, "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845"),
        (4422102, "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073"),
        (5148, "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5"),
    ),
    classes=(
        "T-shirt/top", "Trouser", "Pullover", "Dress", "Coat",
        "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot",
    ),
    target="article",
    source="Fashion-MNIST (H. Xiao, K. Rasul, R. Vollgraf, Zalando Research, 2017)",
    licence="MIT",
)  # fmt: skip


def read_published(published: Published, folder: Path, cache: Path) -> Raw:
    """Fetch and read a dataset, train rows before test rows.

    Parameters
    ----------
    published : Published
    folder, cache : Path
        See `fetch`.
    """
    paths = fetch(published.files, folder, cache)
    train_x, train_y, test_x, test_y = (read_idx(paths[file.name]) for file in published.files)
    for images, labels, file in ((train_x, train_y, 0), (test_x, test_y, 2)):
        if images.ndim != 3 or labels.ndim != 1 or len(images) != len(labels):
            path = paths[published.files[file].name]
            raise UserError(f"{path}: images {images.shape} and labels {labels.shape} don't match")
    y = np.concatenate([train_y, test_y]).astype(np.int64)
    return Raw(
        x=np.concatenate([train_x, test_x])[:, None],
        y=y,
        columns=(),
        target=published.target,
        classes=published.classes,
        task="classification",
        layout="images",
        official_test=np.arange(len(y)) >= len(train_y),
        source=published.source,
        licence=published.licence,
        raw={file.name: file.sha256 for file in published.files},
    )


def read_idx(path: Path) -> NDArray[np.uint8]:
    """Read a gzipped idx file of bytes.

    The format: two zero bytes, the number type (8: bytes), the number of dimensions, each dimension as
    a big-endian 32-bit integer, then the values, the last dimension running fastest.

    Raises
    ------
    UserError
        If the file is not of this form.
    """
    try:
        data = gzip.decompress(path.read_bytes())
    except (OSError, EOFError, zlib.error) as error:
        raise UserError(f"{path}: not a gzip file ({error})") from None
    if len(data) < 4 or data[:3] != b"\0\0\x08" or len(data) < 4 + 4 * data[3]:
        raise UserError(f"{path}: not an idx file of bytes (starts with {data[:4].hex(' ')})")
    start = 4 + 4 * data[3]
    shape = tuple(np.frombuffer(data[4:start], ">u4").tolist())
    if len(data) - start != math.prod(shape):
        raise UserError(f"{path}: holds {len(data) - start:,} values, but its header says {shape}")
    return np.frombuffer(data, np.uint8, offset=start).reshape(shape)
