"""The training loops that Reprise is compared with, each as its users write it."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import mnist
import numpy as np
from training_data import CLASSES, RATE, Data, now

if TYPE_CHECKING:
    import torch
    from torch import nn

# A turn takes the seconds it should last and returns samples per second.
Turn = Callable[[float], float]


def by_steps(step: Callable[[], None], batch: int) -> Turn:
    """Return a turn that repeats a step."""

    def turn(seconds: float) -> float:
        count, start, end = 0, now(), time.perf_counter() + seconds
        while time.perf_counter() < end:
            step()
            count += 1
        return count * batch / (now() - start)

    return turn


def torch_model(name: str) -> nn.Module:
    """Return the model as a user of PyTorch would write it."""
    from torch import nn

    if name == "mlp":
        return nn.Sequential(
            nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, CLASSES)
        )
    if name == "resnet18":
        from torchvision.models import resnet18

        module: nn.Module = resnet18(num_classes=CLASSES)
        module.conv1, module.maxpool = nn.Conv2d(3, 64, 3, 1, 1, bias=False), nn.Identity()
        return module
    return nn.Sequential(
        nn.Conv2d(1, 16, 3, 2), nn.ReLU(), nn.Conv2d(16, 32, 3, 2), nn.ReLU(), nn.Conv2d(32, 64, 3),
        nn.ReLU(), nn.Flatten(), nn.Linear(1024, 256), nn.ReLU(), nn.Linear(256, 64), nn.ReLU(),
        nn.Linear(64, CLASSES),
    )  # fmt: skip


def plain(data: Data, threads: str, layout: str = "nchw") -> Turn:
    """The plain loop over resident, normalised tensors: index, forward, backward, fused Adam."""
    import torch

    torch.set_num_threads(int(threads))
    last = {"memory_format": torch.channels_last} if layout == "channels_last" else {}
    module = torch_model(data.model).to(**last)
    x, y = torch.from_numpy(data.floats), torch.from_numpy(data.y)
    optimizer = torch.optim.Adam(module.parameters(), lr=RATE, fused=True)
    batches = _Batches(len(y), data.batch)

    def step() -> None:
        rows = batches.next()
        loss = torch.nn.functional.cross_entropy(module(x[rows].to(**last)), y[rows])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    return by_steps(step, data.batch)


class _Batches:
    """Row numbers in a new random order every epoch; the last, short batch is left out."""

    def __init__(self, rows: int, batch: int) -> None:
        self._rows, self._batch, self._at = rows, batch, rows
        self._order: torch.Tensor | None = None

    def next(self) -> torch.Tensor:
        import torch

        if self._order is None or self._at + self._batch > self._rows:
            self._order, self._at = torch.randperm(self._rows), 0
        self._at += self._batch
        return self._order[self._at - self._batch : self._at]


def tutorial(data: Data, threads: str) -> Turn:
    """The tutorials' loop: a dataset that makes a tensor of each sample, a DataLoader, Adam."""
    import torch
    from torch.utils.data import DataLoader, Dataset

    torch.set_num_threads(int(threads))
    images, classes = data.stored, data.y

    class Samples(Dataset):  # what torchvision's MNIST with ToTensor and Normalize does, without Pillow
        def __len__(self) -> int:
            return len(classes)

        def __getitem__(self, index: int) -> tuple[torch.Tensor, int]:
            pixels = torch.from_numpy(images[index]).to(torch.float32).div(255)
            return pixels.sub_(mnist.MEAN / 255).div_(mnist.STD / 255), int(classes[index])

    return _over_loader(DataLoader(Samples(), batch_size=data.batch, shuffle=True), data)


def _over_loader(loader: Any, data: Data) -> Turn:
    import torch

    module = torch_model(data.model)
    optimizer = torch.optim.Adam(module.parameters(), lr=RATE)
    state = {"batches": iter(loader)}

    def step() -> None:
        batch = next(state["batches"], None)
        if batch is None:
            state["batches"] = iter(loader)
            batch = next(state["batches"])
        loss = torch.nn.functional.cross_entropy(module(batch[0]), batch[1])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    return by_steps(step, data.batch)


