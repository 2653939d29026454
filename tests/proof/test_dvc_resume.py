"""Real dvc, disturbed: what was killed continues and ends with the bytes of dvc.lock."""

from __future__ import annotations

import difflib
import hashlib
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from . import conftest
from .dvc_project import BRANCH, Project, send, wait_until
from .runs import ROOT

pytestmark = pytest.mark.proof

HOW = ["kill -9 of all", "kill -9 of dvc", "kill -9 of the script", "SIGINT", "SIGTERM"]
STOPPED = "; ".join(HOW)
EPOCHS = 240  # long enough for a state to be saved, and for the kill to come before the end


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A clone at HEAD with a longer training, its data prepared, everything committed."""
    folder = tmp_path_factory.mktemp("template") / "project"
    project = Project(folder)
    folder.mkdir()
    project.run("git", "clone", "--quiet", "--no-local", str(ROOT), ".")
    project.run("git", "switch", "--quiet", "--force-create", BRANCH)
    project.change("  epochs: 20\n", f"  epochs: {EPOCHS}\n")
    project.run("dvc", "repro", "prepare")
    project.run("git", "commit", "--quiet", "--all", "--allow-empty", "--message", "a longer training")
    return project


@pytest.fixture
def project(template: Project, tmp_path: Path) -> Project:
    """A copy of the template."""
    shutil.copytree(template.folder, tmp_path / "project", symlinks=True)
    return Project(tmp_path / "project")


@pytest.fixture(scope="module")
def undisturbed(template: Project, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """What dvc.lock is after a run that nothing disturbed."""
    folder = tmp_path_factory.mktemp("undisturbed") / "project"
    shutil.copytree(template.folder, folder, symlinks=True)
    project = Project(folder)
    project.run("dvc", "repro", "train")
    assert project.lock() != template.lock()
    return project.lock()


def stop(project: Project, how: str, *command: str) -> None:
    """Start a command, wait until its training has saved a state, and disturb it."""
    before = project.states()
    started = project.start(*command)
    wait_until(lambda: project.states() - before, "a saved state")
    project.kill(how)
    started.wait(60)


def by_repro(project: Project, how: str) -> bytes:
    stop(project, how, "dvc", "repro", "train")
    assert project.start("dvc", "repro", "train").wait(300) == 0, project.logged()[-3000:]
    return project.lock()


def by_exp_run(project: Project, how: str) -> bytes:
    stop(project, how, "dvc", "exp", "run", "train")
    # A killed `exp run` may leave HEAD detached; the README says the same.
    project.run("git", "switch", "--quiet", "--force", BRANCH)
    assert project.start("dvc", "exp", "run", "train").wait(300) == 0, project.logged()[-3000:]
    return project.lock()


def by_exp_run_in_a_copy(project: Project, how: str) -> bytes:
    stop(project, how, "dvc", "exp", "run", "--temp", "train")
    assert project.start("dvc", "exp", "run", "--temp", "train").wait(300) == 0, project.logged()[-3000:]
    (ref,) = project.experiments()
    return project.run("git", "show", f"{ref}:dvc.lock").encode()


def by_queue(project: Project, how: str) -> bytes:
    project.run("dvc", "exp", "run", "--queue", "train")
    stop(project, how, "dvc", "queue", "start")
    wait_until(lambda: not project.processes("stages.train"), "the end of the killed run")
    project.run("dvc", "exp", "run", "--queue", "train")
    project.start("dvc", "queue", "start").wait(60)
    wait_until(project.experiments, "a queued run", 300)
    # Where all was killed, the queue takes up the first run again, beside the new one.
    (lock,) = {project.run("git", "show", f"{ref}:dvc.lock") for ref in project.experiments()}
    return lock.encode()


def differing(expected: bytes, found: bytes) -> str:
    """Return the lines in which two lock files differ."""
    lines = difflib.unified_diff(
        expected.decode().splitlines(), found.decode().splitlines(), lineterm="", n=4
    )
    return "\n".join(lines)


WAYS: dict[str, Callable[[Project, str], bytes]] = {
    "dvc repro": by_repro,
    "dvc exp run": by_exp_run,
    "dvc exp run --temp": by_exp_run_in_a_copy,
    "a queued run": by_queue,
}
_done: dict[str, int] = {}


@pytest.mark.parametrize("how", HOW)
@pytest.mark.parametrize("way", WAYS)
def test_a_disturbed_run_continues(project: Project, undisturbed: bytes, way: str, how: str) -> None:
    try:
        lock = WAYS[way](project, how)
    finally:
        for pid in project.processes():
            send(pid)
    assert lock == undisturbed, differing(undisturbed, lock)
    assert "resuming in epoch" in project.logged()
    _done[way] = _done.get(way, 0) + 1
    short = hashlib.sha256(undisturbed).hexdigest()[:12]
    conftest.note(f"{way}, stopped and run again ({STOPPED})", "cnn (params.yaml)", _done[way], short)


def test_a_change_starts_fresh_and_changing_back_resumes(project: Project, undisturbed: bytes) -> None:
    stop(project, "kill -9 of all", "dvc", "repro", "train")
    project.change("  lr: 0.003\n", "  lr: 0.002\n")
    stop(project, "kill -9 of all", "dvc", "repro", "train")
    assert "resuming in epoch" not in project.logged()
    assert len(project.states()) == 2
    project.change("  lr: 0.002\n", "  lr: 0.003\n")
    assert project.start("dvc", "repro", "train").wait(300) == 0, project.logged()[-3000:]
    assert "resuming in epoch" in project.logged()
    assert project.lock() == undisturbed, differing(undisturbed, project.lock())
    short = hashlib.sha256(undisturbed).hexdigest()[:12]
    conftest.note("killed, lr changed, killed, lr changed back", "cnn (params.yaml)", 1, short)
