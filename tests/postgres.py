"""A PostgreSQL server of the tests' own, reached through a socket in a folder."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

import pytest

USER, PASSWORD = "tester", "s3cr/t@ ü"
NOBODY = "nobody"  # the server refuses to run as root


def _program(name: str) -> str:
    versions = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))
    found = str(versions[-1]) if versions else shutil.which(name)
    if found is None:
        pytest.skip(f"PostgreSQL's {name} is not installed")
    return found


@contextmanager
def server() -> Iterator[str]:
    """Start a server and yield a URL with a password; skip where PostgreSQL is not installed."""
    initdb, pg_ctl = _program("initdb"), _program("pg_ctl")
    pytest.importorskip("psycopg")
    folder = Path(tempfile.mkdtemp(prefix="pg"))
    as_user: list[str] = []
    if os.geteuid() == 0:
        if shutil.which("setpriv") is None:
            pytest.skip("PostgreSQL does not run as root, and there is no setpriv")
        shutil.chown(folder, NOBODY)
        as_user = ["setpriv", f"--reuid={NOBODY}", f"--regid={folder.stat().st_gid}", "--clear-groups"]
    data = folder / "data"

    def call(*words: str) -> None:
        done = subprocess.run(
            [*as_user, *words], cwd=folder, capture_output=True, text=True, timeout=120, check=False
        )
        assert done.returncode == 0, done.stderr + done.stdout

    secret = folder / "password"
    secret.write_text(PASSWORD, encoding="utf-8")
    try:
        call(
            initdb, "-D", str(data), "-U", USER, "--auth=scram-sha-256", f"--pwfile={secret}",
            "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync",
        )  # fmt: skip
        options = f"-c listen_addresses='' -c fsync=off -k {folder}"
        call(pg_ctl, "-D", str(data), "-o", options, "-l", str(folder / "log"), "-w", "start")
        try:
            yield f"postgresql://{USER}:{quote(PASSWORD, safe='')}@/postgres?host={folder}"
        finally:
            call(pg_ctl, "-D", str(data), "-m", "immediate", "stop")
    finally:
        shutil.rmtree(folder, ignore_errors=True)
