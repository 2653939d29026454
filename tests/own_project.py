"""A folder with own/ in it, which the tests of own code make the current one, and networks for it."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent

import pytest
from tiny import schema_of
from torch import nn

from reprise.model.own import build_own
from reprise.own.code import project_code

HEAD = "import torch\nfrom torch import nn\nfrom torch.nn import functional as F\n"
SCHEMA = schema_of((5,))
# What making weights takes beside what training does: shapes, and one rounding a value.
MADE = {"aten.reshape.default", "aten.mul_.Scalar", "aten.clamp_.default"}
TRANSFORMER = f"""{HEAD}
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        layer = nn.TransformerEncoderLayer(8, 2, 12, dropout=0.1, activation="gelu", batch_first=True)
        self.blocks = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
        self.weight, self.bias = nn.Parameter(torch.randn(5, 8)), nn.Parameter(torch.zeros(5, 8))
        self.table, self.head = nn.Embedding(4, 8), nn.Linear(8, 3)
        nn.init.trunc_normal_(self.weight, std=0.02)
        nn.init.xavier_normal_(self.head.weight)

    def forward(self, x):
        known = (x * 0.25 + 1.0).long()
        return self.head(self.blocks(x.unsqueeze(-1) * self.weight + self.bias + self.table(known)).mean(1))


def build(schema):
    return Net()
"""


def write_own(folder: Path, **files: str) -> None:
    """Write files of own/: ``model="…"`` is own/model.py."""
    (folder / "own").mkdir(exist_ok=True)
    for name, text in files.items():
        (folder / "own" / f"{name}.py").write_text(dedent(text), encoding="utf-8")


def network(returned: str, *, arguments: str = "", before: str = "") -> str:
    """Return an own/model.py whose build() returns an expression."""
    lines = "".join(f"    {line}\n" for line in before.splitlines())
    return f"{HEAD}\n\ndef build(schema{arguments}):\n{lines}    return {returned}\n"


def in_folder(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make a folder the project, with states of its own."""
    monkeypatch.chdir(folder)
    monkeypatch.setenv("REPRISE_STATE", str(folder / "state"))


def built(seed: int = 1, *, strict: bool = True, **settings: object) -> nn.Module:
    """Build the project's network for `SCHEMA`."""
    return build_own(settings, SCHEMA, seed, project_code(), strict=strict)
