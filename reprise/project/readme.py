"""The README that a project starts with."""

from __future__ import annotations

COMMON = """
`params.yaml` says what is learnt from what. Now it is the handwritten digits of
scikit-learn, so that there is something to run. For a table or a folder of images of your own:

```
cp … data/raw/
reprise init-data data/raw/…     # writes params.yaml
dvc add data/raw/…
dvc repro
git add --all && git commit
```

`own/model.py`, `own/data.py` and `own/metrics.py` are for code of your own (own/README.md).
"""
HELD = """# {name}

A project on [Reprise](docs/reprise.md), a PyTorch pipeline on DVC that gives the same bytes every time.

```
make repro                       # the environment (minutes the first time), then the pipeline
source .venv/bin/activate        # for the commands below
```
{common}
`reprise/`, `stages/`, `tools/` and `docs/` are Reprise's. To bring them to a newer version, in a clone
of that version: `reprise update PATH/TO/THIS/PROJECT` ([docs/template.md](docs/template.md)).
"""
BESIDE = """# {name}

A project on Reprise, a PyTorch pipeline on DVC that gives the same bytes every time.

```
pip install reprise-*.whl        # the version in reprise.json
dvc repro
```
{common}
After installing a newer Reprise: `reprise update`.
"""


def text(kind: str, name: str) -> str:
    """Return a short README.

    Parameters
    ----------
    kind : str
        ``copy`` or ``package``.
    name : str
        The project's.
    """
    return (HELD if kind == "copy" else BESIDE).format(name=name, common=COMMON)
