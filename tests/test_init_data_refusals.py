"""``reprise init-data``: what it refuses, and that nothing is lost."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from starting import OLD, ROOT, flowers, init, photos, refused

from reprise.foundation.errors import UserError
from reprise.preparing.prepare import prepare


def test_old_params_are_never_lost(project):
    path = flowers(project / "data" / "raw" / "t.csv")
    init(path)
    first = Path("params.yaml").read_text()
    assert Path("params.yaml.bak").read_text() == OLD
    init(path)  # nothing changes, so nothing is kept
    init(path, "--target", "length")
    assert Path("params.yaml.bak1").read_text() == first
    assert Path("params.yaml.bak").read_text() == OLD
    init(path)
    assert sorted(p.name for p in project.glob("params*")) == [
        "params.yaml", "params.yaml.bak", "params.yaml.bak1", "params.yaml.bak2",
    ]  # fmt: skip
    Path("params.yaml").unlink()
    init(path)
    assert not Path("params.yaml.bak3").exists()


def test_data_elsewhere_is_refused_with_the_fix(project, tmp_path_factory):
    elsewhere = flowers(tmp_path_factory.mktemp("my data") / "t 1.csv")
    message = refused(project, elsewhere)
    assert f"cp -r '{elsewhere}' 'data/raw/t 1.csv' && reprise init-data 'data/raw/t 1.csv'" in message
    inside = flowers(project / "t.csv")
    assert "cp -r t.csv data/raw/t.csv" in refused(project, os.path.relpath(inside))
    (project / "data" / "raw" / "linked.csv").symlink_to(elsewhere)
    message = refused(project, "data/raw/linked.csv")
    assert f"rm data/raw/linked.csv && cp -r '{elsewhere}' data/raw/linked.csv" in message


def test_links_that_dvc_made_are_kept(project, tmp_path_factory):
    for cache in (project / ".dvc" / "cache", tmp_path_factory.mktemp("shared")):
        cached = cache / "files" / "md5" / "0a" / "123456789abcdef0123456789abcde"
        cached.parent.mkdir(parents=True)
        link = flowers(cached) and project / "data" / "raw" / "linked.csv"
        link.unlink(missing_ok=True)
        link.symlink_to(cached)
        params = init("data/raw/linked.csv")
        assert params.prepare.csv.path == "data/raw/linked.csv"
        assert prepare(params.prepare, Path("data/prepared"), Path("data/raw")).raw.keys() == {"linked.csv"}


def test_other_mistakes_are_named(project):
    raw = project / "data" / "raw"
    flowers(raw / "t.csv")
    assert "no such file or folder" in refused(project, "data/raw/nothing.csv")
    assert "holds all raw data" in refused(project, "data/raw")
    assert "did you mean 'species'?" in refused(project, raw / "t.csv", "--target", "spezies")
    (raw / "tables").mkdir()
    flowers(raw / "tables" / "one.csv")
    assert "holds tables; give one of them, for example data/raw/tables/one.csv" in refused(
        project, raw / "tables"
    )
    (raw / "empty.csv").write_text("")
    assert "empty" in refused(project, raw / "empty.csv")
    flowers(raw / "same.csv", names=("setosa",))
    message = refused(project, raw / "same.csv")
    assert "one class only" in message
    assert "name another with --target: Id, length, colour, note, species" in message
    photos(raw / "pets", {"a": 2, "b": 2})
    assert "is for tables" in refused(project, raw / "pets", "--target", "x")
    (project / "dvc.yaml").unlink()
    assert "run init-data in the project's folder" in refused(project, raw / "t.csv")


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    content=st.one_of(
        st.binary(max_size=300),
        st.lists(st.lists(st.text(max_size=6), min_size=2, max_size=3), min_size=2, max_size=30).map(
            lambda rows: "\n".join(",".join(row) for row in rows).encode("utf-8", "replace")
        ),
    )
)
@example(content=b"\t0")  # a column without a name and a value
def test_any_bytes_give_params_or_an_error(content, project):
    path = project / "data" / "raw" / "t.csv"
    path.write_bytes(content)
    (project / "params.yaml").write_text(OLD)
    (project / "params.yaml.bak").unlink(missing_ok=True)
    try:
        init(path)
    except UserError:
        assert (project / "params.yaml").read_text() == OLD
    assert not list(project.glob("*.tmp-*"))


def test_the_command_line(project):
    flowers(project / "data" / "raw" / "t.csv")
    for words, code in ((["data/raw/t.csv"], 0), (["data/raw/none.csv"], 2)):
        done = subprocess.run(
            [sys.executable, "-m", "reprise.cli", "init-data", *words],
            env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == code, done.stderr
        assert "Traceback" not in done.stderr
