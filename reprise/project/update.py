"""Bring a project to this Reprise: its files are replaced, merged or left, and the user's are not touched."""

from __future__ import annotations

import subprocess
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

import reprise
from reprise.foundation.errors import EnvironmentProblem, UserError
from reprise.foundation.files import write_bytes
from reprise.foundation.package import PROJECT_FILE, package_root
from reprise.project.manifest import Manifest, new_manifest, read_manifest
from reprise.project.merging import Fate, fate
from reprise.project.template import copied_files, is_installed

RECORDS = ("canary.json",)  # hashes of this Reprise's own arithmetic: an older one's say nothing of it
PIPELINE = "dvc.yaml"
ENVIRONMENT = ("requirements.lock", "pyproject.toml")
SHOWN = 3


@dataclass(frozen=True)
class Plan:
    """What an update does.

    Attributes
    ----------
    old, new : Manifest
    fates : dict
        By path, of all files of either version.
    rerun : list of str
        Stages that run again, with the code as reason.
    """

    old: Manifest
    new: Manifest
    fates: dict[str, Fate]
    rerun: list[str]

    @property
    def stands_already(self) -> bool:
        """Whether the project was made from this very Reprise, whatever the user has changed since."""
        return self.new.model_copy(update={"bases": self.old.bases}) == self.old

    def of(self, *kinds: str) -> list[str]:
        """Return the paths with one of some fates."""
        return sorted(path for path, one in self.fates.items() if one.kind in kinds)


def plan_update(project: Path, keep: Collection[str] = (), replace: Collection[str] = ()) -> Plan:
    """Return what an update of a project to this Reprise would do; nothing is written.

    Parameters
    ----------
    project : Path
    keep, replace : collection of str
        Files that are to stay, or to be replaced, where both sides changed them.

    Raises
    ------
    UserError
        If it is no project, has uncommitted changes, or both sides changed the same lines of a file.
    """
    old = read_manifest(project)
    refuse_own(project, old)
    refuse_uncommitted(project)
    newer = copied_files(old.kind)
    for option, names in (("--keep", keep), ("--replace", replace)):
        for name in names:
            if name not in old.files and name not in newer:
                raise UserError(f"{option}: {name}: is none of Reprise's files in {project}")
    fates, bases = {}, {}
    for path in sorted(old.files.keys() | newer.keys()):
        one = _fate_of(project, path, old, newer.get(path))
        if one.kind == "conflict" and path in keep:
            one = Fate("kept")
        elif one.kind == "conflict" and (path in replace or path in RECORDS):
            one = Fate("replaced", newer[path])
        fates[path] = one
        if one.kind in ("merged", "kept") and path in newer and (project / path).is_file():
            bases[path] = newer[path].decode("utf-8", errors="replace")
    conflicts = [path for path, one in fates.items() if one.kind == "conflict"]
    if conflicts:
        raise UserError(
            *(
                f"{project / path}: changed here and in Reprise {reprise.__version__}, in the same lines; "
                f"--keep {path} leaves yours, --replace {path} takes the newer one"
                for path in conflicts
            )
        )
    new = new_manifest(old.kind, newer, bases)
    return Plan(old, new, fates, _rerun(project, old, new, fates))


def apply(project: Path, plan: Plan) -> None:
    """Write what a plan says; git shows the difference.

    Raises
    ------
    EnvironmentProblem
        If a file can't be written.
    """
    try:
        for path, one in plan.fates.items():
            if one.content is not None:
                write_bytes(project / path, one.content)
            elif one.kind == "removed":
                (project / path).unlink(missing_ok=True)
        write_bytes(project / PROJECT_FILE, plan.new.text())
    except OSError as error:
        raise EnvironmentProblem(
            f"{error.filename}: can't be written ({error.strerror}); git stash --include-untracked takes "
            "back what was, then update again"
        ) from None


def refuse_own(project: Path, old: Manifest) -> None:
    """Refuse to update a project to the Reprise that it holds itself, or from what has no code to give."""
    if project.resolve() == package_root():
        raise UserError(
            f"{project}: this is the project's own Reprise, {reprise.__version__}; start the newer one's: "
            f"PATH/TO/ITS/CLONE/.venv/bin/reprise update {project.resolve()}"
        )
    if old.kind == "copy" and is_installed():
        raise UserError(
            f"{project}: holds Reprise's code, and an installed package has none to give; "
            "run update in a clone of the newer Reprise"
        )


def refuse_uncommitted(project: Path) -> None:
    """Refuse changes that are in no commit: afterwards nobody could tell them from the update's."""
    try:
        command = ["git", "status", "--porcelain", "--untracked-files=no", "--", "."]
        done = subprocess.run(command, cwd=project, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        raise EnvironmentProblem("git: not installed; an update needs it") from None
    if done.returncode != 0:
        raise UserError(f"{project}: is not in a git repository; git init && git add --all && git commit")
    changed = [line[3:] for line in done.stdout.splitlines()]
    if changed:
        more = f" and {len(changed) - SHOWN} more" if len(changed) > SHOWN else ""
        raise UserError(
            f"{project}: in no commit: {', '.join(changed[:SHOWN])}{more}; git commit first, so that git "
            "diff shows what the update did"
        )


def _fate_of(project: Path, path: str, old: Manifest, theirs: bytes | None) -> Fate:
    here = project / path
    ours = here.read_bytes() if here.is_file() else None
    base = old.files.get(path)
    text: bytes | None = None
    if path in old.bases:
        text = old.bases[path].encode()
    elif base is not None:
        done = subprocess.run(
            ["git", "cat-file", "blob", base], cwd=project, capture_output=True, check=False
        )
        text = done.stdout if done.returncode == 0 else None
    return fate(ours, base, theirs, text)


def _rerun(project: Path, old: Manifest, new: Manifest, fates: dict[str, Fate]) -> list[str]:
    """Return the stages whose code, or whose definition, the update changes."""
    touched = [path for path, one in fates.items() if one.kind in ("added", "replaced", "removed", "merged")]
    before = _stages((project / PIPELINE).read_bytes() if (project / PIPELINE).is_file() else b"")
    content = fates[PIPELINE].content if PIPELINE in fates else None
    after = before if content is None else _stages(content)
    found = []
    for name, stage in after.items():
        deps = stage.get("deps", [])
        code = any(path == dep or path.startswith(f"{dep}/") for path in touched for dep in deps)
        hashes = (old.code or {}).get(name) != (new.code or {}).get(name)
        if code or hashes or _decisive(stage) != _decisive(before.get(name, {})):
            found.append(name)
    return found


def _decisive(stage: dict[str, Any]) -> list[Any]:
    return [stage.get(key) for key in ("cmd", "deps", "params", "outs", "metrics")]


def _stages(text: bytes) -> dict[str, Any]:
    """Return the stages of a dvc.yaml; none of one that can't be read, which is for DVC to say."""
    try:
        found = YAML(typ="safe", pure=True).load(text.decode("utf-8"))
    except (YAMLError, UnicodeDecodeError):
        return {}
    stages = found.get("stages") if isinstance(found, dict) else None
    return stages if isinstance(stages, dict) else {}
