"""Receipts: what was run on what, and whether it comes out again, through real commands."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from project_copy import copy_project, run

from reprise.foundation import machine
from reprise.foundation.errors import UserError
from reprise.verification import lock, rerunning
from reprise.verification.pipelines import main_pipeline
from reprise.verification.receipt import Made, PipelineResult, Receipt, Result, read_receipt
from reprise.verification.receipt_checking import differences_of_machines

SMALL = """\
prepare: {dataset: csv, csv: {path: data/raw/small.csv, target: kind}}
model: {kind: linear}
train: {epochs: 2}
evaluate: {baselines: none}
"""
COMPILED = {"PYTHONDONTWRITEBYTECODE": ""}  # or each of many processes would compile the copy's code
ROWS = "\n".join(f"{n % 7},{n % 5},{'ab'[(n % 7 + n % 5) > 5]}" for n in range(60))


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a copy of the project whose table is tracked by DVC, run and committed."""
    folder = copy_project(tmp_path_factory.mktemp("project"))
    (folder / "params.yaml").write_text(SMALL)
    (folder / "data/raw/small.csv").write_text(f"width,height,kind\n{ROWS}\n")
    run("dvc add --quiet data/raw/small.csv", folder)
    run("dvc repro --quiet", folder, **COMPILED)
    run("git add --all", folder)
    run("git commit --quiet --message small", folder)
    reprise("receipt --markdown receipt.md", folder)
    return folder


def reprise(words: str, project: Path, fails: int | None = None) -> str:
    return run(f"python -m reprise.cli {words}", project, fails=fails, **COMPILED)


