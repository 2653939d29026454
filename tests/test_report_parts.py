"""The report's parts: numbers in words, colours that can be read, drawings, values of a table's rows."""

from __future__ import annotations

import csv
import re
from pathlib import Path

import numpy as np
import pytest
from csv_tables import prepare_table
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

import reprise.report
from reprise.prepared.names import read_names
from reprise.prepared.shards import read_split
from reprise.report import drawing, mistakes, pictures
from reprise.report.raw_values import raw_columns, told_row
from reprise.report.wording import number, percent, settings

STYLE = (Path(reprise.report.__file__).parent / "templates" / "style.css").read_text(encoding="utf-8")
# What stands on what: text colours by the surfaces that they are used on.
ON = {
    "text": ("page", "surface", "soft", "right", "wrong"),
    "muted": ("page", "surface", "soft"),
    "accent": ("page", "surface"),
    "good-text": ("good",),
    "warning-text": ("warning",),
    "bad-text": ("bad",),
}
DRAWN = ("series-1", "series-2", "series-3", "bar", "bar-rest")


def colours(scheme: str) -> dict[str, tuple[int, ...]]:
    """Return the style's variables as red, green and blue."""
    blocks = re.findall(r":root \{(.*?)\}", STYLE, re.DOTALL)
    text = blocks[0] if scheme == "light" else blocks[0] + blocks[1]
    found = re.findall(r"--([\w-]+): #([0-9a-f]{6});", text)
    return {name: tuple(bytes.fromhex(value)) for name, value in found}


def contrast(one: tuple[int, ...], other: tuple[int, ...]) -> float:
    """Return the contrast ratio of two colours (WCAG 2.2)."""

    def luminance(colour: tuple[int, ...]) -> float:
        shares = [part / 255 for part in colour]
        linear = [share / 12.92 if share <= 0.04045 else ((share + 0.055) / 1.055) ** 2.4 for share in shares]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def test_the_contrast_of_black_on_white_is_known() -> None:
    assert contrast((0, 0, 0), (255, 255, 255)) == pytest.approx(21.0)
    assert contrast((0x77, 0x77, 0x77), (255, 255, 255)) == pytest.approx(4.48, abs=0.01)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_texts_and_lines_can_be_told_from_what_is_behind_them(scheme: str) -> None:
    found = colours(scheme)
    for text, surfaces in ON.items():
        for surface in surfaces:
            assert contrast(found[text], found[surface]) >= 4.5, f"{text} on {surface}"
    for line in DRAWN:  # WCAG asks 3 of what is drawn, 1.5 is enough for bars whose numbers stand beside them
        assert contrast(found[line], found["surface"]) >= (1.5 if line == "bar-rest" else 3.0), line


def test_every_colour_that_is_used_is_defined_and_dark_defines_all() -> None:
    light, dark = re.findall(r":root \{(.*?)\}", STYLE, re.DOTALL)
    names = [set(re.findall(r"--([\w-]+):", block)) for block in (light, dark)]
    assert names[0] == names[1]
    assert set(re.findall(r"var\(--([\w-]+)\)", STYLE)) | drawing.PLACEHOLDERS.keys() <= names[0]


@given(st.floats(0.0, 1.0))
def test_nearly_all_is_not_all(share: float) -> None:
    text = percent(share)
    assert float(text) == pytest.approx(100.0 * share, abs=0.05)
    if 1e-6 < share < 1.0 - 1e-6:
        assert 0.0 < float(text) < 100.0


@given(st.floats(-1e300, 1e300))
def test_a_number_keeps_its_size_and_sign(value: float) -> None:
    shown = float(number(value).replace(",", "").replace("\N{MINUS SIGN}", "-"))
    assert shown == pytest.approx(value, rel=0.05, abs=1e-300)


def test_settings_stand_as_in_the_params_file() -> None:
    nested = {"kind": "mlp", "mlp": {"hidden": [16, 8], "dropout": 0.1}, "patience": None, "flip": True}
    assert settings(nested) == [
        ("kind", "mlp"), ("mlp.hidden", "[16, 8]"), ("mlp.dropout", "0.1"), ("patience", "null"),
        ("flip", "true"),
    ]  # fmt: skip


