"""Write docs/report.png: the main pipeline's report on a wide and a narrow screen, as README shows it.

``dvc repro`` first; it takes Chromium, and fonts that are usual (Debian: chromium, fonts-dejavu).
"""

from __future__ import annotations

import io
import sys
import tempfile
from pathlib import Path

from chromium import Browser, Scheme, program
from PIL import Image

from reprise.report.page import render
from reprise.report.results import read_results
from reprise.verification.pipelines import main_pipeline

PICTURE = Path("docs/report.png")
HEIGHT, GAP = 1180, 40
SCREENS: tuple[tuple[int, Scheme, str], ...] = ((1100, "light", "results"), (390, "dark", "learning"))
COLOURS = 128  # in the file's palette: the page has few
MOST_BYTES = 150_000


def _seen(browser: Browser, page: Path, width: int, scheme: Scheme, section: str) -> Image.Image:
    """Return what a screen shows: a wide one the page's top, a narrow one what follows a heading."""
    browser.open(page, width, scheme, HEIGHT)
    if width < SCREENS[0][0]:
        browser.value(f"document.getElementById({section!r}).scrollIntoView()")
    return Image.open(io.BytesIO(browser.picture(whole=False))).convert("RGB")


def main() -> int:
    """Draw the page and cut its top out."""
    if program() is None:
        print("there is no Chromium; install Debian's package chromium", file=sys.stderr)
        return 3
    with tempfile.TemporaryDirectory() as folder, Browser() as browser:
        page = Path(folder, "report.html")
        page.write_text(render(read_results(main_pipeline())), encoding="utf-8")
        parts = [_seen(browser, page, *screen) for screen in SCREENS]
    image = Image.new("RGB", (sum(part.width for part in parts) + GAP, HEIGHT), "white")
    image.paste(parts[0], (0, 0))
    image.paste(parts[1], (parts[0].width + GAP, 0))
    image.quantize(COLOURS, dither=Image.Dither.NONE).save(PICTURE, optimize=True)
    size = PICTURE.stat().st_size
    print(f"{PICTURE}: {size / 1000:.0f} KB")
    return 0 if size <= MOST_BYTES else 1


if __name__ == "__main__":
    sys.exit(main())
