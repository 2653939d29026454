"""Continuous integration: what the workflows run are make targets, the same ones in the same order."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from project_copy import environment
from ruamel.yaml import YAML

ROOT = Path(__file__).parents[1]
GITHUB = ROOT / ".github/workflows/ci.yml"
GITLAB = ROOT / ".gitlab-ci.yml"
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")
COMMAND = re.compile(r"make ([a-z-]+)(?: >>? \S+)?")


def load(path: Path) -> dict[str, Any]:
    content = YAML(typ="safe", pure=True).load(path.read_text(encoding="utf-8"))
    assert isinstance(content, dict)
    return content


def target(command: str) -> str:
    found = COMMAND.fullmatch(command)
    assert found, f"{command!r} is not one make target"
    return found[1]


def github_steps() -> list[dict[str, Any]]:
    (job,) = load(GITHUB)["jobs"].values()
    steps = job["steps"]
    assert isinstance(steps, list)
    return steps


def gitlab_jobs() -> dict[str, dict[str, Any]]:
    """Return the jobs by name, in the order of their stages."""
    content = load(GITLAB)
    jobs = {name: job for name, job in content.items() if isinstance(job, dict) and "script" in job}
    return dict(sorted(jobs.items(), key=lambda item: content["stages"].index(item[1]["stage"])))


def listed() -> list[str]:
    """Return the steps that the Makefile lists."""
    found = re.search(r"^CI := (.+)$", MAKEFILE, re.MULTILINE)
    assert found
    return found[1].split()


def test_every_step_is_a_make_target_with_a_line_of_help() -> None:
    targets = set(re.findall(r"^([a-z-]+):.* ## ", MAKEFILE, re.MULTILINE))
    phony = re.search(r"^\.PHONY: (.+)$", MAKEFILE, re.MULTILINE)
    assert phony
    assert set(listed()) <= targets == set(phony[1].split())


def test_both_workflows_run_the_makefiles_list() -> None:
    assert [target(step["run"]) for step in github_steps() if "run" in step] == listed()
    assert [target(line) for job in gitlab_jobs().values() for line in job["script"]] == listed()


def test_ci_runs_the_list_and_stops_at_the_first_that_fails(tmp_path: Path) -> None:
    steps = listed()
    with (tmp_path / "Makefile").open("w") as stream:
        stream.write(MAKEFILE.split("\nhelp:")[0])
        stream.writelines(f"\n{step}:\n\t@{'exit 3' if step == steps[3] else 'true'}\n" for step in steps)
        stream.write(MAKEFILE[MAKEFILE.index("\nci:") :].split("\n\n")[0] + "\n")
    done = subprocess.run(
        ["make", "ci"], cwd=tmp_path, env=environment(), capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert done.stdout.splitlines()[:4] == [f"== make {step}" for step in steps[:4]]
    assert steps[4] not in done.stdout


def test_the_github_workflow_may_read_and_nothing_else() -> None:
    content = load(GITHUB)
    assert content["permissions"] == {"contents": "read"}
    assert content["concurrency"]["group"]
    text = GITHUB.read_text(encoding="utf-8")
    assert "secrets." not in text
    assert "pull_request_target" not in text
    for job in content["jobs"].values():
        assert "permissions" not in job
        assert job["timeout-minutes"] <= 90
    (checkout,) = (step for step in github_steps() if "actions/checkout@" in step.get("uses", ""))
    assert checkout["with"]["persist-credentials"] is False
    # What comes from outside enters by variables: an expression inside a command could be code.
    assert all("${{" not in step["run"] for step in github_steps() if "run" in step)


def test_actions_are_pinned_by_commit_and_name_their_version() -> None:
    lines = [line for line in GITHUB.read_text(encoding="utf-8").splitlines() if "uses:" in line]
    assert len(lines) >= 4
    for line in lines:
        assert re.search(r"uses: actions/[a-z/-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$", line), line


def test_the_environment_is_stored_under_all_that_it_is_made_from() -> None:
    restore, data, save = (step for step in github_steps() if "actions/cache" in step.get("uses", ""))
    assert restore["with"]["path"] == save["with"]["path"] == ".venv"
    for part in ("runner.os", "runner.arch", "python-version", "requirements.lock", "pyproject.toml"):
        assert part in restore["with"]["key"]
    assert "refs/heads/main" in save["if"]
    assert data["with"]["path"] == "data/cache"
    assert list(ROOT.glob(data["with"]["key"].split("'")[1])) != []
    default = load(GITLAB)["default"]["cache"]
    assert default[0]["key"]["files"] == ["requirements.lock", "pyproject.toml"]
    assert [cache["paths"] for cache in default] == [[".venv"], ["data/cache"]]


def test_gitlab_jobs_need_what_comes_before_them() -> None:
    jobs = gitlab_jobs()
    names = list(jobs)
    for name, job in jobs.items():
        assert job["stage"] in load(GITLAB)["stages"]
        assert all(names.index(needed) < names.index(name) for needed in job.get("needs", []))
    assert jobs["summary"]["artifacts"]["paths"] == ["build/summary.md", "build/plots/", "report.html"]


@pytest.mark.skipif(shutil.which("actionlint") is None, reason="actionlint is not installed")
def test_actionlint_has_nothing_to_say() -> None:
    done = subprocess.run(["actionlint", str(GITHUB)], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")