def draw_line(key: str = "one", label: str = "a line") -> str:
    def plot(axes: drawing.Axes) -> None:
        axes.plot([0, 1, 2], [1, 3, 2], color=drawing.FIRST, label=label)
        axes.scatter([0, 1], [1, 2], color=drawing.SECOND)
        axes.legend()

    return str(drawing.draw(key, "A line & points", plot))


def test_a_drawing_has_the_same_bytes_whatever_matplotlib_is_told_at_home() -> None:
    import matplotlib as mpl

    first = draw_line()
    with mpl.rc_context({"font.size": 30, "svg.hashsalt": None, "lines.linewidth": 9, "text.usetex": True}):
        assert draw_line() == first
        assert mpl.rcParams["font.size"] == 30


def test_drawings_in_one_page_share_no_ids_and_follow_its_colours() -> None:
    one, two = draw_line("one"), draw_line("two")
    ids = [set(re.findall(r' id="([^"]+)"', text)) for text in (one, two)]
    assert ids[0]
    assert not ids[0] & ids[1]
    assert set(re.findall(r'(?:url\(|href=")#([^")]+)', one)) <= ids[0]
    assert "var(--series-1)" in one
    assert "#0102" not in one
    assert "metadata" not in one
    assert '<title id="one-title">A line &amp; points</title>' in one


def test_a_label_is_text_and_no_formula_or_markup() -> None:
    assert ">$5$ &lt;b&gt;</text>" in draw_line(label="$5$ <b>")


def test_small_pictures_keep_their_pixels_and_large_ones_shrink() -> None:
    import base64
    import io

    def opened(pixels: np.ndarray, white: int) -> np.ndarray:
        data = pictures.data_uri(pixels, white).removeprefix("data:image/png;base64,")
        return np.asarray(Image.open(io.BytesIO(base64.b64decode(data))))

    shades = np.arange(17, dtype=np.uint8)[None, None, :16] + np.zeros((1, 4, 1), np.uint8)
    assert np.array_equal(opened(shades, 16), shades[0].astype(int) * 255 // 16)
    colour = np.full((3, 300, 200), [[[10]], [[20]], [[30]]], np.uint8)
    small = opened(colour, 255)
    assert small.shape == (144, 96, 3)
    assert small.reshape(-1, 3).tolist() == [[10, 20, 30]] * (144 * 96)


def test_pictures_of_a_page_stay_below_its_three_megabytes() -> None:
    noise = np.random.default_rng(1).integers(0, 256, (3, 144, 144)).astype(np.uint8)  # the worst for PNG
    assert len(pictures.data_uri(noise, 255)) * mistakes.PICTURES < 2_500_000


def test_values_of_a_row_are_those_of_its_line_in_the_file(tmp_path: Path) -> None:
    random = np.random.default_rng(3)
    lines = ["age,city,member,day,words,y"]
    for count in range(200):
        age = "" if count % 9 == 4 else str(random.integers(18, 90))
        city = ["Busan", "Jeju", "<b>", ""][random.integers(0, 4)]
        day = f"2021-{random.integers(1, 13):02d}-{random.integers(1, 29):02d}"
        lines.append(
            f"{age},{city},{['yes', 'no'][random.integers(0, 2)]},{day},w{count % 70},{'ab'[count % 2]}"
        )
    prepare_table(tmp_path, "\n".join(lines) + "\n")
    from reprise.prepared.shards import read_schema

    folder = next(path.parent for path in tmp_path.rglob("schema.json"))
    schema = read_schema(folder)
    rows = read_split(folder, schema, "test")
    names = read_names(folder, schema, rows.ids)
    columns = raw_columns(schema)
    assert [column.name for column in columns] == ["age", "city", "member", "day"]  # words are hashed
    for place in range(len(rows.x)):
        line = int(names.cells(place)[names.columns.index("line")])
        expected = next(csv.reader([lines[line - 1]]))[:4]
        assert told_row(columns, rows.x[place]) == [cell or "missing" for cell in expected]


def test_a_table_without_an_encoder_is_told_in_its_own_units(tmp_path: Path) -> None:
    from trained import table, write_prepared

    x = table(50)
    schema = write_prepared(tmp_path / "prepared", x, x[:, 0], test=20)
    rows = read_split(tmp_path / "prepared", schema, "test")
    columns = raw_columns(schema)
    told = np.array([[float(text) for text in told_row(columns, row)] for row in rows.x])
    assert np.allclose(told, x[30:], rtol=1e-4, atol=1e-4)
    assert tuple(column.name for column in columns) == schema.columns
