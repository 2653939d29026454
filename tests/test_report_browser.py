"""The report in a real browser: nothing goes wrong, nothing is asked for, nothing sticks out."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from report_pages import make, report

sys.path.insert(0, str(Path(__file__).parents[1] / "tools"))
import chromium

pytestmark = pytest.mark.skipif(chromium.program() is None, reason="there is no Chromium on this machine")

STICKING_OUT = """
[...document.querySelectorAll("body *")]
    .filter(one => one.getBoundingClientRect().right > innerWidth + 1)
    .filter(one => !one.closest(".scroll, nav ul, svg, .skip"))
    .map(one => one.outerHTML.slice(0, 80))
"""
BACKGROUND = "getComputedStyle(document.body).backgroundColor"
OVERLAPS = """
[...document.querySelectorAll("svg")].flatMap(svg => {
    const boxes = [...svg.querySelectorAll("text")].map(one => [one, one.getBoundingClientRect()]);
    return boxes.flatMap(([one, a], place) => boxes.slice(place + 1).filter(([other, b]) =>
        a.left + 1 < b.right && b.left + 1 < a.right && a.top + 1 < b.bottom && b.top + 1 < a.bottom
    ).map(([other]) => one.textContent + " / " + other.textContent));
})
"""
SMALLEST_TEXT = """
Math.min(...[...document.querySelectorAll("svg text")].map(one => one.getBoundingClientRect().height))
"""


@pytest.mark.parametrize("kind", ["pictures", "classes", "values"])
def test_a_page_renders_on_wide_and_narrow_screens(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    make(kind)
    report()
    path = Path("report.html").resolve()
    with chromium.Browser() as browser:
        backgrounds = set()
        for width in (1280, 390):
            for scheme in ("light", "dark"):
                browser.open(path, width, scheme)
                assert browser.value("document.documentElement.scrollWidth") == width
                assert browser.value(STICKING_OUT) == []
                assert browser.value(OVERLAPS) == []
                assert browser.value(SMALLEST_TEXT) >= 9  # CSS pixels
                backgrounds.add(browser.value(BACKGROUND))
        assert len(backgrounds) == 2
        browser.ask("Input.dispatchKeyEvent", type="keyDown", key="Tab", code="Tab", windowsVirtualKeyCode=9)
        assert browser.value("document.activeElement.className") == "skip"
        assert browser.value("document.activeElement.getBoundingClientRect().left") >= 0
    assert browser.complaints == []
    assert {url for url in browser.requests if not url.startswith("data:")} == {path.as_uri()}
