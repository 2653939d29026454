"""Getting published files: the user's copy, the cache, or one of several mirrors, each checked by SHA-256."""

from __future__ import annotations

import hashlib
import http.client
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from reprise.foundation.errors import EnvironmentProblem, UserError
from reprise.foundation.files import replacing, sha256_file, write_text

CACHE = Path("data/cache")  # of downloads; git-ignored, and outside data/raw, which is a dependency
CHUNK = 2**16  # bytes read at a time


@dataclass(frozen=True)
class RemoteFile:
    """A file that is published under a fixed content.

    Attributes
    ----------
    name : str
        Its name on disk.
    size : int or None
        Bytes; a mirror that offers more or fewer is refused before it is read. None: not published.
    sha256 : str
        In hexadecimal, or as many of its first digits as are published.
    urls : tuple of str
        Where it can be had, best first.
    """

    name: str
    size: int | None
    sha256: str
    urls: tuple[str, ...]


@dataclass(frozen=True)
class Patience:
    """How long a mirror may take, and how often it is asked."""

    rounds: int = 3  # every mirror is asked this often
    pause: float = 1.0  # seconds before the second round, doubled for each one after
    timeout: float = 20.0  # seconds to connect, and between two pieces of data
    window: float = 30.0  # seconds in which `window_bytes` must arrive
    window_bytes: int = 2**18
    sleep: Callable[[float], None] = time.sleep


class MirrorError(Exception):
    """Why a mirror didn't deliver; `again` tells whether asking it once more can help."""

    def __init__(self, reason: str, *, again: bool) -> None:
        super().__init__(reason)
        self.again = again


def fetch(
    files: Sequence[RemoteFile], folder: Path, cache: Path, patience: Patience | None = None
) -> dict[str, Path]:
    """Return a checked path for each file, downloading what is not there.

    Parameters
    ----------
    files : sequence of RemoteFile
    folder : Path
        Where the user may have put files; they come first and are only read.
    cache : Path
        Where downloads are kept; made when needed, and ignored by git.
    patience : Patience, optional

    Raises
    ------
    UserError
        If a file in `folder` has another content than the published one.
    EnvironmentProblem
        If no mirror delivered a file.
    """
    own = [file for file in files if (folder / file.name).exists()]
    problems = [problem for file in own if (problem := _problem_of(folder / file.name, file))]
    if problems:
        raise UserError(*problems)
    missing = [file for file in files if file not in own and not _is_right(cache / file.name, file)]
    for position, file in enumerate(missing):
        try:
            _download(file, cache / file.name, patience or Patience())
        except EnvironmentProblem as error:
            names = ", ".join(later.name for later in missing[position:])
            raise EnvironmentProblem(f"{error}; check the network, or put {names} into {folder}") from None
    return {file.name: (folder if file in own else cache) / file.name for file in files}


def _is_right(path: Path, file: RemoteFile) -> bool:
    if not path.is_file() or path.stat().st_size != (file.size or path.stat().st_size):
        return False
    return sha256_file(path).startswith(file.sha256)


def _problem_of(path: Path, file: RemoteFile) -> str | None:
    """Return what is wrong with a file of the user's."""
    if not path.is_file():
        return f"{path}: is not a file; move it away, or put the published {file.name} there"
    try:
        if _is_right(path, file):
            return None
    except OSError as error:
        return f"{path}: cannot be read: {error.strerror}"
    found = f"{path.stat().st_size:,} bytes with SHA-256 {sha256_file(path)[:12]}…"
    return (
        f"{path}: is not the published file: found {found}, expected {_bytes(file.size)}"
        f"{file.sha256[:12]}…; move it away (then it is downloaded) or replace it"
    )


def _bytes(size: int | None) -> str:
    return "" if size is None else f"{size:,} bytes with "


def _ignore_in_git(cache: Path) -> None:
    if not (cache / ".gitignore").exists():
        write_text(cache / ".gitignore", "*\n")


