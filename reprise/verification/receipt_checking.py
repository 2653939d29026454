"""Before a receipt is verified: is it about this repository, and what does this machine owe it?"""

from __future__ import annotations

import hashlib
import subprocess
from collections.abc import Iterator
from pathlib import Path

from reprise.foundation import machine
from reprise.foundation.errors import UserError
from reprise.verification.receipt import Receipt
from reprise.verification.running import run


def refuse_other_history(root: Path, receipt: Receipt, name: str) -> None:
    """Refuse a receipt of a commit that isn't here, or that has another lock or other parameters.

    Parameters
    ----------
    root : Path
        The repository.
    receipt : Receipt
    name : str
        Of the receipt, for messages.
    """
    commit = receipt.result.commit
    known = run(["git", "cat-file", "-e", f"{commit}^{{commit}}"], root)
    if known.returncode != 0:
        raise UserError(
            f"{name}: commit {commit[:12]} is not in this repository; git fetch, or go to a clone of the "
            "repository that the receipt is about"
        )
    problems = []
    for path, sha in receipt.result.locks.items():
        found = _committed(root, commit, path)
        if found != sha:
            what = "has none" if found is None else f"has {found[:12]}"
            problems.append(
                f"{name}: {path}: the receipt says {sha[:12]}, commit {commit[:12]} {what}: the receipt is "
                "not about that commit, or was changed"
            )
    if problems:
        raise UserError(*problems)


def _committed(root: Path, commit: str, path: str) -> str | None:
    """Return the SHA-256 of a commit's file, None when it has no such file."""
    command = ["git", "cat-file", "blob", f"{commit}:{path}"]
    done = subprocess.run(command, cwd=root, capture_output=True, check=False)  # bytes: a text may be changed
    return hashlib.sha256(done.stdout).hexdigest() if done.returncode == 0 else None


def differences_of_machines(receipt: Receipt) -> Iterator[str]:
    """Yield how this machine differs from the receipt's, where the promise depends on it."""
    made, here = receipt.made, dict(machine.software())
    other = [f"{name} {here.get(name, 'missing')} here, {version} there"
             for name, version in made.packages.items() if here.get(name) != version]  # fmt: skip
    if made.system != machine.system() or made.processor != machine.processor():
        other.append(f"{machine.processor()} here, {made.processor} there")
    for name, pipeline in receipt.result.pipelines.items():
        if pipeline.arithmetic != "cpu portable":
            yield f"{name}: {pipeline.arithmetic} promises {pipeline.promise}" + (
                f": {'; '.join(other)}" if other else ""
            )
