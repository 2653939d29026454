"""The prepared format: shards of safetensors plus schema.json, written once, read by all later stages."""

from __future__ import annotations

import errno
import os
import re
import shutil
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from reprise.foundation.errors import UserError
from reprise.foundation.files import (
    read_json,
    sha256_bytes,
    tensors_bytes,
    write_bytes,
    write_json,
)
from reprise.foundation.room import require_disk, require_memory
from reprise.prepared.names import NAMED, UNNAMED, Names, Naming, names_bytes, names_file
from reprise.prepared.schema import SCHEMA_FILE, SPLITS, Schema, SplitName, first_problem, size_of
from reprise.prepared.tensor_files import read_tensors

SHARD_BYTES = 256 * 2**20
CHECKS_FILE = "checks.json"
SMALLER = ", or make rows smaller (prepare.csv.max_categories and text_terms, prepare.images.pixels)"
# Everything that the prepare stage may leave in its folder.
OURS = re.compile(r"(train|val|(names-)?test)-\d{5,}\.safetensors|schema\.json|checks\.json|\.DS_Store")


class Arrays(NamedTuple):
    """Rows of one split."""

    x: NDArray[Any]  # (rows, *shape): float32 (tables) or uint8 (images)
    y: NDArray[Any]  # (rows,): int64 class numbers or float32 values
    ids: NDArray[np.int64]  # (rows,): the row's number in its source


