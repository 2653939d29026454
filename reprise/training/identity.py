"""Which training this is: for its state, which another must never find, and for people who watch it."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import torch

import reprise
from reprise.arithmetic.runtime import Device
from reprise.foundation.states import fingerprint
from reprise.foundation.workspace import main_root
from reprise.own.code import folder_digests
from reprise.prepared.schema import SCHEMA_FILE
from reprise.settings.params import Params


def state_name(params: Params, prepared: Path, device: Device) -> str:
    """Return the fingerprint of this training: parameters, data, code, packages and arithmetic."""
    settings: dict[str, Any] = {
        "model": params.model.model_dump(mode="json"),
        "train": params.train.model_dump(mode="json"),
        "device": device if device == "cpu" else f"cuda {torch.cuda.get_device_name()}",
    }
    if params.model.kind == "own":
        settings["own"] = folder_digests()
    # The schema holds the hash of every shard, and whoever reads a shard checks it.
    files = [prepared / SCHEMA_FILE, *_loaded_code()]
    return fingerprint(settings, files, {"torch": torch.__version__, "reprise": reprise.__version__})


def _loaded_code() -> list[Path]:
    """Return the project's loaded files, with the stage itself, whose module is called __main__."""
    main = getattr(sys.modules["__main__"], "__spec__", None)
    names = {"__main__": main.name} if main is not None else {}
    return [
        Path(file)
        for name, module in sys.modules.items()
        if names.get(name, name).split(".")[0] in ("reprise", "stages")
        and (file := getattr(module, "__file__", None)) is not None
    ]


def about_run(params: Params, file: Path) -> dict[str, Any]:
    """Return what tells this training from others that run at the same time, for people.

    Parameters
    ----------
    params : Params
    file : Path
        That they are from.
    """
    return {
        "params": Path(os.path.relpath(file)).as_posix(),
        "folder": str(Path.cwd()),
        "root": str(main_root()),
        "settings": {
            "model": params.model.model_dump(mode="json", include={"kind", params.model.kind}),
            "train": params.train.model_dump(mode="json"),
        },
    }
