"""What editors, hooks and containers are told: that it is there and says what the project does."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from project_copy import environment
from ruamel.yaml import YAML

ROOT = Path(__file__).parents[1]
DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8").replace("\\\n", " ")
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")
TARGETS = set(re.findall(r"^([a-z-]+):", MAKEFILE, re.MULTILINE))


def load(name: str) -> Any:
    return json.loads((ROOT / name).read_text(encoding="utf-8"))


def params_files() -> list[Path]:
    return [ROOT / "params.yaml", *(path for path in ROOT.glob("recipes/*.yaml") if path.stem != "dvc")]


@pytest.mark.parametrize("path", params_files(), ids=lambda path: path.stem)
def test_a_params_file_names_the_schema_that_it_follows(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    named = re.match(r"# yaml-language-server: \$schema=(\S+)\n", text)
    assert named
    assert (path.parent / named[1]).resolve() == ROOT / "params.schema.json"
    jsonschema.validate(YAML(typ="safe", pure=True).load(text), load("params.schema.json"))


def test_the_editors_schemas_are_those_of_the_files() -> None:
    schemas = load(".vscode/settings.json")["yaml.schemas"]
    assert schemas.pop("./params.schema.json") == "/params.yaml"
    for schema, name in schemas.items():  # of files that a project need not have
        assert Path(schema).suffixes == [".schema", ".json"]
        assert name.startswith("/")


def test_hooks_are_local_and_run_what_is_there() -> None:
    content = YAML(typ="safe", pure=True).load((ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8"))
    assert [repo["repo"] for repo in content["repos"]] == ["local"]
    hooks = content["repos"][0]["hooks"]
    assert {hook["language"] for hook in hooks} == {"system"}
    for command, word, *_ in (hook["entry"].split() for hook in hooks):
        assert (command == "make" and word in TARGETS) or (command, word) == (".venv/bin/ruff", "format")


def copied() -> list[str]:
    """Return the paths that the Dockerfile copies."""
    found = re.findall(r"^COPY --chown=\S+ (.+) \S+$", DOCKERFILE, re.MULTILINE)
    return [path for line in found for path in line.split()]


def test_the_image_copies_what_is_there_and_runs_make_targets() -> None:
    assert copied()
    tracked = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False
    ).stdout
    for path in copied():
        assert (ROOT / path).exists()
        assert tracked == "" or re.search(rf"^{re.escape(path)}(/|$)", tracked, re.MULTILINE), path
    assert re.findall(r"^RUN make (\S+)$", DOCKERFILE, re.MULTILINE) == ["env"]
    (command,) = re.findall(r"^CMD (.+)$", DOCKERFILE, re.MULTILINE)
    assert json.loads(command)[0] == "make"
    assert set(json.loads(command)[1:]) <= TARGETS


def test_what_docker_is_sent_is_what_the_image_copies() -> None:
    lines = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    assert "*" in lines
    assert [line[1:] for line in lines if line.startswith("!")] == copied()


def test_the_image_is_not_run_as_root() -> None:
    users = re.findall(r"^USER (\S+)$", DOCKERFILE, re.MULTILINE)
    assert users == ["1000"]
    assert DOCKERFILE.index("USER 1000") < DOCKERFILE.index("RUN make env")
    assert "useradd --create-home --uid 1000 reprise" in DOCKERFILE


def test_the_development_container_is_the_same_image() -> None:
    content = load(".devcontainer/devcontainer.json")
    assert (ROOT / ".devcontainer" / content["build"]["dockerfile"]).resolve() == ROOT / "Dockerfile"
    workdir = re.search(r"^WORKDIR (\S+)$", DOCKERFILE, re.MULTILINE)
    assert workdir
    assert content["workspaceFolder"] == workdir[1]
    assert f"target={workdir[1]}," in content["workspaceMount"]
    assert content["remoteUser"] == "reprise"
    environment = re.search(r"^ENV VENV=(\S+)$", DOCKERFILE, re.MULTILINE)
    assert environment
    settings = content["customizations"]["vscode"]["settings"]
    assert settings["python.defaultInterpreterPath"] == f"{environment[1]}/bin/python"
    assert content["postCreateCommand"] == "make env"


def test_make_takes_an_environment_from_elsewhere(tmp_path: Path) -> None:
    head = MAKEFILE.split("# What continuous")[0]
    (tmp_path / "Makefile").write_text(head + "\nshow:\n\t@echo $(BIN) $${PATH%%:*}\n", encoding="utf-8")
    for venv, binary in (("/opt/venv", "/opt/venv/bin"), (".venv", f"{tmp_path}/.venv/bin")):
        shown = subprocess.run(
            ["make", "show", f"VENV={venv}"],
            cwd=tmp_path,
            env=environment(),
            capture_output=True,
            text=True,
            check=True,
        ).stdout.split()
        assert shown == [f"{venv}/bin", binary]
