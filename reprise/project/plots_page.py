"""Write the page that ``dvc plots`` fills, with the plotting library inside: it draws without a network.

DVC's own page loads the library from elsewhere. This one is .dvc/plots.html, which git ignores, and
.dvc/config.local names it: a clone without the page keeps DVC's own. The recipes, a DVC project of their own,
use the same one. The library is Vega, Vega-Lite and Vega-Embed as the package vl-convert-python brings them.

``python -m reprise.project.plots_page`` in the project's root is what ``make env`` runs.
"""

from __future__ import annotations

import os
import subprocess
import sys
from importlib import metadata
from pathlib import Path

from reprise.foundation.files import write_text

PROJECTS = (Path(), Path("recipes"))
FOLDER = Path(".dvc")
PAGE = "plots.html"
OPTION = "plots.html_template"
VEGA_LITE = "5.21"  # DVC's templates are written for version 5
HTML = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>DVC plots</title>
{{refresh_tag}}
<!-- Vega, Vega-Lite and Vega-Embed, bundled by vl-convert-python {version}.
     Copyright (c) 2015-2025, University of Washington Interactive Data Lab. BSD-3-Clause licence. -->
<script>{library}</script>
<script>
const draw = window.vegaEmbed;
// DVC's specification of a plot without rows is empty.
window.vegaEmbed = (place, plot) =>
  Object.keys(plot).length ? draw(place, plot) : document.querySelector(place).remove();
</script>
<style>
body {{ font-family: sans-serif; margin: 1rem; }}
</style>
</head>
<body>
{{plot_divs}}
</body>
</html>
"""


def page() -> str:
    """Return the page, with DVC's places for what it fills in."""
    import vl_convert  # loads 40 MB

    library = vl_convert.javascript_bundle(vl_version=VEGA_LITE)  # type: ignore[call-arg]  # its stubs want more
    if "</script" in library:
        raise ValueError("the plotting library can't stand inside a page")
    return HTML.format(library=library, version=metadata.version("vl-convert-python"))


def write_page(root: Path = Path()) -> int:
    """Write a project's page and name it, unless another one is named already; return the exit code."""
    if not (root / FOLDER).is_dir():
        return 0  # not a DVC project: stages work without
    write_text(root / FOLDER / PAGE, page())
    return max(name_page(root, root / project) for project in PROJECTS if (root / project / FOLDER).is_dir())


def name_page(root: Path, project: Path) -> int:
    """Name the page in a DVC project's config.local, unless another one is named; return the exit code."""
    config = [sys.executable, "-m", "dvc", "config"]
    named = subprocess.run([*config, OPTION], cwd=project, capture_output=True, text=True, check=False)
    if named.stdout.strip():
        return 0
    page = os.path.relpath(root / FOLDER / PAGE, project / FOLDER)  # paths in config.local begin at .dvc
    return subprocess.run([*config, "--local", OPTION, page], cwd=project, check=False).returncode


if __name__ == "__main__":
    sys.exit(write_page())
