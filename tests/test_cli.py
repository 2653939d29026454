"""The `reprise` command: its commands, their help, and the smaller ones among them."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from trained import LEAVES, images, labels, table, write_model, write_prepared

from reprise import cli
from reprise.arithmetic import build
from reprise.arithmetic.library import chosen_isa
from reprise.commands import doctor
from reprise.foundation.errors import EnvironmentProblem, UserError
from reprise.foundation.files import sha256_file, write_json
from reprise.foundation.package import package_digest

ROOT = Path(__file__).parent.parent


def reprise(*words: object, cwd: Path = ROOT, text: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "reprise.cli", *map(str, words)],
        cwd=cwd, input=text, capture_output=True, encoding="utf-8", check=False,
    )  # fmt: skip


SLOW = {"torch", "pandas", "sklearn", "onnxruntime"}


@pytest.mark.parametrize(
    ("words", "heavy"),
    [
        (["--help"], SLOW | {"numpy", "pydantic"}),
        *(([name, "--help"], SLOW) for name in cli.COMMANDS),
    ],
)
def test_help_loads_nothing_heavy(words, heavy):
    code = (
        "import sys\nfrom reprise.cli import run\n"
        f"try:\n    run({words!r})\nexcept SystemExit as end:\n    assert end.code == 0\n"
        f"found = {heavy!r} & set(sys.modules)\nassert not found, found"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("usage: reprise")


def test_an_unknown_command_gets_the_nearest_name():
    done = reprise("predct", "x.csv")
    assert done.returncode == 2
    assert done.stderr == "reprise: unknown command 'predct'; did you mean predict?\n"
    with pytest.raises(UserError, match="there are init-data, import-table, predict"):
        cli.run(["xyzzy"])


def test_a_missing_model_is_one_line():
    for words in (["predict", "x.csv"], ["inspect", "nowhere"], ["export"]):
        model = [] if words[0] == "inspect" else ["--model", "nowhere"]
        done = reprise(*words, *model)
        assert done.returncode == 2
        assert done.stderr == "nowhere/model.json: no such file; run the train stage (dvc repro)\n"


def test_predict_streams_json_lines_to_standard_output(tmp_path):
    schema = write_prepared(tmp_path / "p", table(5), labels(5, 3), classes=LEAVES)
    write_model(tmp_path / "m", schema)
    line = json.dumps({**dict.fromkeys(schema.columns, 1.0), "id": "한"}, ensure_ascii=False)
    done = reprise("predict", "-", "--model", "m", cwd=tmp_path, text=f"{line}\n")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["id"] == "한"
    done = reprise("predict", "-", "--model", "m", "--batch-size", "0", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (2, "--batch-size: must be ≥ 1; found 0\n")


def test_inspect_says_what_a_model_file_holds(tmp_path, capsys):
    schema = write_prepared(tmp_path / "p", table(60, 40), labels(60, 3), classes=LEAVES, test=10)
    card = write_model(tmp_path / "m", schema)
    write_json(tmp_path / "metrics.json", {"test": {"accuracy": 0.875, "classes": {}}})
    cli.run(["inspect", str(tmp_path / "m"), "--metrics", str(tmp_path / "metrics.json")])
    out = capsys.readouterr().out
    for text in (
        "classification of 'target'",
        f"3: {', '.join(LEAVES)}",
        "table, 40 features: column 0, ",
        " and 10 more",
        "hidden [16], activation relu",
        f"4, {40 * 16 + 16 + 16 * 3 + 3} numbers",
        "lr 0.001",
        "clip_norm null",
        "10 test, 50 train",
        "accuracy 0.8750",
        card.weights_sha256,
        sha256_file(tmp_path / "m" / "model.json"),
        *schema.files.values(),
    ):
        assert text in out
    assert "damaged" not in out


def test_inspect_of_images_and_of_damaged_weights(tmp_path, capsys):
    schema = write_prepared(tmp_path / "p", images(5, (3, 8, 8)), labels(5, 3), classes=LEAVES)
    write_model(tmp_path / "m", schema, kind="linear")
    weights = tmp_path / "m" / "model.safetensors"
    data = bytearray(weights.read_bytes())
    data[-1] ^= 1
    weights.write_bytes(data)
    cli.run(["inspect", str(tmp_path / "m"), "--metrics", "none"])
    out = capsys.readouterr().out
    assert "images, 3x8x8 (channels, height, width)" in out
    assert "damaged?" in out
    assert "no none yet; run the evaluate stage" in out
    weights.write_bytes(data[:20])
    with pytest.raises(UserError, match=r"model\.safetensors: .*run the train stage again"):
        cli.run(["inspect", str(tmp_path / "m")])


def test_doctor_has_a_line_for_each_check_and_counts_problems(monkeypatch, capsys):
    checks = [[True, "first"], [None, "second"], [False, "third"]]
    monkeypatch.setattr(doctor, "CHECKS", [lambda c=check: iter([doctor.Finding(*c)]) for check in checks])
    with pytest.raises(EnvironmentProblem, match=r"doctor: 1 problem;") as caught:
        cli.run(["doctor"])
    assert caught.value.exit_code == 3
    assert capsys.readouterr().out == "ok      first\nnote    second\nPROBLEM third\n"
    monkeypatch.setattr(doctor, "CHECKS", [lambda: iter([doctor.Finding(True, "fine")])])
    cli.run(["doctor"])


def test_doctor_names_packages_off_the_lock(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert [finding.fine for finding in doctor.packages()] == [None]
    Path("requirements.lock").write_text(
        "numpy==0.1 \\\n    --hash=sha256:00\nno-such-package==1.0\n"
        "pywin32==300 ; sys_platform == 'win32' \\\n    --hash=sha256:00\n"
    )
    (finding,) = doctor.packages()
    assert finding.fine is False
    assert "numpy is " in finding.line
    assert "locked 0.1" in finding.line
    assert "no-such-package is missing, locked 1.0" in finding.line
    assert "pywin32" not in finding.line


def test_doctor_reads_the_projects_own_lock():
    wanted = doctor.locked_versions((ROOT / "requirements.lock").read_text(encoding="utf-8"))
    assert {"torch", "numpy", "dvc", "safetensors"} <= set(wanted)


def test_doctor_finds_folders_that_cannot_be_used(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("models").write_text("")
    Path(".state/train/abc").mkdir(parents=True)
    Path(".state/train/abc/state").write_bytes(bytes(2**20))
    findings = list(doctor.folders())
    assert (False, "models: is a file, but must be a folder; move it away") in findings
    assert any("1 unfinished training(s), 1 MB" in finding.line for finding in findings)


def test_doctor_asks_whether_the_package_is_the_projects(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert list(doctor.project()) == []
    Path("reprise.json").write_text(json.dumps({"reprise": "0.0.1", "package": package_digest()}))
    assert list(doctor.project()) == [(True, "reprise.json: this Reprise is the project's")]
    Path("reprise.json").write_text(json.dumps({"reprise": "0.0.1", "package": "0" * 64}))
    (finding,) = doctor.project()
    assert finding.fine is False
    assert finding.line.startswith("reprise.json: this project is made with Reprise 0.0.1, and 0.1.0 is")


def test_kernels_without_a_place_are_one_line(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("REPRISE_KERNELS", str(tmp_path / "file/kernels"))
    with pytest.raises(
        EnvironmentProblem, match=r"can't be stored \(.*\); name a folder: REPRISE_KERNELS=DIR"
    ):
        build.ensure("baseline" if "baseline" in build.ISAS[build.this_target().split("-")[0]] else "neon")


def test_doctor_names_the_instruction_sets_of_the_kernels(monkeypatch):
    monkeypatch.delenv("REPRISE_ISA", raising=False)
    processor, kernels = doctor.processor()
    assert (processor.fine, kernels.fine) == (True, True)
    assert f"kernels use {chosen_isa()}, " in processor.line
    monkeypatch.setenv("REPRISE_ISA", "mmx")
    (finding,) = doctor.processor()
    assert finding.fine is False
    assert finding.line.startswith("REPRISE_ISA: found 'mmx'; this machine can do ")


def test_doctor_says_how_missing_kernels_are_made(monkeypatch, tmp_path):
    monkeypatch.setenv("REPRISE_KERNELS", str(tmp_path))
    processor, kernels = doctor.processor()
    assert processor.fine is None
    assert kernels.fine is False
    assert kernels.line.startswith("kernels: not compiled for ")
    assert kernels.line.endswith("run make env")
    assert list(tmp_path.iterdir()) == []  # looking compiles nothing


def test_doctor_names_a_machine_without_kernels(monkeypatch):
    monkeypatch.setattr("platform.machine", lambda: "riscv64")
    (finding,) = doctor.processor()
    assert finding.fine is False
    assert "riscv64; portable numerics are for x86_64 and aarch64: set train.numerics: native" in finding.line


@pytest.mark.parametrize(
    ("version", "fine"), [("2.9.1", False), ("2.10.0", True), ("2.11.0+cpu", True), ("3.0.0", True)]
)
def test_doctor_takes_any_torch_that_is_new_enough(version, fine, monkeypatch):
    import torch

    monkeypatch.setattr(torch, "__version__", version)
    finding = next(doctor.torch())
    assert finding.fine is fine
    assert finding.line.startswith(f"torch {version}")


def test_doctor_wants_room_on_the_disk(monkeypatch):
    monkeypatch.setattr("shutil.disk_usage", lambda _: type("Usage", (), {"free": 10**6})())
    assert [finding.fine for finding in doctor.disk()] == [False]
