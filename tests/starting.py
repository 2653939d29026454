"""What the tests of ``reprise init-data`` share."""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from reprise.commands import init_data
from reprise.foundation.errors import UserError
from reprise.settings.params_file import read_params

ROOT = Path(__file__).parents[1]
OLD = "# mine\nprepare: {}\nmodel: {}\ntrain: {}\nevaluate: {}\n"


def init(*words):
    parser = argparse.ArgumentParser()
    init_data.add_arguments(parser)
    init_data.run(parser.parse_args([str(word) for word in words]))
    return read_params(Path("params.yaml"))


def flowers(
    path, rows=150, header="Id,length,colour,note,species", names=("setosa", "versicolor", "virginica")
):
    generator = np.random.default_rng(1)
    lines = []
    for row in range(rows):
        kind = row % len(names)
        length = kind + generator.normal()
        lines.append(
            f"{row + 1},{length:.3f},{('red', 'blue', '')[row % 7 % 3]},no. {row} of them,{names[kind]}"
        )
    path.write_text("\n".join([*([header] if header else []), *lines]) + "\n", encoding="utf-8")
    return path


def photos(root, counts, size=(40, 50), mode="RGB"):
    generator = np.random.default_rng(2)
    for name, count in counts.items():
        (root / name).mkdir(parents=True)
        for number in range(count):
            pixels = generator.integers(0, 256, (*size, 3), dtype=np.uint8)
            Image.fromarray(pixels).convert(mode).save(root / name / f"{number}.png")
    return root


def refused(project, *words):
    before = {path: path.read_bytes() for path in project.rglob("*") if path.is_file()}
    with pytest.raises(UserError) as caught:
        init(*words)
    assert {path: path.read_bytes() for path in project.rglob("*") if path.is_file()} == before
    return "\n".join(caught.value.problems)
