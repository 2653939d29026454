"""docs/remotes.md, executed: data and models by way of a folder, S3, SSH and WebDAV, whole and damaged."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from project_copy import ROOT, run
from remote_servers import HOST, PASSWORD, SERVERS, Server, change_in
from shared_project import MODEL, blocks, dvc, flip, locked, shown, trained_project

from reprise.cli import run as reprise
from reprise.foundation.errors import RepriseError

HEADING, WEIGHTS = "A damaged file", MODEL[1]


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return trained_project(tmp_path_factory.mktemp("trained"))


@pytest.fixture(params=SERVERS)
def remote(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[list[str], Server]]:
    """A server, and the commands of its block in docs/remotes.md with its address in them."""
    monkeypatch.setenv("NO_PROXY", HOST)
    place = tmp_path / "server"
    place.mkdir()
    with SERVERS[request.param](place) as server:
        lines = blocks(request.param)[0]
        for word, here in server.here.items():
            assert any(word in line for line in lines)
            lines = [line.replace(word, here) for line in lines]
        yield lines, server


def local(lines: list[str]) -> list[str]:
    """Return the commands that everyone runs for themselves, as git doesn't carry what they write."""
    return [line for line in lines if "--local" in line]


def test_what_is_pushed_can_be_pulled_and_damage_is_refused_and_repaired(
    trained: Path, tmp_path: Path, remote: tuple[list[str], Server]
) -> None:
    lines, server = remote
    author, reader = shutil.copytree(trained, tmp_path / "author", symlinks=True), tmp_path / "reader"
    assert "7 files pushed" in dvc([*lines, "dvc push"], author)
    assert PASSWORD not in (author / ".dvc/config").read_text()
    run("git commit --quiet --all --message store", author)

    server.change(locked(trained)[WEIGHTS], flip(author / WEIGHTS))
    run(f"git clone --quiet {author} {reader}", tmp_path)
    refused = dvc([*local(lines), "dvc pull"], reader, fails=1)
    said = shown(HEADING, "ERROR: failed")
    assert len(said) == 2
    assert set(said) <= set(refused.splitlines())
    assert not (reader / WEIGHTS).exists()
    assert (reader / MODEL[0]).read_bytes() == (trained / MODEL[0]).read_bytes()

    cleaned = run(blocks(HEADING)[1][0], author)
    assert f"{WEIGHTS}: damaged in the remote store, removed: " in cleaned
    assert "remote store: 1 damaged, 6 good" in cleaned
    assert "1 file pushed" in run(blocks(HEADING)[1][1], author)
    run("dvc pull", reader)
    assert (reader / WEIGHTS).read_bytes() == (trained / WEIGHTS).read_bytes()
    assert run("git status --porcelain", reader) == ""


def test_damage_in_the_cache_is_found_where_dvc_takes_it_for_good_and_computed_away(
    trained: Path, tmp_path: Path
) -> None:
    author = shutil.copytree(trained, tmp_path / "author", symlinks=True)
    md5 = locked(trained)[WEIGHTS]
    change_in(author / ".dvc/cache")(md5, flip(author / WEIGHTS))
    assert run("reprise fsck", author, fails=1).splitlines() == shown(HEADING, "$ reprise fsck")[1:]
    (author / WEIGHTS).unlink()
    assert "Data and pipelines are up to date." in dvc(["dvc checkout", "dvc status"], author)
    assert (author / WEIGHTS).read_bytes() == flip(trained / WEIGHTS)

    removed = run("reprise fsck --remove", author)
    assert f"{WEIGHTS}: damaged in the workspace, removed: {WEIGHTS}\n" in removed
    assert f"{WEIGHTS}: damaged in the cache, removed: .dvc/cache/files/md5/{md5[:2]}/{md5[2:]}\n" in removed
    run(blocks(HEADING)[0][0], author)
    assert (author / WEIGHTS).read_bytes() == (trained / WEIGHTS).read_bytes()
    assert "damaged" not in run("reprise fsck", author)
    assert run("git status --porcelain", author) == ""


def test_repro_pull_fetches_what_is_there_and_computes_the_rest(trained: Path, tmp_path: Path) -> None:
    author = shutil.copytree(trained, tmp_path / "author", symlinks=True)
    share = f"dvc remote modify --local store url {tmp_path}/share"
    dvc([*blocks("A folder")[0], share, f"dvc push metrics/history.csv {' '.join(MODEL)}"], author)
    run("git commit --quiet --all --message store", author)
    run(f"git clone --quiet {author} reader", tmp_path)
    output = dvc([share, "dvc repro --pull"], tmp_path / "reader")
    assert "Running stage 'prepare'" in output
    assert "Running stage 'train'" not in output
    assert run("git status --porcelain", tmp_path / "reader") == ""


def test_a_registered_model_is_fetched_into_an_empty_folder_and_predicts(
    trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    author = shutil.copytree(trained, tmp_path / "author", symlinks=True)
    origin, elsewhere = tmp_path / "project.git", tmp_path / "elsewhere"
    run(f"git clone --quiet --bare {author} {origin}", tmp_path)
    run(f"git remote add origin {origin}", author)
    register, fetch, check = blocks("A registry of models")
    store = [line.replace("/mnt/share/reprise", str(tmp_path / "share")) for line in blocks("A folder")[0]]
    dvc([*store, register[0]], author)
    run("git commit --quiet --all --message store", author)
    run("git push --quiet origin main", author)
    for line in register[1:]:
        run(line, author)
    assert run("git ls-remote --tags --refs origin", author).split()[1::2] == [
        "refs/tags/model#prod#1",
        "refs/tags/model@v1.0.0",
    ]

    elsewhere.mkdir()
    (elsewhere / "new.csv").write_text("x\n1\n2\n")
    for line in (*fetch, *check):
        output = run(line.replace("https://git.example.org/team/project.git", str(origin)), elsewhere)
    assert "dvc.lock names these very files" in output
    assert len((elsewhere / "predictions.csv").read_text().splitlines()) == 3
    for name in MODEL:
        assert (elsewhere / name).read_bytes() == (trained / name).read_bytes()

    card = elsewhere / MODEL[0]
    card.write_text(card.read_text().replace('"epochs_trained": 200', '"epochs_trained": 201'))
    monkeypatch.chdir(elsewhere)
    with pytest.raises(RepriseError) as told:
        reprise(check[1].split()[1:])
    assert told.value.problems == ("models/model.json: not the file that dvc.lock names; fetch it again",)


def test_the_readme_has_the_same_remote() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8").splitlines()
    commands = [line.split("  #")[0].strip() for line in readme]
    assert set(blocks("A folder")[0]) <= set(commands)
