"""What a running training is called: its params file, its experiment, or what tells it from the others."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from reprise.foundation.workspace import EXPERIMENTS, copied_project

MOST = 4  # settings that are told: runs of two exercises differ in everything


def names(runs: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return a name for each run: file and experiment, and the settings that differ where these are the same.

    Parameters
    ----------
    runs : sequence of mappings
        From `reprise.training.live.live_files`.
    """
    named = []
    for run in runs:
        folder = run["folder"]
        project = copied_project(Path(folder))
        if project is None:
            named.append(run["params"])
        else:
            experiment = experiment_names(project).get(folder, Path(folder).name)
            named.append(f"{run['params']} (experiment {experiment})")
    if len(runs) < 2:
        return named
    settings = [flat(run.get("settings", {})) for run in runs]
    keys = sorted({key for one in settings for key in one})
    differing = [key for key in keys if len({json.dumps(one.get(key)) for one in settings}) > 1]
    return [
        f"{name}  {own}" if (own := _own(one, differing)) else name
        for name, one in zip(named, settings, strict=True)
    ]


def _own(settings: Mapping[str, Any], differing: Sequence[str]) -> str:
    shown = [f"{key}={json.dumps(settings[key])}" for key in differing if key in settings]
    return " ".join(shown) if len(shown) <= MOST else ""


def experiment_names(project: Path) -> dict[str, str]:
    """Return the names of a DVC project's running experiments by the folder of their copy."""
    found = {}
    for path in (project / EXPERIMENTS / "run").glob("*/*.run"):
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError):  # it ended this moment
            continue
        if content.get("root_dir") and content.get("name"):
            found[str(Path(content["root_dir"]).resolve())] = str(content["name"])
    return found


def flat(settings: Mapping[str, Any], before: str = "") -> dict[str, Any]:
    """Return nested settings by their dotted keys."""
    made: dict[str, Any] = {}
    for key, value in settings.items():
        if isinstance(value, dict):
            made |= flat(value, f"{before}{key}.")
        else:
            made[before + key] = value
    return made