class PreparedWriter:
    """Writes prepared data into a new folder that takes the old one's place in `finish`.

    Use it in a ``with`` block: leaving it without `finish` removes what was written and leaves the
    old folder as it was.

    Parameters
    ----------
    folder : Path
        Where the prepared data will stand.
    shard_bytes : int
        A shard is closed when its inputs reach this size.
    naming : Naming, optional
        What the names of the test rows are made of, which are then given with them.
    size : int
        Bytes of all inputs, as far as they are known.

    Raises
    ------
    UserError
        On entering, if `folder` holds anything but prepared data.
    EnvironmentProblem
        On entering, if it can't be written or there is no room for as much.
    """

    def __init__(
        self, folder: Path, shard_bytes: int = SHARD_BYTES, naming: Naming | None = None, size: int = 0
    ) -> None:
        self.folder = folder
        self.size = size
        self.shard_bytes = shard_bytes
        self.naming = naming
        # A link to a folder on another disk stays a link.
        self._real = Path(os.path.realpath(folder))
        if not self._real.name:
            raise UserError(f"{folder}: prepared data needs a folder of its own")
        self._beside = self._real.with_name(f"{self._real.name}.tmp-{os.getpid()}")
        self._waiting: dict[SplitName, list[tuple[Arrays, Names]]] = {split: [] for split in SPLITS}
        self._shards = dict.fromkeys(SPLITS, 0)
        self._hashes: dict[str, str] = {}

    def __enter__(self) -> PreparedWriter:
        self._refuse_foreign_files()
        self._refuse_unwritable()
        shutil.rmtree(self._beside, ignore_errors=True)
        self._beside.mkdir(parents=True)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        shutil.rmtree(self._beside, ignore_errors=True)

    def add(self, split: SplitName, rows: Arrays, names: Names = UNNAMED) -> None:
        """Append rows to a split; where shards are cut depends on row sizes alone."""
        if len(rows.x) == 0:
            return
        per_shard = max(1, self.shard_bytes // max(1, rows.x[0].nbytes))
        waiting = self._waiting[split]
        held = sum(len(part.x) for part, _ in waiting)
        start = 0
        while held + len(rows.x) - start >= per_shard:
            take = per_shard - held
            waiting.append((_part(rows, start, start + take), names.part(start, start + take)))
            self._flush(split)
            start, held = start + take, 0
        if start < len(rows.x):
            waiting.append((_part(rows, start, len(rows.x)), names.part(start, len(rows.x))))

    def finish(self, schema: Schema, checks: dict[str, Any] | None = None) -> Schema:
        """Write the last shards and the schema, and put the new folder in the old one's place.

        Parameters
        ----------
        schema : Schema
        checks : dict, optional
            The content of checks.json (see `reprise.data.checks`).

        Returns
        -------
        Schema
            `schema` with the hashes of the files.
        """
        for split in SPLITS:
            self._flush(split)
        complete = schema.model_copy(update={"files": dict(sorted(self._hashes.items()))})
        write_json(self._beside / SCHEMA_FILE, complete.model_dump(mode="json"))
        if checks is not None:
            write_json(self._beside / CHECKS_FILE, checks)
        if self._real.exists():
            old = self._real.with_name(f"{self._real.name}.tmp-old-{os.getpid()}")
            self._real.rename(old)
            self._beside.rename(self._real)
            shutil.rmtree(old)
        else:
            self._beside.rename(self._real)
        return complete

    def _refuse_foreign_files(self) -> None:
        """The old folder is removed in `finish`: make sure that it holds prepared data and nothing else."""
        if self._real.exists() and not self._real.is_dir():
            raise UserError(f"{self.folder}: is a file; prepared data needs a folder of its own")
        names = sorted(path.name for path in self._real.iterdir()) if self._real.exists() else []
        foreign = [name for name in names if not OURS.fullmatch(name)]
        if foreign:
            raise UserError(
                f"{self.folder}: holds {foreign[0]}, which is not prepared data and would be lost; "
                "move it away or choose another folder"
            )

    def _refuse_unwritable(self) -> None:
        """The old folder is moved away and removed in `finish`: make sure that this can be done."""
        if os.path.ismount(self._real):
            raise OSError(errno.EBUSY, os.strerror(errno.EBUSY), str(self.folder))
        require_disk(self._real, self.size, smaller=SMALLER)
        require_disk(self._real.parent)

    def _flush(self, split: SplitName) -> None:
        if not self._waiting[split]:
            return
        parts, named = zip(*self._waiting[split], strict=True)
        tensors = {
            name: np.concatenate(columns)
            for name, columns in zip(("x", "y", "id"), zip(*parts, strict=True), strict=True)
        }
        name = f"{split}-{self._shards[split]:05d}.safetensors"
        self._write(name, tensors_bytes(tensors))
        if self.naming is not None and split == NAMED:
            self._write(names_file(name), names_bytes(self.naming, Names.joined(named)))
        self._shards[split] += 1
        self._waiting[split].clear()

    def _write(self, name: str, data: bytes) -> None:
        write_bytes(self._beside / name, data)
        self._hashes[name] = sha256_bytes(data)


def _part(rows: Arrays, start: int, stop: int) -> Arrays:
    return Arrays(*(column[start:stop] for column in rows))


def read_schema(folder: Path) -> Schema:
    """Read schema.json of prepared data; a missing or broken one is a `UserError`."""
    path = folder / SCHEMA_FILE
    try:
        return Schema.model_validate(read_json(path))
    except ValidationError as error:
        raise UserError(f"{path}: {first_problem(error)}; run the prepare stage again") from None


def read_split(folder: Path, schema: Schema, split: SplitName) -> Arrays:
    """Read all rows of a split as they are stored (see `Schema`).

    Raises
    ------
    UserError
        If a shard that the schema names is missing or is not what the schema says.
    """
    require_memory(
        size_of(schema, split),
        f"{folder}: the {split} split",
        f"free some{SMALLER}",
    )
    names = sorted(name for name in schema.files if name.startswith(f"{split}-"))
    shards = [_read_shard(folder / name, schema.files[name]) for name in names]
    if not shards:
        dtype = np.uint8 if schema.layout == "images" else np.float32
        y = np.zeros(0, np.int64 if schema.task == "classification" else np.float32)
        return Arrays(np.zeros((0, *schema.shape), dtype), y, np.zeros(0, np.int64))
    rows = shards[0] if len(shards) == 1 else Arrays(*map(np.concatenate, zip(*shards, strict=True)))
    if len(rows.x) != schema.counts[split] or rows.x.shape[1:] != schema.shape:
        raise UserError(
            f"{folder}: the {split} split holds {rows.x.shape}, but schema.json says "
            f"{(schema.counts[split], *schema.shape)}; run the prepare stage again"
        )
    return rows


def _read_shard(path: Path, sha256: str) -> Arrays:
    tensors, _ = read_tensors(path, sha256)
    return Arrays(tensors["x"], tensors["y"], tensors["id"])
