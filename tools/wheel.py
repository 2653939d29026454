"""What hatchling adds to the wheel: the compiled kernels, and the files that projects start with.

The kernels are compiled by ziglang, so that they load on every Linux with glibc 2.17 or newer; without
ziglang the wheel holds their sources alone, and they are compiled at first use.
``REPRISE_TARGET=aarch64-linux`` makes the wheel for another machine.
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

TAG = "py3-none-manylinux_2_17_{}"
TARGET_VARIABLE = "REPRISE_TARGET"


class WheelHook(BuildHookInterface):  # type: ignore[type-arg]  # hatchling finds it by its base alone
    """Adds files to a wheel; an editable installation needs none."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Name the files to add, before the wheel is made."""
        if version == "editable":
            return
        sys.path.insert(0, self.root)  # in an isolated build nothing of the project is installed
        from reprise.arithmetic import build

        included = build_data["force_include"]
        included.update(self._template())
        target = os.environ.get(TARGET_VARIABLE) or build.this_target()
        machine, _, system = target.partition("-")
        if machine not in build.ISAS or system != "linux" or not build.has_ziglang():
            self.app.display_warning(f"wheel: without compiled kernels (for {target})")
            return
        self.scratch = tempfile.TemporaryDirectory()  # until the wheel is written
        place = f"reprise/{build.CARRIED.name}/{build.fingerprint()}"
        for isa in build.ISAS[machine]:
            path = build.library_path(isa, build.library_folder(), target)
            if target != build.this_target() or not path.is_file():
                path = build.compile_library(isa, Path(self.scratch.name), target)
            included[str(path)] = f"{place}/{path.name}"
        build_data["pure_python"] = False
        build_data["tag"] = TAG.format(machine)

    def _template(self) -> dict[str, str]:
        """Return the files that `reprise new` writes in a project beside the package."""
        from reprise.project.listing import AT_EACH, CARRIED, STARTED, files_below

        root = Path(self.root)
        found = files_below(root, (*AT_EACH, *STARTED))
        return {str(root / path): f"reprise/{CARRIED}/{path}" for path in found}
