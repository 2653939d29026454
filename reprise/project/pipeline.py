"""The dvc.yaml of a project beside an installed Reprise: the code is known by its hash in reprise.json."""

from __future__ import annotations

import io

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq

from reprise.foundation.package import PACKAGES, PROJECT_FILE

HEAD = (
    "The pipeline. Reprise is an installed package, so the stages depend on the hashes of its code in\n"
    "reprise.json, which reprise update brings up to date."
)


def for_package(text: str) -> str:
    """Return a dvc.yaml whose stages depend on hashes of the code and not on the code.

    Parameters
    ----------
    text : str
        The dvc.yaml of a clone of Reprise.
    """
    yaml = YAML()
    yaml.width = 110
    yaml.indent(mapping=2, sequence=4, offset=2)
    content = yaml.load(text)
    code = tuple(f"{package}/" for package in PACKAGES)
    for name, stage in content["stages"].items():
        stage["deps"] = CommentedSeq(dep for dep in stage["deps"] if not dep.startswith(code))
        stage["params"].append(CommentedMap({PROJECT_FILE.as_posix(): CommentedSeq([f"code.{name}"])}))
    content.yaml_set_start_comment(HEAD)
    stream = io.StringIO()
    yaml.dump(content, stream)
    return stream.getvalue()
