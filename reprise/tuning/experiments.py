"""Trials as DVC's experiments: each a commit below ``refs/exps`` whose lock names outputs in DVC's cache.

``dvc exp run`` would start Python and torch anew for every trial. A worker has them loaded already: it trains
in a copy of the project, and then lets DVC's own ``commit`` hash the outputs and write dvc.lock there.
"""

from __future__ import annotations

import logging
import os
import shutil
import subprocess
from contextlib import chdir
from pathlib import Path
from typing import Any, NamedTuple

from reprise.foundation.errors import EnvironmentProblem, UserError
from reprise.foundation.files import write_text
from reprise.verification.pipelines import Pipeline, main_pipeline, pipelines

SETUP = "worker.json"  # what a worker is told at its start, in its copy of the project
RAW = Path("data/raw")
OWN = "own"
CODE = (OWN, "reprise", "stages")
STAGES = ("train", "evaluate")


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


def pipeline_of(params: Path) -> Pipeline | None:
    """Return the pipeline that reads a params file; None: there is none, and so no experiment of it."""
    if not Path(".git").exists():
        return None
    fitting = (one for one in pipelines() if one.params == params and (one.project / ".dvc").is_dir())
    return next(fitting, None)


def snapshot(scratch: Path) -> Snapshot:
    """Return the project in the current folder.

    Parameters
    ----------
    scratch : Path
        A folder for a file of its own.

    Raises
    ------
    UserError
        If a file of code is not in git.
    """
    for name in _git("ls-files", "--others", "--exclude-standard", "--", *CODE).splitlines():
        raise UserError(f"{name}: git does not know it, so an experiment would lack it; git add {name}")
    _git("var", "GIT_COMMITTER_IDENT")  # without a name nothing can be committed: told before any training
    folder = _git("rev-parse", "--absolute-git-dir")
    index = scratch / "index"
    shutil.copyfile(_git("rev-parse", "--git-path", "index"), index)  # the user's own stays as it is
    _git("add", "--update", index=index)
    return Snapshot(str(Path.cwd()), folder, _git("rev-parse", "HEAD"), _git("write-tree", index=index))


def copy_project(project: Snapshot, pipeline: Pipeline, folder: Path, prepared: Path) -> None:
    """Make a copy of a project for one worker, with the same raw and prepared data.

    Parameters
    ----------
    project : Snapshot
    pipeline : Pipeline
    folder : Path
        Is made anew.
    prepared : Path
        The folder of prepared data.
    """
    index = folder.with_suffix(".index")
    _git("read-tree", project.tree, index=index)
    _git("checkout-index", "--all", f"--prefix={folder}/", index=index)
    _link(folder / RAW, Path(project.root) / RAW)
    _link(folder / pipeline.prepared, prepared)
    from dvc.repo import Repo

    with Repo(str(pipeline.project.absolute())) as repo:
        cache = repo.cache.local_cache_dir
    own = folder.absolute() / pipeline.project / ".dvc"
    settings = f"[core]\n    no_scm = true\n    site_cache_dir = {own}/site\n[cache]\n    dir = {cache}\n"
    write_text(own / "config.local", settings)


def copy_code(folder: Path, prepared: Path) -> None:
    """Make what a worker needs where no experiments are made: prepared data and the code of one's own."""
    places = main_pipeline(folder)
    _link(places.prepared, prepared)
    _link(folder / OWN, Path(OWN))


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
    pipeline : Pipeline
        Whose outputs they are.
    """

    def __init__(self, project: Snapshot, pipeline: Pipeline) -> None:
        from dvc.repo import Repo

        logging.getLogger("dvc").setLevel(logging.WARNING)
        self._project, self._pipeline, self._folder = project, pipeline, Path.cwd()
        self._repo: Any = Repo(str(pipeline.project.absolute()))
        self._commit("prepare")

    def save(self, name: str) -> None:
        """Make the copy's outputs, parameters and figures an experiment of this name."""
        for stage in STAGES:
            self._commit(stage)
        index, project = self._folder.with_suffix(".index"), self._project

        def git(*words: str) -> str:
            return _git(*words, index=index, GIT_DIR=project.git, GIT_WORK_TREE=str(self._folder))

        own = (self._pipeline.params, self._pipeline.lock, self._pipeline.metrics)
        git("add", "--all", "--", *map(str, own))
        commit = git("commit-tree", git("write-tree"), "-p", project.head, "-m", f"reprise tune: {name}")
        git("update-ref", f"refs/exps/{project.head[:2]}/{project.head[2:]}/{name}", commit)

    def _commit(self, stage: str) -> None:
        with chdir(self._pipeline.project):  # where DVC looks for a stage of this name
            self._repo.commit(f"{stage}{self._pipeline.suffix}", force=True, relink=False)


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
