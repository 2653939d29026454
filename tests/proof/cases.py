"""The trainings that are proven, and what one run of them leaves, as one hash."""

from __future__ import annotations

import copy
import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import load_file

Section = dict[str, Any]

_SPLIT = {"method": "stratified", "test": 0.2, "val": 0.1}
_TRAIN = {"seed": 3, "epochs": 3, "batch_size": 64, "slices": 4}
_CNN = {"channels": [8, 16], "strides": [1, 2], "kernel": 3, "padding": 1, "hidden": [64]}

# 1,294 training rows: 20 full batches and a short one, which slices share out unevenly.
CASES: dict[str, Section] = {
    "mlp": {
        "prepare": {"dataset": "digits", "flatten": True, "normalise": "feature", "split": _SPLIT},
        "model": {"kind": "mlp", "mlp": {"hidden": [256, 128], "activation": "tanh", "dropout": 0.1}},
        "train": _TRAIN | {"optimizer": "adamw", "weight_decay": 0.01, "clip_norm": 1.0, "lr": 0.002},
        "evaluate": {"confidence": 0.95},
    },
    "tabm": {
        "prepare": {"dataset": "digits", "flatten": True, "normalise": "feature", "split": _SPLIT},
        "model": {"kind": "tabm", "tabm": {"members": 4, "hidden": [32, 16], "dropout": 0.1}},
        "train": _TRAIN | {"optimizer": "adamw", "weight_decay": 0.01, "lr": 0.003, "schedule": "cosine"},
        "evaluate": {"confidence": 0.95},
    },
    "cnn": {
        "prepare": {"dataset": "digits", "normalise": "global", "split": _SPLIT},
        "model": {"kind": "cnn", "cnn": _CNN},
        "train": _TRAIN | {"optimizer": "adam", "schedule": "one_cycle", "warmup": 0.3, "lr": 0.003},
        "evaluate": {"confidence": 0.95},
    },
    "cnn_norm": {
        "prepare": {"dataset": "digits", "normalise": "feature", "split": _SPLIT},
        "model": {"kind": "cnn", "cnn": _CNN | {"dropout": 0.2, "batch_norm": True}},
        "train": _TRAIN
        | {"optimizer": "sgd", "momentum": 0.9, "lr": 0.05, "schedule": "cosine", "augment": {"shift": 1}},
        "evaluate": {"confidence": 0.95},
    },
}
# Parameters above a million are shared out among threads in another way. Slow, so a case of its own.
RESNET: dict[str, Section] = {
    "resnet18": {
        "prepare": {"dataset": "digits", "normalise": "global", "split": _SPLIT | {"test": 0.92}},
        "model": {"kind": "resnet18"},
        "train": _TRAIN
        | {"epochs": 1, "batch_size": 32, "optimizer": "adamw", "lr": 0.001, "clip_norm": 5.0},
        "evaluate": {"confidence": 0.95},
    }
}
SHORT = {"cnn_norm": CASES["cnn_norm"]}
# A step of an emulated CPU takes as long as thousands of a real one's.
SMALL: dict[str, Section] = {"prepare": {"split": _SPLIT | {"test": 0.9, "val": 0.1}}, "train": {"epochs": 1}}


def with_changes(case: Section, *changes: Section) -> Section:
    """Return a case with some of its keys replaced."""
    changed = copy.deepcopy(case)
    for change in changes:
        for section, values in change.items():
            changed[section] |= copy.deepcopy(values)
    return changed


def write_cases(folder: Path, cases: dict[str, Section]) -> None:
    """Write one params.yaml for each case; JSON is YAML."""
    for name, case in cases.items():
        (folder / name).mkdir(parents=True, exist_ok=True)
        (folder / name / "params.yaml").write_text(json.dumps(case, indent=2), encoding="utf-8")


def outputs(folder: Path) -> dict[str, Path]:
    """Return what a run left, by name: prepared data, model files, history and metrics."""
    found = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if path.is_file()}
    return {name: path for name, path in sorted(found.items()) if not name.startswith(".state/")}


def digest(folder: Path) -> str:
    """Return one SHA-256 over the names and bytes of all output files below a folder."""
    whole = hashlib.sha256()
    for name, path in outputs(folder).items():
        whole.update(f"{name} {hashlib.sha256(path.read_bytes()).hexdigest()}\n".encode())
    return whole.hexdigest()


def first_difference(expected: Path, found: Path) -> str:
    """Say in which file, and for weights in which tensor, two runs differ first; empty when they don't."""
    ours, theirs = outputs(expected), outputs(found)
    if ours.keys() != theirs.keys():
        return f"only one run wrote {', '.join(sorted(ours.keys() ^ theirs.keys()))}"
    differing = [name for name, path in ours.items() if path.read_bytes() != theirs[name].read_bytes()]
    lines = [f"{name} differs" for name in differing]
    weights = [name for name in differing if name.endswith(".safetensors")]
    lines += [f"{name}: {_first_tensor(ours[name], theirs[name])}" for name in weights]
    return "; ".join(lines)


def _first_tensor(expected: Path, found: Path) -> str:
    ours, theirs = load_file(expected), load_file(found)
    for tensor, values in ours.items():
        other = theirs.get(tensor)
        if other is None or other.shape != values.shape or other.dtype != values.dtype:
            return f"{tensor} is missing or of another shape"
        if values.tobytes() != other.tobytes():
            apart = np.abs(values.astype(np.float64) - other.astype(np.float64))
            return f"{tensor} first, {(apart > 0).sum()} of {values.size} numbers, by up to {apart.max():.3g}"
    return "the tensors are equal, the header differs"
