"""Write docs/report.png: the top of the main pipeline's report, as README shows it.

``dvc repro`` first; it takes Chromium, and fonts that are usual (Debian: chromium, fonts-dejavu).
"""

from __future__ import annotations

import io
import sys
import tempfile
from pathlib import Path

from chromium import Browser, program
from PIL import Image

from reprise.report.page import render
from reprise.report.places import main_places
from reprise.report.results import read_results

PICTURE = Path("docs/report.png")
WIDTH, HEIGHT = 1100, 1180
COLOURS = 96  # in the file's palette: the page has few
MOST_BYTES = 150_000


def main() -> int:
    """Draw the page and cut its top out."""
    if program() is None:
        print("there is no Chromium; install Debian's package chromium", file=sys.stderr)
        return 3
    with tempfile.TemporaryDirectory() as folder, Browser() as browser:
        page = Path(folder, "report.html")
        page.write_text(render(read_results(main_places(Path("params.yaml")))), encoding="utf-8")
        browser.open(page, WIDTH, "light", HEIGHT)
        image = Image.open(io.BytesIO(browser.picture(whole=False))).convert("RGB")
    image.quantize(COLOURS, dither=Image.Dither.NONE).save(PICTURE, optimize=True)
    size = PICTURE.stat().st_size
    print(f"{PICTURE}: {size / 1000:.0f} KB")
    return 0 if size <= MOST_BYTES else 1


if __name__ == "__main__":
    sys.exit(main())
