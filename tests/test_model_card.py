"""The model card: what is generated, and that what its author wrote is kept."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from trained import LEAVES, labels, table, write_model, write_prepared

from reprise import cli
from reprise.evaluation.evaluate import Places, evaluate
from reprise.foundation.errors import UserError
from reprise.foundation.files import sha256_file
from reprise.settings.params import Evaluate

PLACES = Places(Path("data/prepared"), Path("models"), Path("metrics"))
CARD = Path("models/card.md")


@pytest.fixture(autouse=True)
def _judged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    judged()


def judged(test: int = 25) -> None:
    """Prepare, make and judge a model in the working folder."""
    schema = write_prepared(PLACES.prepared, table(125), labels(125, 3), classes=LEAVES, test=test)
    write_model(PLACES.model, schema)
    evaluate(Evaluate(baselines="portable"), PLACES, "cpu", 1)


def test_the_card_says_what_the_files_hold(capsys):
    cli.run(["card"])
    assert "models/card.md: written" in capsys.readouterr().out
    text = CARD.read_text(encoding="utf-8")
    details = json.loads(Path("metrics/details.json").read_text(encoding="utf-8"))
    for expected in (
        "Rows: 100 train, 0 val, 25 test",
        "Licence: none",
        "`leaf, long`, `한글`, `plain`",
        "| metric | this model | interval | majority class | logistic regression |",
        f"| accuracy | {details['test']['accuracy']:.4f} | ",
        "- 25 test rows are few",
        f"| `model.safetensors` | `{sha256_file(Path('models/model.safetensors'))}` |",
        f"| `train-00000.safetensors` | `{sha256_file(Path('data/prepared/train-00000.safetensors'))}` |",
    ):
        assert expected in text
    assert str(Path.cwd()) not in text


def test_what_the_author_wrote_is_kept_and_blocks_are_written_anew():
    cli.run(["card"])
    mine = CARD.read_text(encoding="utf-8").replace(
        "# Model card: made", "# Leaves, told apart"
    ).split("## Files")[0] + "\nFor the herbarium alone.\n"  # fmt: skip
    CARD.write_text(mine, encoding="utf-8")
    judged(test=60)
    cli.run(["card"])
    text = CARD.read_text(encoding="utf-8")
    assert text.startswith("# Leaves, told apart\n")
    assert text.endswith("\nFor the herbarium alone.\n")
    assert "60 test" in text
    assert "25 test" not in text
    assert "## Files" not in text  # a block taken out stays out
    cli.run(["card"])
    assert CARD.read_text(encoding="utf-8") == text


def test_check_tells_an_outdated_card(capsys):
    with pytest.raises(UserError, match=r"models/card\.md: there is none; run reprise card"):
        cli.run(["card", "--check"])
    cli.run(["card"])
    cli.run(["card", "--check"])
    assert capsys.readouterr().out.endswith("models/card.md: up to date\n")
    judged(test=60)
    before = CARD.read_bytes()
    with pytest.raises(UserError, match="is not up to date"):
        cli.run(["card", "--check"])
    assert CARD.read_bytes() == before


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        (
            "<!-- end of data -->",
            "",
            r"models/card\.md:\d+: '<!-- reprise: data -->' has lost its other half",
        ),
        (
            "<!-- reprise: data -->",
            "",
            r"models/card\.md:\d+: '<!-- end of data -->' has lost its other half",
        ),
        ("data -->", "date -->", r"no block is called 'date'; there are model, data, metrics, limits, files"),
    ],
)
def test_a_broken_block_is_refused_and_nothing_is_lost(old, new, line):
    cli.run(["card"])
    broken = CARD.read_text(encoding="utf-8").replace(old, new)
    CARD.write_text(broken, encoding="utf-8")
    with pytest.raises(UserError, match=line):
        cli.run(["card"])
    assert CARD.read_text(encoding="utf-8") == broken


def test_without_an_evaluation_it_is_refused():
    Path("metrics/details.json").unlink()
    with pytest.raises(UserError, match=r"metrics/details\.json"):
        cli.run(["card"])
    assert not CARD.exists()
