"""`reprise bar`: what the evaluate stage recorded decides whether it fails."""

from __future__ import annotations

from pathlib import Path

import pytest

from reprise import cli
from reprise.foundation.errors import RepriseError, UserError
from reprise.foundation.files import write_json, write_text


@pytest.fixture(autouse=True)
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A checkout with two recipes, of which one was judged."""
    monkeypatch.chdir(tmp_path)
    write_text(Path("recipes/dvc.yaml"), "stages:\n  evaluate:\n    matrix:\n      recipe: [iris, line]\n")
    for name in ("iris", "line"):
        write_text(Path(f"recipes/{name}.yaml"), "")
    record("metrics", met=True, told="accuracy 0.9972 is at_least 0.985")
    record("recipes/metrics/iris", met=True, told="accuracy 0.9800 is at_least 0.98")


def record(folder: str, **bar: object) -> None:
    """Write what the evaluate stage leaves."""
    write_json(Path(folder) / "details.json", {"bar": bar} if bar else {})


def test_bars_that_are_met(capsys: pytest.CaptureFixture[str]) -> None:
    cli.run(["bar"])
    assert capsys.readouterr().out == (
        "main: bar met: accuracy 0.9972 is at_least 0.985\niris: bar met: accuracy 0.9800 is at_least 0.98\n"
    )
    record("metrics")
    cli.run(["bar", "main"])
    assert capsys.readouterr().out == "main: no bar (evaluate.bar in params.yaml)\n"


def test_every_missed_bar_has_a_line_and_the_exit_code_is_1(capsys: pytest.CaptureFixture[str]) -> None:
    for folder in ("metrics", "recipes/metrics/line"):
        record(folder, met=False, told="accuracy 0.5000 is below at_least 0.9")
    with pytest.raises(RepriseError) as caught:
        cli.run(["bar"])
    assert caught.value.exit_code == 1
    assert caught.value.problems == tuple(
        f"{name}: bar missed: accuracy 0.5000 is below at_least 0.9" for name in ("main", "line")
    )
    assert capsys.readouterr().out == "iris: bar met: accuracy 0.9800 is at_least 0.98\n"
    cli.run(["bar", "iris"])


def test_what_was_not_judged_or_is_not_there() -> None:
    with pytest.raises(UserError, match=r"^recipes/metrics/line/details\.json: no such file; run the stage"):
        cli.run(["bar", "line"])
    with pytest.raises(UserError, match=r"^no pipeline 'iriss'; did you mean iris\?$"):
        cli.run(["bar", "iriss"])
    Path("metrics/details.json").unlink()
    Path("recipes/metrics/iris/details.json").unlink()
    with pytest.raises(UserError, match=r"^metrics/details\.json: no such file"):
        cli.run(["bar"])