def keras(data: Data) -> Turn:
    """Keras `fit` over arrays, TensorFlow's backend, channels last; a turn is one call."""
    os.environ["KERAS_BACKEND"] = "tensorflow"
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    import keras as k

    layers = k.layers
    module = k.Sequential([
        layers.Input((28, 28, 1)),
        layers.Conv2D(16, 3, 2, activation="relu"), layers.Conv2D(32, 3, 2, activation="relu"),
        layers.Conv2D(64, 3, activation="relu"), layers.Flatten(), layers.Dense(256, activation="relu"),
        layers.Dense(64, activation="relu"), layers.Dense(CLASSES),
    ])  # fmt: skip
    module.compile("adam", k.losses.SparseCategoricalCrossentropy(from_logits=True), metrics=["accuracy"])
    x, y = np.ascontiguousarray(data.floats.transpose(0, 2, 3, 1)), data.y

    def fit(rows: int) -> None:
        module.fit(x[:rows], y[:rows], batch_size=data.batch, verbose=0)

    return _by_epochs(fit, data)


def _by_epochs(fit: Callable[[int], None], data: Data) -> Turn:
    """Return a turn of one epoch; its rows are chosen by the speed of the one before."""
    speed = [0.0]
    count = len(data.y) // data.batch * data.batch

    def turn(seconds: float) -> float:
        wanted = int(speed[0] * seconds) // data.batch * data.batch
        rows = min(count, max(40 * data.batch, wanted))
        start = now()
        fit(rows)
        speed[0] = rows / (now() - start)
        return speed[0]

    return turn


def lightning(data: Data) -> Turn:
    """Lightning's Trainer over a DataLoader of tensors; the epoch alone is timed, not the set-up of `fit`."""
    import logging
    import warnings

    warnings.simplefilter("ignore")
    logging.disable(logging.CRITICAL)
    import torch
    from lightning import pytorch as pl
    from torch.utils.data import DataLoader, TensorDataset

    x, y = torch.from_numpy(data.floats), torch.from_numpy(data.y)

    class Task(pl.LightningModule):
        def __init__(self) -> None:
            super().__init__()
            self.model = torch_model(data.model)

        def training_step(self, batch: Any, _: int) -> torch.Tensor:
            return torch.nn.functional.cross_entropy(self.model(batch[0]), batch[1])

        def configure_optimizers(self) -> torch.optim.Optimizer:
            return torch.optim.Adam(self.parameters(), lr=RATE, fused=True)

    class EpochClock(pl.Callback):
        spent = 0.0

        def on_train_epoch_start(self, *_: object) -> None:
            self.spent = -now()

        def on_train_epoch_end(self, *_: object) -> None:
            self.spent += now()

    task, clock = Task(), EpochClock()
    speed = [0.0]

    def turn(seconds: float) -> float:
        rows = min(len(y), max(40 * data.batch, int(speed[0] * seconds) // data.batch * data.batch))
        loader = DataLoader(TensorDataset(x[:rows], y[:rows]), batch_size=data.batch, shuffle=True)
        trainer = pl.Trainer(
            max_epochs=1, accelerator="cpu", logger=False, enable_checkpointing=False,
            enable_progress_bar=False, enable_model_summary=False, callbacks=[clock],
        )  # fmt: skip
        trainer.fit(task, loader)
        speed[0] = rows / clock.spent
        return speed[0]

    return turn


def scikit_learn(data: Data) -> Turn:
    """MLPClassifier's own `fit`; a turn is one call."""
    import warnings

    from sklearn.exceptions import ConvergenceWarning
    from sklearn.neural_network import MLPClassifier

    warnings.simplefilter("ignore", ConvergenceWarning)
    x, y = data.floats, data.y
    speed = [0.0]

    def turn(seconds: float) -> float:
        epochs = max(1, int(speed[0] * seconds / len(y)))
        module = MLPClassifier(
            (64, 32), batch_size=data.batch, learning_rate_init=RATE, max_iter=epochs,
            n_iter_no_change=epochs + 1,
        )  # fmt: skip
        start = now()
        module.fit(x, y)
        speed[0] = module.n_iter_ * len(y) / (now() - start)
        return speed[0]

    return turn


LOOPS: dict[str, Callable[..., Turn]] = {
    "plain": plain, "tutorial": tutorial, "keras": keras, "lightning": lightning,
    "scikit-learn": scikit_learn,
}  # fmt: skip
