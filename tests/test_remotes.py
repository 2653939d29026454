"""docs/remotes.md, executed: data and models by way of a folder, S3, SSH and WebDAV, whole and damaged."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from project_copy import run
from remote_servers import PASSWORD, SERVERS, Server
from shared_project import MODEL, blocks, dvc, flip, locked, shown, trained_project

WEIGHTS = MODEL[1]


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return trained_project(tmp_path_factory.mktemp("trained"))


@pytest.fixture(params=SERVERS)
def remote(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[list[str], Server]]:
    """A server, and the commands of its block in docs/remotes.md with its address in them."""
    place = tmp_path / "server"
    place.mkdir()
    with SERVERS[request.param](place) as server:
        lines = blocks(request.param)[0]
        for word, here in server.here.items():
            assert any(word in line for line in lines)
            lines = [line.replace(word, here) for line in lines]
        yield lines, server


def clone(author: Path, folder: Path, lines: list[str]) -> Path:
    """Clone, and set what git doesn't carry."""
    run(f"git clone --quiet {author} {folder}", folder.parent)
    dvc([line for line in lines if "--local" in line], folder)
    return folder


def test_what_is_pushed_can_be_pulled_and_damage_is_refused_and_repaired(
    trained: Path, tmp_path: Path, remote: tuple[list[str], Server]
) -> None:
    lines, server = remote
    author = shutil.copytree(trained, tmp_path / "author", symlinks=True)
    dvc(lines, author)
    assert PASSWORD not in (author / ".dvc/config").read_text()
    run("git commit --quiet --all --message store", author)
    assert "7 files pushed" in run("dvc push", author)

    server.change(locked(trained)[WEIGHTS], flip(author / WEIGHTS))
    reader = clone(author, tmp_path / "reader", lines)
    refused = run("dvc pull", reader, fails=1)
    said = shown("A damaged file", "ERROR: failed")
    assert len(said) == 2
    assert set(said) <= set(refused.splitlines())
    assert not (reader / WEIGHTS).exists()
    assert (reader / MODEL[0]).read_bytes() == (trained / MODEL[0]).read_bytes()

    cleaned = run(blocks("A damaged file")[1][0], author)
    assert f"{WEIGHTS}: damaged in the remote store, removed: " in cleaned
    assert "remote store: 1 damaged, 6 good" in cleaned
    assert "1 file pushed" in run(blocks("A damaged file")[1][1], author)
    run("dvc pull", reader)
    assert (reader / WEIGHTS).read_bytes() == (trained / WEIGHTS).read_bytes()
    assert run("dvc status", reader).strip() == "Data and pipelines are up to date."
    assert run("git status --porcelain", reader) == ""
