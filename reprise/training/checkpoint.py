"""Checkpoints: the private, resumable state of a training, in a folder named after all that decides it.

``.state/train/<fingerprint>/checkpoint`` holds the SHA-256 of what follows in its first line, then a
safetensors file. A file that does not match its hash is never used. Changing a parameter, the data or the
code changes the fingerprint, so a stale state can't be found; changing it back finds the old one again.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import IO, Any

import torch
from safetensors import SafetensorError
from safetensors.numpy import load
from torch import Tensor

from reprise.foundation.errors import EnvironmentProblem
from reprise.foundation.files import METADATA_KEY, sha256_bytes, tensors_bytes, write_bytes
from reprise.foundation.locks import lock_path
from reprise.foundation.throttle import Throttle

LARGEST_SHARE = 0.02  # of the time may go into saving
SHORTEST_INTERVAL = 2.0  # seconds between saves
LOCK_PATIENCE = 20.0  # seconds: a run whose dvc was killed needs a moment to save and end


class Checkpoints:
    """The checkpoints of one training, held under an exclusive lock while the ``with`` block runs.

    Parameters
    ----------
    folder : Path
        ``.state/<stage>/<fingerprint>``.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.path = folder / "checkpoint"
        self._lock: IO[str] | None = None
        self._throttle = Throttle(SHORTEST_INTERVAL, LARGEST_SHARE)

    def __enter__(self) -> Checkpoints:
        self._lock = self._acquire()
        self._lock.truncate(0)
        self._lock.write(str(os.getpid()))
        self._lock.flush()
        self.folder.mkdir(parents=True, exist_ok=True)
        self._throttle.restart()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._lock is not None:
            self._lock.close()

    def _acquire(self) -> IO[str]:
        path = lock_path(self.folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        deadline = time.monotonic() + LOCK_PATIENCE
        while True:
            lock = path.open("a+", encoding="utf-8")
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if path.stat().st_ino == os.fstat(lock.fileno()).st_ino:
                    return lock
            except FileNotFoundError:
                pass
            except BlockingIOError:
                if time.monotonic() > deadline:
                    lock.seek(0)
                    raise EnvironmentProblem(
                        f"train: process {lock.read().strip()} is training with these very parameters and "
                        "data; wait for it, or end it (its state is kept)"
                    ) from None
                time.sleep(0.1)
            lock.close()  # held by another, or its last holder removed the file: open it again

    def due(self) -> bool:
        """Return whether so much time has passed that saving now costs at most 2 % of it."""
        return self._throttle.due()

    def save(self, tensors: Mapping[str, Tensor], progress: Any) -> None:
        """Write a complete state in the place of the previous one, atomically."""
        with self._throttle.work():
            arrays = {name: tensor.detach().cpu().numpy() for name, tensor in tensors.items()}
            body = tensors_bytes(arrays, progress)
            write_bytes(self.path, sha256_bytes(body).encode() + b"\n" + body, durable=True)

    def read(self) -> bytes | None:
        """Return the saved state's safetensors bytes; None when there is none or it is damaged."""
        try:
            head, _, body = self.path.read_bytes().partition(b"\n")
        except FileNotFoundError:
            return None
        if head.decode("ascii", "replace") == sha256_bytes(body):
            return body
        damaged = self.path.with_name("checkpoint.damaged")
        self.path.replace(damaged)
        print(
            f"note: the saved state {self.path} was damaged and is not used (kept as {damaged.name}); "
            "training starts from the beginning",
            file=sys.stderr,
        )
        return None

    def remove(self) -> None:
        """Remove the state: its training is done and its outputs are written."""
        shutil.rmtree(self.folder, ignore_errors=True)
        lock_path(self.folder).unlink(missing_ok=True)


def unpack(body: bytes) -> tuple[dict[str, Tensor], Any]:
    """Return the tensors and the progress of a saved state.

    Raises
    ------
    ValueError
        If the bytes are no state; their hash matched, so that would be a bug.
    """
    try:
        arrays = load(body)
        length = int.from_bytes(body[:8], "little")
        progress = json.loads(json.loads(body[8 : 8 + length])["__metadata__"][METADATA_KEY])
    except (SafetensorError, KeyError, UnicodeDecodeError) as error:
        raise ValueError(f"not a saved state: {error}") from error
    # Copies: the loaded arrays are views of `body`, and training writes into its tensors.
    return {name: torch.from_numpy(array.copy()) for name, array in arrays.items()}, progress