def content(project: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((project / "receipt.json").read_text())
    return found


def test_a_receipt_names_the_commit_and_every_file_that_came_out(project: Path) -> None:
    found = content(project)
    assert found["result"]["commit"] == run("git rev-parse HEAD", project).strip()
    main = found["result"]["pipelines"]["main"]
    places = [
        *project.glob("data/prepared/*"),
        *project.glob("metrics/*.[cj]*"),
        *project.glob("models/model.*"),
    ]
    places += [*project.glob("metrics/plots/*")]
    expected = {
        path.relative_to(project).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in places
    }
    assert {path: sha for stage in main["outputs"].values() for path, sha in stage.items()} == expected
    assert main["params"] == hashlib.sha256(SMALL.encode()).hexdigest()
    assert found["made"]["packages"]["torch"]
    page = (project / "receipt.md").read_text()
    assert all(f"| `{path}` | `{sha}` |" in page for path, sha in expected.items())
    assert "the same bytes on every machine" in page


def test_what_is_compared_is_the_same_each_time_and_git_is_clean(project: Path) -> None:
    before = content(project)["result"]
    reprise("receipt --output again.json", project)
    assert json.loads((project / "again.json").read_text())["result"] == before
    (project / "again.json").unlink()
    (project / "receipt.md").unlink()
    assert run("git status --porcelain", project) == ""


def test_a_receipt_is_verified_file_by_file_as_far_as_the_data_goes(project: Path, tmp_path: Path) -> None:
    # The table is gone from the cache, the prepared data is there; one hash of the receipt is another.
    clone = tmp_path / "clone"
    run(f"cp -r {project} {clone}", tmp_path)
    md5 = hashlib.md5((clone / "data/raw/small.csv").read_bytes()).hexdigest()
    (clone / ".dvc/cache/files/md5" / md5[:2] / md5[2:]).unlink()
    found = content(clone)
    outputs = found["result"]["pipelines"]["main"]["outputs"]
    outputs["train"]["metrics/history.csv"] = "0" * 64
    (clone / "receipt.json").write_text(json.dumps(found))
    output = reprise("verify receipt.json", clone, fails=1)
    assert "verify: not reproduced: metrics/history.csv\n" in output
    lines = [line.split(maxsplit=3) for line in output.splitlines() if line.startswith("main")]
    verdicts = {line[1]: line[2] for line in lines}
    assert verdicts.pop("(prepare)") == "skipped"
    assert "data/raw/small.csv" in lines[0][3]
    assert verdicts.pop("metrics/history.csv") == "differs"
    assert set(verdicts.values()) == {"same"}
    assert verdicts.keys() == (outputs["train"].keys() | outputs["evaluate"].keys()) - {"metrics/history.csv"}


@pytest.mark.parametrize(
    ("path", "text", "message"),
    [
        ("params.yaml", SMALL + "# more\n", "in no commit: params.yaml; a receipt names a commit"),
        ("own/model.py", "", "in no commit: own/model.py"),
        ("metrics/metrics.json", "{}", "in no commit: metrics/metrics.json"),
    ],
)
def test_what_no_commit_holds_gets_no_receipt(project: Path, path: str, text: str, message: str) -> None:
    place = project / path
    before = place.read_bytes() if place.exists() else None
    place.write_text(text)
    try:
        assert message in reprise("receipt --output other.json", project, fails=2)
        assert not (project / "other.json").exists()
    finally:
        place.unlink()
        if before is not None:
            place.write_bytes(before)


def test_outputs_of_other_code_or_none_get_no_receipt(project: Path) -> None:
    (project / "params.yaml").write_text(SMALL.replace("epochs: 2", "epochs: 3"))
    run("git commit --quiet --all --message later", project)
    try:
        output = reprise("receipt", project, fails=2)
        assert (
            "receipt: stage train would run again, so its outputs are not those of the files here" in output
        )
    finally:
        run("git reset --quiet --hard HEAD~1", project)
    assert "receipt: recipes/dvc.lock" not in reprise("receipt main", project)
    assert "did you mean iris?" in reprise("receipt irs", project, fails=2)


def test_a_receipt_of_another_history_is_refused(project: Path, tmp_path: Path) -> None:
    found = content(project)
    commit = found["result"]["commit"]
    other = tmp_path / "other.json"
    other.write_text(json.dumps(found).replace(commit, "0" * 40))
    output = reprise(f"verify {other}", project, fails=2)
    assert f"{other}: commit 000000000000 is not in this repository; git fetch" in output
    other.write_text(json.dumps(found).replace(found["result"]["locks"]["dvc.lock"], "1" * 64))
    output = reprise(f"verify {other}", project, fails=2)
    assert f"dvc.lock: the receipt says 111111111111, commit {commit[:12]} has " in output
    assert "no such file; reprise receipt writes one" in reprise("verify none.json", project, fails=2)


MADE = Made(
    time="2026-01-01T00:00:00Z", system="Plan 9 on abacus", processor="abacus", instruction_set="none",
    gpu=None, packages={"torch": "0.1"},
)  # fmt: skip


def made_by(arithmetic: str) -> Receipt:
    result = PipelineResult.model_validate({"arithmetic": arithmetic, "params": "0" * 64, "outputs": {}})
    return Receipt(result=Result(commit="0" * 40, locks={}, pipelines={"main": result}), made=MADE)


def test_where_the_promise_depends_on_the_machine_the_differences_are_named() -> None:
    assert list(differences_of_machines(made_by("cpu portable"))) == []
    (native,) = differences_of_machines(made_by("cpu native"))
    assert "the same bytes on this kind of machine" in native
    assert "0.1 there" in native
    assert f"{machine.processor()} here, abacus there" in native
    (cuda,) = differences_of_machines(made_by("cuda"))
    assert "kind of GPU" in cuda


@pytest.mark.parametrize(
    ("cuda", "gpu", "stages", "hidden"),
    [
        (True, False, ("prepare",), False),
        (True, True, ("prepare", "train", "evaluate"), False),
        (False, True, ("prepare", "train", "evaluate"), True),
        (None, True, ("prepare", "train", "evaluate"), False),
    ],
)
def test_a_gpus_result_is_asked_of_a_gpu_and_a_cpus_of_the_cpu(
    monkeypatch: pytest.MonkeyPatch,
    cuda: bool | None,
    gpu: bool,
    stages: tuple[lock.Stage, ...],
    hidden: bool,
) -> None:
    asked = []

    def ran(_: object, wanted: tuple[lock.Stage, ...], hide_cuda: bool) -> rerunning.Rerun:
        asked.append((wanted, hide_cuda))
        return rerunning.Rerun(wanted)

    monkeypatch.setattr(rerunning, "_run_stages", ran)
    monkeypatch.setattr(rerunning, "_has_cuda", lambda: gpu)
    found = rerunning.reproduce(main_pipeline(), Path(), Path(), cuda)
    assert asked == [(stages, hidden)]
    assert found.stages == stages
    assert found.failed is False
    assert found.reason == ("" if len(stages) == 3 else "made on CUDA; there is no GPU here")


ANYTHING = st.none() | st.text() | st.integers(2) | st.lists(st.integers()) | st.just({"": 1})


@given(part=st.sampled_from(["receipt", "result", "made", "commit", "locks", "pipelines"]), value=ANYTHING)
def test_a_broken_receipt_is_one_line(
    tmp_path_factory: pytest.TempPathFactory, part: str, value: object
) -> None:
    path = tmp_path_factory.mktemp("r") / "receipt.json"
    whole = json.loads(made_by("cuda").text())
    (whole if part in whole else whole["result"])[part] = value
    path.write_text(json.dumps(whole))
    with pytest.raises(UserError) as caught:
        read_receipt(path)
    assert str(caught.value).startswith(
        f"{path}: is not a receipt: {'' if part in whole else 'result.'}{part}"
    )
    assert "\n" not in str(caught.value)


def test_a_receipt_is_read_as_it_was_written(tmp_path: Path) -> None:
    path = tmp_path / "receipt.json"
    path.write_text(made_by("cuda").text())
    assert read_receipt(path) == made_by("cuda")
    assert path.read_text() == made_by("cuda").text()
