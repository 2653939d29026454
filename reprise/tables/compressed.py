"""Opening a file that may be compressed."""

from __future__ import annotations

import gzip
import sys
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from reprise.foundation.errors import UserError
from reprise.tables.formats import Compression


@contextmanager
def opened(path: Path, compression: Compression | None, where: str) -> Iterator[BinaryIO]:
    """Open a file for reading, unpacked as it is read; it can be read again from its start.

    Raises
    ------
    UserError
        If there is no such file; in the block, where the packed data is broken or cut off.
    """
    try:
        stream: BinaryIO = path.open("rb")
    except OSError as error:
        raise UserError(f"{where}: {(error.strerror or str(error)).lower()}") from None
    with stream:
        if compression is None:
            yield stream
            return
        unpack, broken = _unpacker(compression)
        try:
            with unpack(stream, "rb") as unpacked:
                yield unpacked
        except broken as error:
            message = " ".join(str(error).split())
            raise UserError(
                f"{where}: not a whole {compression} file ({message}); copy or make it again"
            ) from None


def _unpacker(compression: Compression) -> tuple[Any, tuple[type[Exception], ...]]:
    """Return what opens a stream, and its exceptions; zstd is loaded for who has such a file."""
    if compression == "gzip":
        return gzip.open, (EOFError, gzip.BadGzipFile, zlib.error)
    if TYPE_CHECKING or sys.version_info < (3, 14):
        from backports import zstd
    else:
        from compression import zstd
    return zstd.open, (EOFError, zstd.ZstdError)
