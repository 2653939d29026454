"""Reading and writing files: atomic, with fixed bytes for the same content."""

from __future__ import annotations

import csv
import errno
import hashlib
import io
import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from safetensors.numpy import save

from reprise.foundation.errors import UserError

METADATA_KEY = "reprise"


@contextmanager
def replacing(path: Path, *, durable: bool = False) -> Iterator[BinaryIO]:
    """Open a temporary file beside `path` and rename it onto `path` when the block ends well.

    Readers see the old file or the new one, never half of it. The temporary name holds the process
    id, so that two writers don't share it. With `durable` the bytes are on disk before the rename.
    Errors of the system name `path` (see `reprise.foundation.system_errors`).

    A pipe or a device, such as /dev/stdout, is written itself: a file in its place would be no use.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.is_dir():  # the rename would say so, after all the work
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    if _is_device(path):
        with naming(path), path.open("wb") as stream:
            yield stream
        return
    beside = path.with_name(f"{path.name}.tmp-{os.getpid()}")
    try:
        with naming(path), beside.open("wb") as stream:
            yield stream
            if durable:
                stream.flush()
                os.fsync(stream.fileno())
        beside.replace(path)
    finally:
        with suppress(OSError):  # a disk that turned read-only; what went wrong before is told
            beside.unlink(missing_ok=True)


def _is_device(path: Path) -> bool:
    """Tell whether a path is no file, or is /dev/stdout or its like, which may lead to a file."""
    return path.exists() and (
        not path.is_file() or (path.is_symlink() and path.absolute().parts[1:2] == ("dev",))
    )


@contextmanager
def naming(path: Path) -> Iterator[None]:
    """Give errors of the system that name no file, as those of writing, the name of `path`."""
    try:
        yield
    except OSError as error:
        if error.filename is None and error.errno != errno.EPIPE:
            error.filename = str(path)
        raise


def write_bytes(path: Path, data: bytes, *, durable: bool = False) -> None:
    """Write `data` to `path` atomically."""
    with replacing(path, durable=durable) as stream:
        stream.write(data)


def write_text(path: Path, text: str) -> None:
    """Write `text` to `path` atomically as UTF-8 with LF line ends."""
    write_bytes(path, text.encode("utf-8"))


def json_text(value: Any) -> str:
    """Return `value` as JSON with sorted keys, two spaces of indent and a final newline.

    Raises
    ------
    ValueError
        If `value` holds NaN or an infinity, which JSON does not have.
    """
    return json.dumps(value, sort_keys=True, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def write_json(path: Path, value: Any) -> None:
    """Write `value` as JSON (see `json_text`) atomically."""
    write_text(path, json_text(value))


def read_json(path: Path) -> Any:
    """Return the content of a JSON file; a missing or broken one is a `UserError`."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UserError(f"{path}: no such file; run the stage that writes it (dvc repro)") from None
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise UserError(f"{path}: not valid JSON ({error}); run the stage that writes it again") from None
    except RecursionError:
        raise UserError(
            f"{path}: not valid JSON (nested too deeply); run the stage that writes it again"
        ) from None


def csv_text(header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Return a CSV table with LF line ends; floats get their shortest exact text (``repr``)."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(header)
    writer.writerows([repr(float(v)) if isinstance(v, float) else v for v in row] for row in rows)
    return stream.getvalue()


def tensors_bytes(tensors: Mapping[str, np.ndarray], metadata: Any = None) -> bytes:
    """Return a safetensors file as bytes.

    Parameters
    ----------
    tensors : mapping of str to array
        Stored in the format's own fixed order.
    metadata : JSON value, optional
        Stored under one key as sorted JSON: with several keys their order would be random.
    """
    text = None if metadata is None else {METADATA_KEY: json.dumps(metadata, sort_keys=True, allow_nan=False)}
    return save({name: np.asarray(array, order="C") for name, array in tensors.items()}, metadata=text)


def sha256_bytes(data: bytes) -> str:
    """Return the SHA-256 of `data` in hexadecimal."""
    return hashlib.sha256(data).hexdigest()


def sha256_file(path: Path) -> str:
    """Return the SHA-256 of a file's content in hexadecimal."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
