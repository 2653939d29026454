"""Downloads against a local server that misbehaves in every way we know."""

from __future__ import annotations

import hashlib
import socket
import threading
import time
from collections import Counter
from http.server import ThreadingHTTPServer

import pytest
from bad_server import CONTENT, NAME, Handler

from reprise.foundation.download import Patience, RemoteFile, fetch
from reprise.foundation.errors import EnvironmentProblem, UserError


@pytest.fixture
def server(monkeypatch):
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    server.asked = Counter()
    server.release = threading.Event()
    server.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    yield server
    server.release.set()
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def naps():
    return []


@pytest.fixture
def get(server, tmp_path, naps):
    def get(*behaviours, **patience):
        urls = tuple(f"{server.url}/{behaviour}/{NAME}" for behaviour in behaviours)
        file = RemoteFile(NAME, len(CONTENT), hashlib.sha256(CONTENT).hexdigest(), urls)
        settings = Patience(**{"timeout": 5.0, "sleep": naps.append, **patience})
        return fetch([file], tmp_path / "own", tmp_path / "cache", settings)[NAME]

    return get


def leftovers(folder):
    return sorted(path.name for path in folder.rglob("*") if path.name != ".gitignore")


@pytest.mark.parametrize(
    ("behaviour", "reason"),
    [
        ("good", None),
        ("unsized", None),
        ("cut", "ended after"),
        ("wrong", "another content"),
        ("missing", "HTTP 404"),
    ],
)
def test_of_some_files_only_the_first_digits_of_the_hash_are_published(server, tmp_path, behaviour, reason):
    digits = hashlib.sha256(CONTENT).hexdigest()[:8]
    file = RemoteFile(NAME, None, digits, (f"{server.url}/{behaviour}/{NAME}",))
    quick = Patience(rounds=2, sleep=lambda _: None)
    if reason is None:
        for _ in range(2):  # the second time from the cache
            assert fetch([file], tmp_path / "own", tmp_path, quick)[NAME].read_bytes() == CONTENT
        assert server.asked == {behaviour: 1}
        return
    with pytest.raises(EnvironmentProblem, match=reason):
        fetch([file], tmp_path / "own", tmp_path, quick)
    assert leftovers(tmp_path) == []
    (tmp_path / NAME).write_bytes(b"mine")
    with pytest.raises(UserError, match=r"expected [0-9a-f]{8}…; move it away"):
        fetch([file], tmp_path, tmp_path / "cache", quick)


@pytest.mark.parametrize("behaviour", ["good", "unsized", "moved"])
def test_a_good_answer_is_kept_in_the_cache_and_asked_for_once(get, server, tmp_path, naps, behaviour):
    path = get(behaviour)
    assert path == tmp_path / "cache" / NAME
    assert path.read_bytes() == CONTENT
    assert get(behaviour) == path
    assert server.asked[behaviour] == 1
    assert naps == []
    assert (tmp_path / "cache" / ".gitignore").read_text() == "*\n"


@pytest.mark.parametrize(
    ("behaviour", "reason", "times"),
    [
        ("missing", "HTTP 404", 1),
        ("forbidden", "HTTP 403", 1),
        ("broken", "HTTP 500", 3),
        ("cut", "ended after 3000 of 256000 bytes", 3),
        ("wrong", "sends another content (SHA-256 ", 1),
        ("endless", "sends more than 256000 bytes", 1),
        ("html", "offers 26 bytes of text/html, not 256000", 1),
        ("html_unsized", "ended after 26 of 256000 bytes", 3),
        ("moved_to_a_file", "HTTP 302", 1),
        ("reset", "Connection reset", 3),
    ],
)
def test_a_bad_mirror_is_left_for_the_next_and_told_when_none_delivers(
    get, server, tmp_path, behaviour, reason, times
):
    with pytest.raises(EnvironmentProblem) as caught:
        get(behaviour, "missing")
    (line,) = caught.value.problems
    assert "\n" not in line
    assert f"{server.url}/{behaviour}/{NAME}: {reason}" in line
    assert f"{server.url}/missing/{NAME}: HTTP 404" in line
    assert line.endswith(f"put {NAME} into {tmp_path / 'own'}")
    assert server.asked[behaviour] == times + (behaviour == "missing")
    assert leftovers(tmp_path / "cache") == []

    assert get(behaviour, "good").read_bytes() == CONTENT
    assert leftovers(tmp_path / "cache") == [NAME]


def test_a_passing_failure_is_waited_out_ever_longer(get, server, naps):
    assert get("busy_once").read_bytes() == CONTENT
    assert server.asked["busy_once"] == 2
    assert naps == [1.0]


