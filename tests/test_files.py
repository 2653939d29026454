"""Writing files: all or nothing, and the same bytes for the same content."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import os
import random
import stat
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from safetensors.numpy import load

from reprise.foundation import files
from reprise.foundation.errors import UserError

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=8,
)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("durable", [False, True])
def test_a_file_is_replaced_as_a_whole(tmp_path: Path, durable: bool) -> None:
    path = tmp_path / "new" / "file"
    files.write_bytes(path, b"old", durable=durable)
    with files.replacing(path, durable=durable) as stream:
        stream.write(b"ne")
        stream.flush()
        assert path.read_bytes() == b"old"  # a reader in the middle
        stream.write(b"w")
    assert path.read_bytes() == b"new"
    assert names(path.parent) == ["file"]


def test_a_failure_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"old")
    with pytest.raises(TypeError), files.replacing(path) as stream:
        stream.writelines([b"half", "no bytes"])  # type: ignore[list-item]
    assert path.read_bytes() == b"old"
    assert names(tmp_path) == ["file"]


def test_a_link_into_a_cache_is_replaced_not_written_through(tmp_path: Path) -> None:
    (tmp_path / "cached").write_bytes(b"kept")
    (tmp_path / "out").symlink_to(tmp_path / "cached")
    files.write_bytes(tmp_path / "out", b"new")
    assert (tmp_path / "cached").read_bytes() == b"kept"
    assert (tmp_path / "out").read_bytes() == b"new"


def test_permissions_follow_the_umask(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        files.write_bytes(tmp_path / "file", b"")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "file").stat().st_mode) == 0o640


def test_text_is_utf8_with_lf(tmp_path: Path) -> None:
    files.write_text(tmp_path / "file", "한글\nβ\n")
    assert (tmp_path / "file").read_bytes() == "한글\nβ\n".encode()


@given(JSON)
def test_json_reads_back_and_does_not_depend_on_the_order_of_keys(value: object) -> None:
    text = files.json_text(value)
    assert json.loads(text) == value
    assert text.endswith("\n")
    assert "\r" not in text
    if isinstance(value, dict):
        items = list(value.items())
        random.Random(1).shuffle(items)
        assert files.json_text(dict(items)) == text


def test_json_has_fixed_bytes(tmp_path: Path) -> None:
    files.write_json(tmp_path / "x.json", {"b": [1, 0.1, 1e-07, None, True], "a": "한글"})
    assert (tmp_path / "x.json").read_text(encoding="utf-8") == (
        '{\n  "a": "한글",\n  "b": [\n    1,\n    0.1,\n    1e-07,\n    null,\n    true\n  ]\n}\n'
    )
    assert files.read_json(tmp_path / "x.json") == {"b": [1, 0.1, 1e-07, None, True], "a": "한글"}


@pytest.mark.parametrize("value", [float("nan"), float("inf"), {"a": [-float("inf")]}])
def test_json_has_no_nan_and_nothing_is_written(tmp_path: Path, value: object) -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        files.write_json(tmp_path / "x.json", value)
    assert names(tmp_path) == []


@pytest.mark.parametrize("content", [b"", b"{", b"\xff", b'{"a": 1} 2'])
def test_broken_json_is_the_users_problem(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x.json").write_bytes(content)
    with pytest.raises(
        UserError, match=r"x.json: not valid JSON .* run the stage that writes it again"
    ) as caught:
        files.read_json(tmp_path / "x.json")
    assert all(len(line.splitlines()) == 1 for line in caught.value.problems)


def test_missing_json_is_the_users_problem(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"x.json: no such file; run the stage that writes it"):
        files.read_json(tmp_path / "x.json")


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=5))
def test_csv_keeps_every_bit_of_a_float(row: list[float]) -> None:
    header = [f"c{number}" for number in range(len(row))]
    text = files.csv_text(header, [row, [np.float64(value) for value in row]])
    _, *rows = csv.reader(io.StringIO(text))
    assert [[float(cell) for cell in cells] for cells in rows] == [row, row]
    assert rows[0] == rows[1]


def test_csv_has_fixed_bytes() -> None:
    rows = [[1, 0.1, "a,b"], [None, 1e-05, 'say "x"'], [np.int64(3), np.float64(2), "한글"]]
    assert files.csv_text(["n", "value", "name"], rows) == (
        'n,value,name\n1,0.1,"a,b"\n,1e-05,"say ""x"""\n3,2.0,한글\n'
    )


@given(
    st.dictionaries(
        st.text(min_size=1, max_size=5),
        arrays(
            st.sampled_from([np.float32, np.int64, np.uint8, np.bool_]), array_shapes(min_dims=0, max_side=3)
        ),
        max_size=4,
    ),
    JSON,
)
def test_tensors_read_back_bit_for_bit_and_have_fixed_bytes(
    tensors: dict[str, np.ndarray], metadata: object
) -> None:
    tensors.pop("__metadata__", None)
    data = files.tensors_bytes(tensors, metadata)
    back = load(data)
    assert set(back) == set(tensors)
    for name, array in tensors.items():
        assert (back[name].dtype, back[name].shape) == (array.dtype, array.shape)
        assert back[name].tobytes() == array.tobytes()
    items = list(tensors.items())
    assert files.tensors_bytes(dict(reversed(items)), metadata) == data
    header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
    stored = header.get("__metadata__")
    assert stored is None if metadata is None else json.loads(stored[files.METADATA_KEY]) == metadata


def test_a_view_is_stored_by_value_not_by_memory() -> None:
    table = np.arange(12, dtype=np.float32).reshape(3, 4)
    assert (load(files.tensors_bytes({"x": table.T}))["x"] == table.T).all()
    assert (load(files.tensors_bytes({"x": table[::2, ::-1]}))["x"] == table[::2, ::-1]).all()


def test_hashes_agree_with_hashlib(tmp_path: Path) -> None:
    data = bytes(range(256)) * 5000
    (tmp_path / "file").write_bytes(data)
    assert (
        files.sha256_bytes(data) == files.sha256_file(tmp_path / "file") == hashlib.sha256(data).hexdigest()
    )
