"""Stored files: are the bytes in the workspace, DVC's cache and a remote those that the locks name?

DVC hashes a file once. After that it trusts its notes (a file with the same size, time and inode), and what
is write-protected in the cache. So a bit that flips on a disk, or comes flipped from a remote that has no
``verify``, stays unnoticed: ``dvc status`` says that all is up to date. Here everything is read and hashed.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from reprise.foundation.errors import EnvironmentProblem, UserError

if TYPE_CHECKING:
    from dvc.output import Output
    from dvc.repo import Repo
    from dvc_data.hashfile.db import HashFileDB

WORKSPACE, CACHE = "workspace", "cache"


class File(NamedTuple):
    """A file (or a folder's list of files, ``.dir``) that a lock names."""

    name: str  # below the project's root
    md5: str
    folder: str = ""  # the MD5 of the list that names it, if it is one of a folder


class Verdict(NamedTuple):
    """What was found of a file in one place: "good", "damaged", "missing" or, in the workspace, "changed"."""

    file: File
    place: str
    path: str
    state: str


def check_stored(root: Path, remote: str | None, *, remove: bool = False) -> Iterator[Verdict]:
    """Hash all copies of the files that the locks of the DVC project at `root` name; yield a verdict on each.

    Parameters
    ----------
    root : Path
    remote : str or None
        A remote's name to look there too, "" for the default remote. All of it is downloaded for that.
    remove : bool
        Remove what is damaged.

    Raises
    ------
    UserError
        If there is no DVC project, no such remote, or DVC's own files are wrong.
    EnvironmentProblem
        If the remote can't be read.
    """
    from dvc.config import ConfigError
    from dvc.exceptions import DvcException, NotDvcRepoError
    from dvc.repo import Repo

    try:
        with Repo(str(root)) as repo:
            outs = [out for out in repo.index.outs if out.use_cache and out.hash_info]
            stores = {CACHE: repo.cache.local}
            if remote is not None:
                name = _remote_name(repo, remote)
                stores[f"remote {name}"] = repo.cloud.get_remote_odb(name)
                _connect(stores[f"remote {name}"])
            files = list(_files(repo, outs, stores.values()))
            yield from _check_workspace(repo, files, remove)
            for place, store in stores.items():
                yield from _check_store(files, place, store, remove)
    except NotDvcRepoError:
        raise UserError(f"fsck: {root} is no DVC project; go to the folder with dvc.yaml and .dvc") from None
    except ConfigError as error:
        raise UserError(f"fsck: {_one_line(error)}") from None
    except DvcException as error:
        raise EnvironmentProblem(f"fsck: {_one_line(error)}") from None


def _files(repo: Repo, outs: Iterable[Output], stores: Iterable[HashFileDB]) -> Iterator[File]:
    """Yield what the locks name; of a folder its list and, if there is a good copy of that, its files."""
    from dvc_data.hashfile.tree import Tree

    for out in outs:
        name, md5 = Path(out.fs_path).relative_to(repo.root_dir).as_posix(), str(out.hash_info.value)
        yield File(name, md5)
        good = (store for store in stores if out.hash_info.isdir and _state(store, md5) == "good")
        for store in islice(good, 1):
            for parts, _, entry in Tree.load(store, out.hash_info):
                yield File("/".join((name, *parts)), str(entry.value), md5)


def _check_workspace(repo: Repo, files: Iterable[File], remove: bool) -> Iterator[Verdict]:
    from dvc.fs import localfs
    from dvc_data.hashfile.hash import file_md5

    for file in files:
        path = Path(repo.root_dir) / file.name
        if file.md5.endswith(".dir"):
            continue  # the list of a folder's files stands in the stores alone
        state = "missing"
        if path.is_file():
            _, noted = repo.state.get(str(path), localfs)
            if file_md5(str(path)) == file.md5:
                state = "good"
            else:  # DVC sees by itself that a file was changed, unless its notes say otherwise
                state = "damaged" if noted is not None and noted.value == file.md5 else "changed"
        if remove and state == "damaged":
            path.unlink()
        yield Verdict(file, WORKSPACE, file.name, state)


def _check_store(files: Iterable[File], place: str, store: HashFileDB, remove: bool) -> Iterator[Verdict]:
    seen: set[str] = set()
    for file in files:
        if file.md5 in seen:
            continue
        seen.add(file.md5)
        path, state = store.oid_to_path(file.md5), _state(store, file.md5)
        if remove and state == "damaged":
            store.delete(file.md5)
            if place != CACHE and file.folder:
                # While a remote has a folder's list, dvc push believes that it has all of the folder's files.
                with suppress(FileNotFoundError):
                    store.delete(file.folder)
        shown = os.path.relpath(path) if place == CACHE else store.fs.unstrip_protocol(path)
        yield Verdict(file, place, shown, state)


def _remote_name(repo: Repo, wanted: str) -> str:
    known = list(repo.config["remote"])
    name = wanted or repo.config["core"].get("remote")
    if name in known:
        return str(name)
    hint = f"there are {', '.join(known)}" if known else "docs/remotes.md says how to add one"
    raise UserError(f"fsck: --remote: {f'no remote {name!r}' if name else 'no default remote'}; {hint}")


def _connect(store: HashFileDB) -> None:
    """See that a remote can be reached: a key file that is not there must not count as files that are not.

    Raises
    ------
    EnvironmentProblem
        If it can't; each kind of remote has errors of its own.
    """
    try:
        store.fs.exists(store.path)
    except Exception as error:
        raise EnvironmentProblem(f"fsck: the remote can't be reached: {_one_line(error)}") from None


def _state(store: HashFileDB, md5: str) -> str:
    """Tell whether a store's object is "good", "damaged" or "missing".

    Raises
    ------
    EnvironmentProblem
        If it can't be read.
    """
    from dvc_data.hashfile.hash import file_md5

    path = store.oid_to_path(md5)
    try:
        found = file_md5(path, store.fs)
    except FileNotFoundError:
        return "missing"
    except Exception as error:
        where = store.fs.unstrip_protocol(path)
        raise EnvironmentProblem(f"fsck: {where} can't be read: {_one_line(error)}") from None
    return "good" if found == md5.removesuffix(".dir") else "damaged"


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__
