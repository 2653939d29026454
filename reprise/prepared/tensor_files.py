"""Reading the safetensors files of prepared data, each under the hash that schema.json has of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open

from reprise.foundation.errors import UserError
from reprise.foundation.files import METADATA_KEY, sha256_file
from reprise.prepared.schema import SCHEMA_FILE


def read_tensors(path: Path, sha256: str) -> tuple[dict[str, NDArray[Any]], Any]:
    """Return the tensors of a file by name, and its metadata (None: it has none).

    Raises
    ------
    UserError
        If the file is missing, damaged, or has another hash.
    """
    try:
        if sha256_file(path) != sha256:
            raise UserError(
                f"{path}: is not what {SCHEMA_FILE} beside it names (damaged or changed); "
                "run the prepare stage again"
            )
        with safe_open(path, framework="np") as file:
            metadata = (file.metadata() or {}).get(METADATA_KEY)
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (it is no dict)
            return tensors, None if metadata is None else json.loads(metadata)
    except (OSError, SafetensorError) as error:
        reason = "no such file" if not path.exists() else " ".join(str(error).split())
        raise UserError(f"{path}: {reason}; run the prepare stage again") from None
