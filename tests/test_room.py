"""Room on disk and in memory, asked for before the work."""

from __future__ import annotations

import os
import resource
from pathlib import Path

import pytest

from reprise.foundation import room
from reprise.foundation.errors import EnvironmentProblem, UserError
from reprise.foundation.room import in_words, require_disk, require_memory


@pytest.mark.parametrize(
    ("size", "words"),
    [
        (0, "0 bytes"),
        (999, "999 bytes"),
        (1000, "1.0 KB"),
        (8_200_000_000_000, "8.2 TB"),
        (10**25, "10,000,000.0 EB"),
    ],
)
def test_sizes_in_words(size: int, words: str) -> None:
    assert in_words(size) == words


def test_a_folder_that_can_be_made_is_not_made(tmp_path: Path) -> None:
    require_disk(tmp_path / "new" / "deep", 1000)
    assert list(tmp_path.iterdir()) == []


def test_a_place_that_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "dead").symlink_to(tmp_path / "nothing")
    for name in ("file", "dead"):
        with pytest.raises(
            UserError, match=f"{name}: a file .*stands where a folder is needed; move it away"
        ):
            require_disk(tmp_path / name)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["dead", "file"]


def test_too_little_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room.shutil, "disk_usage", lambda _path: (10**9, 0, 2**20))
    require_disk(tmp_path, 2**20)
    with pytest.raises(EnvironmentProblem) as caught:
        require_disk(tmp_path, 80 * 10**9, smaller=", or prepare less", elsewhere="; or go elsewhere")
    assert str(caught.value) == (
        f"{tmp_path}: needs 80.0 GB, but its disk has 1.0 MB left; "
        "free some, or prepare less; or go elsewhere"
    )
    monkeypatch.setattr(
        room.shutil, "disk_usage", lambda _path: (0, 0, 0)
    )  # a file system that does not tell
    require_disk(tmp_path, 80 * 10**9)


def test_a_limit_of_the_size_of_files(tmp_path: Path) -> None:
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limits[1]))
    try:
        require_disk(tmp_path, 5000, largest=1000)
        with pytest.raises(EnvironmentProblem, match=r"gets a file of 5\.0 KB, but 1\.0 KB is the most here"):
            require_disk(tmp_path, 5000, largest=5000)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


def test_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    found = room.available_memory()
    assert found is not None
    assert 0 < found < 2**50
    require_memory(1000, "x", "y")
    with pytest.raises(
        EnvironmentProblem, match=r"^key: it takes at least 1\.0 EB of memory, but .* use less$"
    ):
        require_memory(10**18, "key: it", "use less")
    monkeypatch.setattr(room, "available_memory", lambda: None)
    require_memory(10**18, "x", "y")


def test_a_containers_limit_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    inner = tmp_path / "groups" / "outer" / "inner"
    inner.mkdir(parents=True)
    for folder, limit in ((inner, "max"), (inner.parent, "1000000")):
        (folder / "memory.max").write_text(f"{limit}\n")
        (folder / "memory.current").write_text("400000\n")
        (folder / "memory.stat").write_text("anon 300000\ninactive_file 50000\n")
    (tmp_path / "self").write_text("4:memory:/old\n0::/outer/inner\n")
    monkeypatch.setattr(room, "_GROUPS", tmp_path / "groups")
    monkeypatch.setattr(room, "_GROUP_OF_PROCESS", tmp_path / "self")
    assert room.available_memory() == 650_000


def test_a_limit_of_the_process_counts() -> None:
    limits = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (2**45, limits[1]))
    try:
        assert 2**45 in list(room._limits())
    finally:
        resource.setrlimit(resource.RLIMIT_AS, limits)


def test_without_linux_the_memory_of_the_machine_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(room, "_MEMORY_OF_SYSTEM", tmp_path / "none")
    assert room.available_memory() == os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
