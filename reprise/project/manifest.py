"""A project's reprise.json: which Reprise it stands on, and what of it was Reprise's."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

import reprise
from reprise.foundation.errors import UserError
from reprise.foundation.files import json_text
from reprise.foundation.package import PROJECT_FILE, package_digest, package_root
from reprise.prepared.schema import first_problem
from reprise.project.code import stage_digests

Blob = Annotated[str, Field(pattern=r"^[0-9a-f]{40}$")]


class Manifest(BaseModel):
    """What reprise.json holds.

    Attributes
    ----------
    reprise : str
        The version.
    kind : {"copy", "package"}
        Whether the project holds Reprise's code, or uses an installed package.
    files : dict
        Git's name of each of Reprise's files as it came, by path.
    bases : dict
        Text of those that have been merged since, as they came: git has never seen it.
    package, code : str and dict, of kind package
        SHA-256 of the package, and of what each stage depends on.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    reprise: str
    kind: Literal["copy", "package"]
    files: dict[str, Blob]
    bases: dict[str, str] = Field(default_factory=dict)
    package: str | None = None
    code: dict[str, str] | None = None

    def text(self) -> bytes:
        """Return the file's bytes."""
        return json_text(self.model_dump(mode="json", exclude_none=True, exclude_defaults=True)).encode()


def blob_name(data: bytes) -> str:
    """Return git's name of a file's content."""
    return hashlib.sha1(b"blob %d\0" % len(data) + data, usedforsecurity=False).hexdigest()


def new_manifest(
    kind: Literal["copy", "package"], files: dict[str, bytes], bases: dict[str, str] | None = None
) -> Manifest:
    """Return what a project of this Reprise records."""
    installed = kind == "package"
    return Manifest(
        reprise=reprise.__version__,
        kind=kind,
        files={path: blob_name(data) for path, data in files.items()},
        bases=bases or {},
        package=package_digest() if installed else None,
        code=dict(stage_digests(package_root())) if installed else None,
    )


def read_manifest(project: Path) -> Manifest:
    """Return a project's reprise.json; one that is missing or broken is a `UserError`."""
    path = project / PROJECT_FILE
    try:
        return Manifest.model_validate_json(path.read_bytes())
    except (FileNotFoundError, NotADirectoryError):
        raise UserError(
            f"{path}: no such file; reprise update is for projects that reprise new has made"
        ) from None
    except ValidationError as error:
        raise UserError(f"{path}: {first_problem(error)}; git checkout brings it back") from None
