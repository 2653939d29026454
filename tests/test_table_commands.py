"""`reprise init-data` and `reprise predict` on tables of every format and on patterns."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import pytest
from predicting import run
from table_files import ENDINGS, mixed, workbook, write
from trained import write_model

from reprise.commands import init_data
from reprise.evaluation.evaluate import Places
from reprise.foundation.errors import UserError
from reprise.prediction.predict import predict
from reprise.preparing.prepare import prepare
from reprise.settings.params import Csv, Prepare
from reprise.settings.params_file import read_params
from reprise.tables.prepare import prepare_csv


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Places:
    folder = tmp_path_factory.mktemp("model")
    places = Places(folder / "prepared", folder / "models", folder / "metrics")
    path = write(folder / "all.parquet", mixed(80))
    write_model(
        places.model,
        prepare_csv(Prepare(dataset="csv", csv=Csv(path=str(path), target="y")), places.prepared),
    )
    return places


@pytest.mark.parametrize("ending", ENDINGS)
def test_predictions_are_those_of_the_csv(model: Places, tmp_path: Path, ending: str) -> None:
    expected = run(model, write(tmp_path / "new.csv", mixed(30, 100)))
    lines = [int(row.pop("line")) for row in expected]
    assert lines == list(range(2, 32))
    assert [row["id"] for row in expected] == [str(number) for number in range(30)]

    unit = "file_row" if ending in (".parquet", ".xlsx") else "line"
    headed = ending not in (".jsonl", ".ndjson.gz", ".parquet")
    found = run(model, write(tmp_path / f"new{ending}", mixed(30, 100)))
    assert [int(row.pop(unit)) for row in found] == [number + 1 + headed for number in range(30)]
    assert found == expected

    for number in range(3):
        write(tmp_path / f"part{number}{ending}", mixed(10, 100 + 10 * number))
    found = run(model, tmp_path / f"part?{ending}")
    assert [row.pop("file") for row in found] == [f"part{number // 10}{ending}" for number in range(30)]
    assert [int(row.pop(unit)) for row in found] == [number % 10 + 1 + headed for number in range(30)]
    assert found == expected


def test_places_in_files_of_different_units(model: Places, tmp_path: Path) -> None:
    for name in ("a, b.csv", "b.parquet", "c.jsonl"):
        write(tmp_path / name, mixed(2))
    places = [
        (row["id"], row["file"], row["line"], row["file_row"])
        for row in run(model, tmp_path / "*.*", ending=".jsonl")
    ]
    assert places == [
        (0, "a, b.csv", 2, None), (1, "a, b.csv", 3, None), (2, "b.parquet", None, 1),
        (3, "b.parquet", None, 2), (4, "c.jsonl", 1, None), (5, "c.jsonl", 2, None),
    ]  # fmt: skip
    told = [tuple(map(str, ("" if cell is None else cell for cell in row))) for row in places]
    rows = run(model, tmp_path / "*.*")
    assert [(row["id"], row["file"], row["line"], row["file_row"]) for row in rows] == told


def test_a_key_may_be_left_out_where_values_were_missing(model: Places, tmp_path: Path) -> None:
    whole = {"n": None, "flag": True, "day": "2020-01-02", "city": "Seoul"}
    (tmp_path / "a.jsonl").write_text(json.dumps(whole))
    (tmp_path / "b.jsonl").write_text(json.dumps({key: whole[key] for key in ("city", "day", "flag")}))
    assert run(model, tmp_path / "a.jsonl") == run(model, tmp_path / "b.jsonl")
    (tmp_path / "c.jsonl").write_text(json.dumps({key: whole[key] for key in ("city", "day")}))
    with pytest.raises(UserError, match="line 1: no column 'flag', which the model needs"):
        run(model, tmp_path / "c.jsonl")


def test_rows_of_parquet_are_named_as_rows(model: Places, tmp_path: Path) -> None:
    columns = mixed(30)
    columns["n"] = [str(value) for value in columns["n"]]
    columns["n"][20] = "oops"
    with pytest.raises(UserError, match=r"new\.parquet: row 21: column 'n': 'oops' is not a number"):
        run(model, write(tmp_path / "new.parquet", columns))


def test_the_sheet_to_predict(model: Places, tmp_path: Path) -> None:
    columns = mixed(4)
    rows = [list(columns), *map(list, zip(*columns.values(), strict=True))]
    path = workbook(tmp_path / "new.xlsx", rows=rows, notes=[["see above"]])
    with pytest.raises(UserError, match="2 sheets hold something"):
        run(model, path)
    out = tmp_path / "out.csv"
    assert predict(model.model, str(path), str(out), None, 1000, "cpu", 1, "rows") == 4


@pytest.fixture
def raw(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The raw data's folder of an empty project, which is the current folder."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "dvc.yaml").write_text("stages: {}\n")
    (tmp_path / "data" / "raw").mkdir(parents=True)
    return Path("data", "raw")


def init(capsys: pytest.CaptureFixture[str], *words: str) -> list[str]:
    parser = argparse.ArgumentParser()
    init_data.add_arguments(parser)
    init_data.run(parser.parse_args(words))
    return capsys.readouterr().out.splitlines()


@pytest.mark.parametrize("ending", ENDINGS)
def test_init_data_finds_the_same_in_every_format(
    raw: Path, capsys: pytest.CaptureFixture[str], ending: str
) -> None:
    told = init(capsys, str(write(raw / f"t{ending}", mixed(60))))
    assert told[0] == f"data/raw/t{ending}: 60 rows, 4 columns beside the target"
    text = Path("params.yaml").read_text()
    init(capsys, str(write(raw / "t.csv", mixed(60))))
    assert text == Path("params.yaml").read_text().replace("t.csv", f"t{ending}")
    assert prepare(read_params(Path("params.yaml")).prepare, Path("out"), raw).counts["test"] == 12


def test_init_data_of_a_pattern(raw: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for number in range(3):
        write(raw / f"part {number}.csv", mixed(20, 20 * number))
    told = init(capsys, "data/raw/part ?.csv")
    assert told[0] == "data/raw/part ?.csv: 60 rows, 4 columns beside the target"
    assert told[-2] == "next: dvc add --glob 'data/raw/part ?.csv'   # keeps this version of the data"
    params = read_params(Path("params.yaml")).prepare
    assert params.csv.path == "data/raw/part ?.csv"
    assert sum(prepare(params, Path("out"), raw).counts.values()) == 60
    write(raw / "part 3.csv", {"other": [1, 2], "y": [1, 2]})
    with pytest.raises(UserError, match=r"part 3\.csv: no column 'n', which the first table has"):
        init(capsys, "data/raw/part ?.csv")
    with pytest.raises(UserError, match=r"is not in data/raw, .* copy the files there"):
        init(capsys, "elsewhere/*.csv")


def test_a_file_of_a_pattern_that_is_elsewhere_is_refused(
    raw: Path, tmp_path_factory: pytest.TempPathFactory, capsys: pytest.CaptureFixture[str]
) -> None:
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    write(raw / "a.csv", mixed(20))
    (raw / "b.csv").symlink_to(write(elsewhere / "b.csv", mixed(20)))
    with pytest.raises(UserError, match=r"^data/raw/b\.csv: is a link to .*, outside the project"):
        init(capsys, "data/raw/*.csv")
    params = Prepare(dataset="csv", csv=Csv(path="data/raw/*.csv", target="y"))
    with pytest.raises(UserError, match=r"^prepare\.csv\.path: data/raw/b\.csv: is a link to .*, outside"):
        prepare(params, Path("out"), raw)


def test_init_data_of_a_sheet(raw: Path, capsys: pytest.CaptureFixture[str]) -> None:
    columns = mixed(30)
    rows = [list(columns), *map(list, zip(*columns.values(), strict=True))]
    workbook(raw / "t.xlsx", rows=rows, notes=[["see above"]])
    init(capsys, "data/raw/t.xlsx", "--sheet", "rows")
    params = read_params(Path("params.yaml")).prepare
    assert params.csv.sheet == "rows"
    assert sum(prepare(params, Path("out"), raw).counts.values()) == 30