def test_pauses_double_and_a_hopeless_mirror_is_not_waited_for(get, naps):
    with pytest.raises(EnvironmentProblem):
        get("broken", rounds=4, pause=0.5)
    assert naps == [0.5, 1.0, 2.0]
    naps.clear()
    with pytest.raises(EnvironmentProblem):
        get("missing", rounds=4)
    assert naps == []


@pytest.mark.parametrize(
    ("behaviour", "reason"), [("silent", "no answer for 0.2 s"), ("stalls", "no answer for 0.2 s")]
)
def test_a_hanging_mirror_times_out(get, behaviour, reason):
    started = time.monotonic()
    with pytest.raises(EnvironmentProblem, match=reason):
        get(behaviour, timeout=0.2, rounds=2)
    assert get(behaviour, "good", timeout=0.2).read_bytes() == CONTENT
    assert time.monotonic() - started < 5


def test_a_dripping_mirror_is_given_up_although_it_never_stops(get):
    started = time.monotonic()
    with pytest.raises(EnvironmentProblem, match="too slow"):
        get("drip", window=0.3, window_bytes=20_000, rounds=1)
    assert time.monotonic() - started < 5  # all of it would take 51 s


def test_nobody_listens(get, server):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        server.url = f"http://127.0.0.1:{unused.getsockname()[1]}"
        with pytest.raises(EnvironmentProblem, match="refused"):
            get("good")


def test_other_protocols_are_not_spoken(tmp_path):
    secret = tmp_path / "secret"
    secret.write_bytes(CONTENT)
    digest = hashlib.sha256(CONTENT).hexdigest()
    file = RemoteFile(NAME, len(CONTENT), digest, (secret.as_uri(), "ftp://127.0.0.1/x"))
    with pytest.raises(EnvironmentProblem, match=r"unknown url type: file.*unknown url type: ftp"):
        fetch([file], tmp_path / "own", tmp_path / "cache", Patience(sleep=lambda _seconds: None))


def test_a_proxy_of_the_environment_is_used(server, tmp_path, monkeypatch):
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("http_proxy", server.url)
    asked = []

    def as_proxy(handler):
        asked.append(handler.path)
        handler.good(1)

    monkeypatch.setattr(Handler, "do_GET", as_proxy)
    url = f"http://far.invalid/{NAME}"
    file = RemoteFile(NAME, len(CONTENT), hashlib.sha256(CONTENT).hexdigest(), (url,))
    assert fetch([file], tmp_path / "own", tmp_path / "cache")[NAME].read_bytes() == CONTENT
    assert asked == [url]


def test_the_users_own_files_come_first_and_are_checked(get, server, tmp_path):
    own = tmp_path / "own" / NAME
    own.parent.mkdir()
    own.write_bytes(CONTENT)
    assert get("good") == own
    assert server.asked == Counter()
    assert not (tmp_path / "cache").exists()

    for content in (CONTENT[::-1], CONTENT[:10], b""):
        own.write_bytes(content)
        with pytest.raises(UserError) as caught:
            get("good")
        (line,) = caught.value.problems
        assert line.startswith(f"{own}: is not the published file: found {len(content):,} bytes")
        assert own.read_bytes() == content
    assert server.asked == Counter()

    own.unlink()
    own.mkdir()
    with pytest.raises(UserError, match="is not a file"):
        get("good")


def test_all_wrong_files_are_named_at_once(tmp_path):
    files = [RemoteFile(name, 3, hashlib.sha256(b"abc").hexdigest(), ()) for name in ("a", "b", "c")]
    for name, content in (("a", b"abc"), ("b", b"abd"), ("c", b"x")):
        (tmp_path / name).write_bytes(content)
    with pytest.raises(UserError) as caught:
        fetch(files, tmp_path, tmp_path / "cache")
    assert [line.split(":")[0] for line in caught.value.problems] == [
        str(tmp_path / "b"),
        str(tmp_path / "c"),
    ]


def test_a_damaged_cache_is_replaced(get, server):
    path = get("good")
    path.write_bytes(CONTENT[:-1] + b"x")
    assert get("good").read_bytes() == CONTENT
    assert server.asked["good"] == 2


def test_what_is_still_missing_is_named(server, tmp_path):
    digest = hashlib.sha256(CONTENT).hexdigest()
    files = [
        RemoteFile(name, len(CONTENT), digest, (f"{server.url}/{behaviour}/{name}",))
        for name, behaviour in (("first", "good"), ("second", "missing"), ("third", "good"))
    ]
    with pytest.raises(EnvironmentProblem, match=r"second: no mirror.*put second, third into "):
        fetch(files, tmp_path / "own", tmp_path / "cache")
    assert (tmp_path / "cache" / "first").exists()


def test_a_full_or_locked_disk_is_not_blamed_on_the_mirror(get, monkeypatch):
    def refuse(*_args):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("pathlib.Path.replace", refuse)
    with pytest.raises(OSError, match="No space left on device"):
        get("good")
