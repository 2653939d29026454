"""The weights of pretrained networks: from their package, a file, a download; what is refused."""

from __future__ import annotations

import hashlib
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from reprise.foundation.errors import EnvironmentProblem, UserError
from reprise.model import published
from reprise.model.pretrained import FACTS
from reprise.settings.params import Pretrained

SHAPE = (3, 224, 224)
PACKED = Path(published.importlib.util.find_spec(published.PACKAGE).origin).parent / published.PACKED


@pytest.fixture(autouse=True)
def _in_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_names_and_hashes_are_torchvisions() -> None:
    from torchvision import models

    versions = {"resnet50": "IMAGENET1K_V2", "mobilenet_v3_large": "IMAGENET1K_V2"}
    for name, file in published.PUBLISHED.items():
        weights = models.get_model_weights(name)[versions.get(name, "IMAGENET1K_V1")]
        assert published.SITE + file == weights.url
        transform = weights.transforms()
        assert transform.crop_size == [224]
        assert FACTS[name].mean == tuple(255 * v for v in transform.mean)
        assert FACTS[name].std == tuple(255 * v for v in transform.std)


# ---- where weights come from


def stored(folder: Path) -> Path:
    return folder / "data" / "cache" / "backbones" / published.STORED


def test_the_packages_weights_are_stored_once_and_checked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = published.stored_lite0()
    assert stored(tmp_path).read_bytes() == data
    reads: list[Path] = []
    read = published._read
    monkeypatch.setattr(published, "_read", lambda path: reads.append(path) or read(path))
    assert published.stored_lite0() == data
    assert reads == []
    stored(tmp_path).write_bytes(data[:-1] + b"?")  # damaged: read from the package again
    assert published.stored_lite0() == data
    assert len(reads) == 1
    assert stored(tmp_path).read_bytes() == data


def test_a_missing_or_another_package_is_a_problem_of_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(published, "PACKAGE", "no_such_package")
        with pytest.raises(EnvironmentProblem, match="is not installed; run make env") as caught:
            published.stored_lite0()
    assert caught.value.exit_code == 3
    monkeypatch.setattr(published, "STORED_SHA256", "0" * 64)
    with pytest.raises(EnvironmentProblem, match="is not the published file"):
        published.stored_lite0()
    assert not stored(tmp_path).exists()


def named_by_content(path: Path, stem: str) -> Path:
    digest = hashlib.sha256(path.read_bytes()).hexdigest()[:8]
    return path.rename(path.with_name(f"{stem}-{digest}{path.suffix}"))


@pytest.fixture
def resnet() -> dict[str, Tensor]:
    from torchvision import models

    torch.manual_seed(2)
    return dict(models.resnet18(weights=None).state_dict())


@pytest.mark.parametrize("ending", [".pth", ".safetensors"])
def test_a_file_of_ones_own(ending: str, resnet: dict[str, Tensor], tmp_path: Path) -> None:
    path = tmp_path / f"mine{ending}"
    torch.save(resnet, path) if ending == ".pth" else save_file(resnet, path)
    settings = Pretrained(backbone="resnet18", weights=f"mine{ending}")
    with pytest.raises(UserError, match=r"must end with the first digits of its SHA-256.*rename it to mine-"):
        published.weights_of(settings)
    path = named_by_content(path, "mine")
    found = published.weights_of(settings.model_copy(update={"weights": path.name}))
    assert torch.equal(found["conv1.weight"], resnet["conv1.weight"])
    assert "fc.weight" not in found
    with pytest.raises(UserError, match=r"does not fit model.pretrained.backbone: resnet50: layer1"):
        published.weights_of(Pretrained(backbone="resnet50", weights=path.name))


def test_a_copy_of_the_project_takes_the_originals_file(
    resnet: dict[str, Tensor], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch.save(resnet, tmp_path / "mine.pth")
    name = named_by_content(tmp_path / "mine.pth", "mine").name
    copy = tmp_path / ".dvc/tmp/exps/tmp1"
    copy.mkdir(parents=True)
    monkeypatch.chdir(copy)
    assert "conv1.weight" in published.weights_of(Pretrained(backbone="resnet18", weights=name))


class Evil:
    """Its pickle would run a command."""

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[str]]:
        return exec, ("open('ran', 'w')",)


@pytest.mark.parametrize("content", [Evil(), [1, 2], {"a": Evil()}, {"a": 3}, None])
def test_nothing_is_unpickled(content: Any, tmp_path: Path) -> None:
    path = tmp_path / "bad.pth"
    path.write_bytes(b"no zip") if content is None else torch.save(content, path)
    path = named_by_content(path, "bad")
    with pytest.raises(UserError, match=r"holds no weights that can be read safely|is not a state dict"):
        published.weights_of(Pretrained(weights=path.name))
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(("given", "line"), [("no.pth", "no such file"), ("../x.pth", "outside the project")])
def test_paths_that_are_no_file_of_the_project(given: str, line: str) -> None:
    with pytest.raises(UserError, match=line):
        published.weights_of(Pretrained(weights=given))


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.server.asked[self.path] += 1
            if (content := self.server.files.get(self.path)) is None:
                self.send_error(404)
                return
            self.send_response(200)
            self.send_header("Content-Length", str(len(content) + self.server.missing))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: Any) -> None:
            pass

    server: Any = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.files, server.asked, server.missing = {}, Counter(), 0
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    monkeypatch.setattr(published, "SITE", f"http://127.0.0.1:{server.server_port}/")
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


def test_other_backbones_are_downloaded_once(
    site: Any, resnet: dict[str, Tensor], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch.save(resnet, tmp_path / "it.pth")
    path = named_by_content(tmp_path / "it.pth", "resnet18")
    monkeypatch.setitem(published.PUBLISHED, "resnet18", path.name)
    site.files[f"/{path.name}"] = path.read_bytes()
    for _ in range(2):
        found = published.weights_of(Pretrained(backbone="resnet18"))
        assert torch.equal(found["conv1.weight"], resnet["conv1.weight"])
    assert site.asked == {f"/{path.name}": 1}


def test_a_download_of_another_content_is_refused(site: Any, tmp_path: Path) -> None:
    site.files["/resnet18-f37072fd.pth"] = b"another"
    with pytest.raises(
        EnvironmentProblem, match=r"another content .*put resnet18-f37072fd.pth into data/raw"
    ):
        published.weights_of(Pretrained(backbone="resnet18"))
    assert [path.name for path in tmp_path.rglob("*.pth*")] == []


# ---- what doesn't go with them
