"""``reprise fsck`` on a small DVC project without git: what is damaged, what is removed, what is told."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from dvc.repo import Repo
from remote_servers import HOST, change_in

from reprise.cli import run as reprise
from reprise.foundation.errors import RepriseError

pytestmark = pytest.mark.filterwarnings("ignore:_NoneStep:DeprecationWarning")  # inside DVC

ABC = "900150983cd24fb0d6963f7d28e17f72"  # MD5 of abc (RFC 1321, appendix A.5), and of a
A = "0cc175b9c0f1b6a831c399e269772661"
CONFIG = """
[core]
    no_scm = true
    remote = store
['remote "store"']
    url = ../store
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with a file and a folder of two, in the cache and in the default remote."""
    monkeypatch.chdir(tmp_path)
    Path("folder").mkdir()
    for name, text in {"abc.txt": "abc", "folder/a": "a", "folder/b": "b"}.items():
        Path(name).write_text(text)
    with Repo.init(no_scm=True) as repo:
        repo.add(["abc.txt", "folder"])
    (tmp_path / ".dvc/config").write_text(CONFIG)
    with Repo() as repo:
        assert repo.push() == 4  # the list of the folder's files is one
    return tmp_path


def damage(place: Path, md5: str) -> Path:
    """Change a stored file's bytes, not its size, and return where it is."""
    path = place / "files/md5" / md5[:2] / md5[2:]
    change_in(place)(md5, b"#" * path.stat().st_size)
    return path


def told(capsys: pytest.CaptureFixture[str], *words: str) -> list[str]:
    reprise(["fsck", *words])
    return capsys.readouterr().out.splitlines()


def refused(*words: str) -> str:
    with pytest.raises(RepriseError) as error:
        reprise(["fsck", *words])
    return str(error.value)


@pytest.mark.usefixtures("project")
def test_good_files_are_counted_in_each_place(capsys: pytest.CaptureFixture[str]) -> None:
    assert told(capsys) == ["workspace: 3 good", "cache: 4 good"]
    assert told(capsys, "--remote") == ["workspace: 3 good", "cache: 4 good", "remote store: 4 good"]


@pytest.mark.usefixtures("project")
def test_what_the_user_changed_is_not_damaged_and_stays(capsys: pytest.CaptureFixture[str]) -> None:
    Path("abc.txt").write_text("abcd")
    Path("folder/b").unlink()
    assert told(capsys, "--remove")[0] == "workspace: 1 changed, 1 good, 1 missing"
    assert Path("abc.txt").read_text() == "abcd"


@pytest.mark.usefixtures("project")
def test_a_file_that_keeps_its_size_and_time_is_damaged(capsys: pytest.CaptureFixture[str]) -> None:
    path = Path("abc.txt")
    times = path.stat()
    path.write_text("abd")
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    with Repo() as repo:
        assert repo.status() == {}  # DVC sees nothing
    cure = "--remove removes what is damaged and dvc pull or dvc repro brings back what it was"
    assert refused() == f"fsck: 1 damaged; {cure}"
    assert capsys.readouterr().out.splitlines() == [
        "abc.txt: damaged in the workspace: abc.txt",
        "workspace: 1 damaged, 2 good",
        "cache: 4 good",
    ]
    assert path.read_text() == "abd"
    assert told(capsys, "--remove")[-1] == "1 removed; dvc pull or dvc repro brings back what they were"
    assert not path.exists()
    with Repo() as repo:
        repo.checkout()
    assert path.read_text() == "abc"


def test_damage_in_the_cache_comes_back_from_the_remote(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cached = damage(project / ".dvc/cache", ABC)
    assert (
        told(capsys, "--remove")[0]
        == f"abc.txt: damaged in the cache, removed: {cached.relative_to(project)}"
    )
    assert not cached.exists()
    with Repo() as repo:
        repo.pull()
    assert cached.read_text() == "abc"


def test_a_file_of_a_folder_that_is_damaged_in_a_remote_is_pushed_again(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    stored = damage(project / "store", A)
    with Repo() as repo:
        assert repo.push() == 0  # it is there already, as far as DVC looks
    lines = told(capsys, "--remote", "store", "--remove")
    assert lines[0] == f"folder/a: damaged in the remote store, removed: {stored}"
    assert lines[-1] == "1 removed; dvc push, where the cache is good, brings back what they were"
    with Repo() as repo:
        assert repo.push() == 2  # the file and the folder's list
    assert stored.read_text() == "a"


def test_a_folder_whose_list_is_damaged_here_is_checked_by_the_remote_s(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (listed,) = (project / ".dvc/cache").glob("files/md5/*/*.dir")
    damage(project / ".dvc/cache", listed.parent.name + listed.name)
    damage(project / ".dvc/cache", A)
    refused()
    assert "cache: 1 damaged, 1 good" in capsys.readouterr().out
    refused("--remote")
    assert "cache: 2 damaged, 2 good" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("config", "words", "message"),
    [
        (CONFIG, ["--remote", "stor"], "fsck: --remote: no remote 'stor'; there are store"),
        (
            "[core]\n no_scm = true\n",
            ["--remote"],
            "fsck: --remote: no default remote; docs/remotes.md says how to add one",
        ),
        (
            "[core]\n nonsense = 1\n",
            [],
            "fsck: config file error: extra keys not allowed @ data['core']['nonsense']",
        ),
        (
            CONFIG.replace("../store", f"ssh://{HOST}:1/x\n keyfile = /no/key"),
            ["--remote"],
            "fsck: the remote can't be reached: [Errno 2] No such file or directory: '/no/key'",
        ),
    ],
)
def test_what_is_wrong_is_told_in_one_line(
    project: Path, config: str, words: list[str], message: str
) -> None:
    (project / ".dvc/config").write_text(config)
    line = refused(*words)
    assert line.startswith(message)
    assert "\n" not in line


def test_elsewhere_it_is_told_where_to_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert refused() == f"fsck: {tmp_path} is no DVC project; go to the folder with dvc.yaml and .dvc"
