"""Trials as DVC's experiments: each a commit below ``refs/exps`` whose lock names outputs in DVC's cache.

``dvc exp run`` would start Python and torch anew for every trial. A worker has them loaded already: it trains
in a copy of the project, and then lets DVC's own ``commit`` hash the outputs and write dvc.lock there.
"""

from __future__ import annotations

import logging
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any, NamedTuple

from reprise.foundation.errors import EnvironmentProblem, UserError
from reprise.foundation.files import write_text

SETUP = "worker.json"  # what a worker is told at its start, in its copy of the project
MAIN = Path("params.yaml")  # of the pipeline whose trials become experiments
RAW, PREPARED = Path("data/raw"), Path("data/prepared")
CODE = ("own", "reprise", "stages")
STAGES = ("train", "evaluate")
HOLDS = ("params.yaml", "dvc.lock", "metrics")  # what differs between the commits of two experiments


class Snapshot(NamedTuple):
    """The project as it is now.

    Attributes
    ----------
    root : str
        Its folder.
    git : str
        The folder of its repository.
    head : str
        The commit that experiments are listed below.
    tree : str
        All that git tracks, with changes that are not committed yet.
    """

    root: str
    git: str
    head: str
    tree: str


def snapshot(scratch: Path) -> Snapshot | None:
    """Return the project in the current folder; None without git and DVC: there are no experiments.

    Parameters
    ----------
    scratch : Path
        A folder for a file of its own.

    Raises
    ------
    UserError
        If a file of code is not in git.
    """
    root = Path.cwd()
    if not (root / ".dvc").is_dir() or not (root / ".git").exists():
        return None
    for name in _git("ls-files", "--others", "--exclude-standard", "--", *CODE).splitlines():
        raise UserError(f"{name}: git does not know it, so an experiment would lack it; git add {name}")
    folder = _git("rev-parse", "--absolute-git-dir")
    index = scratch / "index"
    shutil.copyfile(_git("rev-parse", "--git-path", "index"), index)  # the user's own stays as it is
    _git("add", "--update", index=index)
    return Snapshot(str(root), folder, _git("rev-parse", "HEAD"), _git("write-tree", index=index))


def copy_project(project: Snapshot, folder: Path, prepared: Path) -> None:
    """Make a copy of a project for one worker, with the same raw and prepared data.

    Parameters
    ----------
    project : Snapshot
    folder : Path
        Is made anew.
    prepared : Path
        The folder of prepared data.
    """
    index = folder.with_suffix(".index")
    _git("read-tree", project.tree, index=index)
    _git("checkout-index", "--all", f"--prefix={folder}/", index=index)
    _link(folder / RAW, Path(project.root) / RAW)
    _link(folder / PREPARED, prepared)
    from dvc.repo import Repo

    with Repo(project.root) as repo:
        cache = repo.cache.local_cache_dir
    settings = (
        f"[core]\n    no_scm = true\n    site_cache_dir = {folder}/.dvc/site\n[cache]\n    dir = {cache}\n"
    )
    write_text(folder / ".dvc/config.local", settings)


def _link(path: Path, target: Path) -> None:
    shutil.rmtree(path, ignore_errors=True)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.symlink_to(target.absolute(), target_is_directory=True)


class Experiments:
    """Makes experiments from the copy of a project in the current folder.

    Parameters
    ----------
    project : Snapshot
        What the copy was made of.
    """

    def __init__(self, project: Snapshot) -> None:
        from dvc.repo import Repo

        logging.getLogger("dvc").setLevel(logging.WARNING)
        self._project, self._folder = project, Path.cwd()
        self._repo: Any = Repo(str(self._folder))
        self._commit("prepare")

    def save(self, name: str) -> None:
        """Make the copy's outputs, parameters and figures an experiment of this name."""
        for stage in STAGES:
            self._commit(stage)
        index, project = self._folder.with_suffix(".index"), self._project

        def git(*words: str) -> str:
            return _git(*words, index=index, GIT_DIR=project.git, GIT_WORK_TREE=str(self._folder))

        git("add", "--all", "--", *HOLDS)
        commit = git("commit-tree", git("write-tree"), "-p", project.head, "-m", f"reprise tune: {name}")
        git("update-ref", f"refs/exps/{project.head[:2]}/{project.head[2:]}/{name}", commit)

    def _commit(self, stage: str) -> None:
        self._repo.commit(stage, force=True, relink=False)


def _git(*words: str, index: Path | None = None, **variables: str) -> str:
    """Run git and return what it prints.

    Parameters
    ----------
    *words : str
    index : Path, optional
        In the place of the repository's own.
    **variables : str
        Of the environment.
    """
    own = {} if index is None else {"GIT_INDEX_FILE": str(index.absolute())}
    done = subprocess.run(
        ["git", *words], env={**os.environ, **own, **variables}, capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        raise EnvironmentProblem(f"git {words[0]}: {' '.join(done.stderr.split())}")
    return done.stdout.strip()