def _download(file: RemoteFile, path: Path, patience: Patience) -> None:
    """Ask the mirrors in order, round after round, dropping those that can't help."""
    reasons: dict[str, str] = {}
    mirrors = list(file.urls)
    for turn in range(patience.rounds):
        if turn and mirrors:
            patience.sleep(patience.pause * 2 ** (turn - 1))
        for url in list(mirrors):
            try:
                _ignore_in_git(path.parent)
                with replacing(path) as stream:
                    for block in _blocks(url, file, patience):
                        stream.write(block)
            except MirrorError as error:
                reasons[url] = str(error)
                if not error.again:
                    mirrors.remove(url)
            else:
                return
    tried = "; ".join(f"{url}: {reason}" for url, reason in reasons.items())
    raise EnvironmentProblem(f"{file.name}: no mirror delivered it ({tried})")


def _blocks(url: str, file: RemoteFile, patience: Patience) -> Iterator[bytes]:
    """Yield the content of `url` piece by piece; whatever goes wrong becomes a `MirrorError`."""
    try:
        with _opener().open(url, timeout=patience.timeout) as response:
            declared = response.headers.get("Content-Length", file.size)
            if str(declared) != str(file.size or declared):
                kind = response.headers.get_content_type()
                raise MirrorError(f"offers {declared} bytes of {kind}, not {file.size}", again=False)
            size = int(declared) if str(declared).isdecimal() else None
            with _progress(file.name, size, response.url) as bar:
                for block in _checked(_pieces(response, patience), size, file.sha256):
                    bar.update(len(block))
                    yield block
    except urllib.error.HTTPError as error:
        error.close()
        again = error.code >= 500 or error.code in (408, 425, 429)
        raise MirrorError(f"HTTP {error.code}", again=again) from None
    except (OSError, http.client.HTTPException) as error:
        reason = error.reason if isinstance(error, urllib.error.URLError) else error
        if isinstance(reason, TimeoutError):
            raise MirrorError(f"no answer for {patience.timeout:g} s", again=True) from None
        words = getattr(reason, "strerror", None) or str(reason) or type(reason).__name__
        raise MirrorError(" ".join(words.split()), again=True) from None


def _pieces(response: Any, patience: Patience) -> Iterator[bytes]:
    """Yield the body as it comes, so that a drip is noticed."""
    since, arrived = time.monotonic(), 0
    while block := response.read1(CHUNK):
        yield block
        arrived += len(block)
        if time.monotonic() - since >= patience.window:
            if arrived < patience.window_bytes:
                raise MirrorError(f"too slow ({arrived} bytes in {patience.window:g} s)", again=True)
            since, arrived = time.monotonic(), 0


def _checked(blocks: Iterator[bytes], size: int | None, sha256: str) -> Iterator[bytes]:
    """Pass the pieces on; raise before the end unless they are exactly the published content."""
    digest = hashlib.sha256()
    received = 0
    for block in blocks:
        received += len(block)
        if size is not None and received > size:
            raise MirrorError(f"sends more than {size} bytes", again=False)
        digest.update(block)
        yield block
    if size is not None and received < size:
        raise MirrorError(f"ended after {received} of {size} bytes", again=True)
    if not digest.hexdigest().startswith(sha256):
        raise MirrorError(f"sends another content (SHA-256 {digest.hexdigest()[:12]}…)", again=False)


def _progress(name: str, size: int | None, url: str) -> Any:
    """Return a progress bar; off a terminal a plain line takes its place."""
    from tqdm import tqdm  # here, because most runs download nothing

    shown = sys.stderr.isatty()
    if not shown:
        told = "size unknown" if size is None else f"{size:,} bytes"
        print(f"downloading {name} ({told}) from {urlsplit(url).hostname}", file=sys.stderr)
    return tqdm(total=size, desc=name, unit="B", unit_scale=True, leave=False, disable=not shown)


def _opener() -> urllib.request.OpenerDirector:
    """Return an opener for http and https only, through the proxies of the environment."""
    opener = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.ProxyHandler(),
        urllib.request.HTTPHandler(),
        urllib.request.HTTPSHandler(),
        urllib.request.HTTPRedirectHandler(),
        urllib.request.HTTPDefaultErrorHandler(),
        urllib.request.HTTPErrorProcessor(),
        urllib.request.UnknownHandler(),
    ):
        opener.add_handler(handler)
    return opener
