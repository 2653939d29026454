"""CIFAR-10 in its binary version (the other versions are pickles and Matlab files)."""

from __future__ import annotations

import tarfile
import zlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from reprise.data.raw import Raw
from reprise.foundation.download import RemoteFile, fetch
from reprise.foundation.errors import UserError

ARCHIVE = RemoteFile(
    "cifar-10-binary.tar.gz",
    170052171,
    "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd",
    (
        "https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz",
        "https://cave.cs.toronto.edu/kriz/cifar-10-binary.tar.gz",
    ),
)
BATCHES = (*(f"data_batch_{number}.bin" for number in range(1, 6)), "test_batch.bin")
CLASSES = (
    "airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck",
)  # fmt: skip
SHAPE = (3, 32, 32)
RECORD = 1 + 3 * 32 * 32  # bytes: the label, then the red, green and blue planes, row by row


def cifar10(folder: Path, cache: Path, archive: RemoteFile = ARCHIVE) -> Raw:
    """Fetch and read CIFAR-10, train rows before test rows.

    Parameters
    ----------
    folder, cache : Path
        See `fetch`.
    archive : RemoteFile
        Another archive of the same form.
    """
    path = fetch([archive], folder, cache)[archive.name]
    batches = read_batches(path)
    records = np.concatenate([batches[name] for name in BATCHES])
    return Raw(
        x=records[:, 1:].reshape(-1, *SHAPE),
        y=records[:, 0].astype(np.int64),
        columns=(),
        target="object",
        classes=CLASSES,
        task="classification",
        layout="images",
        official_test=np.arange(len(records)) >= len(records) - len(batches[BATCHES[-1]]),
        source="CIFAR-10 (A. Krizhevsky: Learning Multiple Layers of Features from Tiny Images, 2009)",
        licence="none stated by its authors, who ask for their report to be cited",
        raw={archive.name: archive.sha256},
    )


def read_batches(path: Path) -> dict[str, NDArray[np.uint8]]:
    """Return the records of each batch in the archive, (records, 3073); nothing is unpacked to disk.

    Raises
    ------
    UserError
        If the file is not such an archive, or a batch is missing or cut short.
    """
    batches = {}
    try:
        with tarfile.open(path, "r|gz") as archive:
            for member in archive:
                name = member.name.rsplit("/", 1)[-1]
                stream = archive.extractfile(member) if name in BATCHES else None
                if stream is not None:
                    batches[name] = np.frombuffer(stream.read(), np.uint8)
    except (tarfile.TarError, OSError, EOFError, zlib.error) as error:
        raise UserError(f"{path}: not a gzipped tar archive ({error})") from None
    for name in BATCHES:
        if name not in batches:
            raise UserError(f"{path}: holds no {name}")
        if len(batches[name]) % RECORD or not len(batches[name]):
            raise UserError(f"{path}: {name} has {len(batches[name]):,} bytes, not a multiple of {RECORD}")
    return {name: batches[name].reshape(-1, RECORD) for name in BATCHES}
