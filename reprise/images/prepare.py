"""``prepare.dataset: images``: from a folder of the user's own to prepared data."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from reprise.data import normalise
from reprise.data.checks import Contract
from reprise.data.folds import Fold
from reprise.data.split import TEST, VAL, assign
from reprise.foundation.errors import UserError
from reprise.foundation.workers import cores
from reprise.images.folder import ImageFolder, read_folder, shortened, stray_notes
from reprise.images.reading import decoded, pages_note
from reprise.prepared.names import NAMED, UNNAMED, Names, Naming
from reprise.prepared.packed import PackedTexts
from reprise.prepared.schema import SPLITS, Schema, SplitName, Statistics, size_of
from reprise.prepared.shards import Arrays, PreparedWriter
from reprise.settings.params import Images, Prepare

SHARD_BYTES = 2**26  # smaller than usual: an unfinished shard of each split waits in memory


def prepare_images(
    params: Prepare, out: Path, *, workers: int | None = None, fold: Fold | None = None
) -> Schema:
    """Write prepared data from a folder of images and return its schema.

    The images are read once, in the order of their sorted names, and written as they come; a row's id
    is its file's place in that order. With ``prepare.flatten`` they are read twice, because a table is
    stored normalised.

    Parameters
    ----------
    params : Prepare
        With its section ``images``.
    out : Path
        The folder that the prepared data replaces, as a whole and at the end.
    workers : int, optional
        Threads; all cores by default. The result doesn't depend on it.
    fold : Fold, optional
        Of a cross-validation: its images are the test split.

    Raises
    ------
    UserError
        Names images that can't be used and classes without any, unless ``images.corrupt`` is skip; an
        impossible split; a broken data contract, if ``prepare.checks`` is refuse.
    """
    root = Path(params.images.path)
    folder = read_folder(root)
    for line in stray_notes(root, folder.stray):
        print(line, file=sys.stderr)
    if folder.empty:
        _tell([f"{root}/{name}: no image in this class's folder" for name in folder.empty], params.images)
    reading = _Reading(folder, _split(folder, params, fold), params, workers or cores())
    sums = normalise.WholeNumberSums()
    contract = Contract()
    inputs: Statistics | None = None
    size = size_of(reading.schema(None))
    with PreparedWriter(out, SHARD_BYTES, Naming(text="path"), size) as writer:
        if params.flatten:
            for split, rows in reading.rows():
                if split == "train":
                    sums.add(_summed(rows.x, params))
            reading.refuse()
            inputs = _statistics(sums, params)
        for split, rows in reading.rows():
            if params.flatten:
                rows = rows._replace(x=normalise.apply(rows.x, inputs))
            elif split == "train":
                sums.add(_summed(rows.x, params))
            writer.add(split, rows, _paths(folder, rows) if split == NAMED else UNNAMED)
            contract.add(split, rows)
        if not params.flatten:
            reading.refuse()
            inputs = _statistics(sums, params)
        schema = reading.schema(inputs)
        checks = contract.judge(schema, params.checks, name_of=lambda row: folder.files[row].name)
        return writer.finish(schema, checks)


def _split(folder: ImageFolder, params: Prepare, fold: Fold | None) -> NDArray[np.uint8]:
    """Return each file's split: the folder's own where it has one, otherwise drawn."""
    labels = np.array([file.label for file in folder.files], np.int64)
    official = folder.splits
    given = np.array([SPLITS.index(file.split or "train") for file in folder.files], np.uint8)
    drawn = np.flatnonzero(given != VAL)  # files of a val folder stay there
    split = params.split.model_copy(update={"val": 0.0}) if "val" in official else params.split
    if {"val", "test"} <= official:
        split = split.model_copy(update={"method": "shuffle"})  # nothing is drawn; all that is left is train
    given[drawn] = assign(
        len(drawn),
        split,
        params.seed,
        labels=labels[drawn],
        official_test=given[drawn] == TEST if "test" in official else None,
        classes=folder.classes,
        fold=fold,
    )
    unlearnt = np.setdiff1d(labels, labels[given == 0]).tolist()
    if unlearnt:
        names = ", ".join(repr(folder.classes[label]) for label in unlearnt)
        raise UserError(
            f"{params.images.path}: no image in the train folder for the class(es) {names}; add some"
        )
    return given


class _Reading:
    """The images of a folder, read as often as asked, and what was noted in the last reading."""

    def __init__(self, folder: ImageFolder, parts: NDArray[np.uint8], params: Prepare, workers: int) -> None:
        self.folder, self.parts, self.params, self.workers = folder, parts, params, workers
        self.labels = np.array([file.label for file in folder.files], np.int64)
        self.test_is_train = params.split.method == "none" and not {"test"} & folder.splits
        self._start()

    def _start(self) -> None:
        self._problems: list[tuple[int, str]] = []
        self._paged: list[int] = []
        self._digest = hashlib.sha256()
        self._used = np.ones(len(self.labels), np.bool_)

    def rows(self) -> Iterator[tuple[SplitName, Arrays]]:
        """Yield the usable images' rows, split by split in each block."""
        self._start()
        images = self.params.images
        for block in decoded(self.folder.files, images.pixels, images.mode, self.workers):
            self._problems += block.problems
            self._paged += block.paged
            self._used[[row for row, _ in block.problems]] = False
            self._digest.update(b"".join(block.digests))
            x: NDArray[Any] = block.x.reshape(len(block.x), -1) if self.params.flatten else block.x
            for number, split in enumerate(SPLITS):
                wanted = 0 if self.test_is_train and split == "test" else number
                here = self.parts[block.rows] == wanted
                if here.any():
                    ids = block.rows[here]
                    yield split, Arrays(x[here], self.labels[ids], ids)

    def refuse(self) -> None:
        """Name the images that could not be used, and say once that others have several pages.

        Raises
        ------
        UserError
            If there are any and they are not to be skipped, or if a class or a split loses all of its own.
        """
        if self._paged:
            print(pages_note(len(self._paged), self.folder.files[self._paged[0]].name), file=sys.stderr)
        if not self._problems:
            return
        names = [self.folder.files[row].name for row, _ in self._problems]
        root = self.params.images.path
        _tell(
            [f"{root}/{name}: {why}" for name, (_, why) in zip(names, self._problems, strict=True)],
            self.params.images,
        )
        for number, split in enumerate(SPLITS):
            if (self.parts == number).any() and not (self.parts[self._used] == number).any():
                raise UserError(f"{root}: none of the images of the {split} split can be used; replace them")
        lost = np.setdiff1d(self.labels, self.labels[self._used & (self.parts == 0)]).tolist()
        if lost:
            names = [repr(self.folder.classes[label]) for label in lost]
            raise UserError(
                f"{root}: no image of the class(es) {', '.join(names)} can be used for training; "
                "replace the images or remove the folder(s)"
            )

    def schema(self, inputs: Statistics | None) -> Schema:
        """Return the schema of the rows of the last reading."""
        images, classes = self.params.images, self.folder.classes
        channels = 1 if images.mode == "grayscale" else 3
        pixels = channels * images.pixels * images.pixels
        flat = self.params.flatten
        parts, labels = self.parts[self._used], self.labels[self._used]
        counts = {
            split: np.bincount(
                labels[parts == (0 if self.test_is_train and split == "test" else number)],
                minlength=len(classes),
            ).tolist()
            for number, split in enumerate(SPLITS)
        }
        return Schema(
            dataset="images",
            layout="table" if flat else "images",
            task="classification",
            shape=(pixels,) if flat else (channels, images.pixels, images.pixels),
            columns=tuple(f"pixel_{number}" for number in range(pixels)) if flat else (),
            target="class",
            classes=classes,
            counts={split: sum(of_class) for split, of_class in counts.items()},
            class_counts={
                split: dict(zip(classes, of_class, strict=True)) for split, of_class in counts.items()
            },
            inputs=inputs,
            target_scale=None,
            test_is_train=self.test_is_train,
            source="a folder of images with one folder per class",
            licence="unknown (your own data)",
            # One hash over all files: thousands of names would travel in every model file.
            raw={f"{len(labels)} images in sorted order": self._digest.hexdigest()},
        )


def _paths(folder: ImageFolder, rows: Arrays) -> Names:
    return Names(text=PackedTexts.of([folder.files[row].name for row in rows.ids.tolist()]))


def _summed(x: NDArray[np.uint8], params: Prepare) -> NDArray[np.uint8]:
    """Return rows in the shape (rows, features, …) whose statistics are wanted."""
    return x.reshape(-1, 1) if params.normalise == "global" else x


def _statistics(sums: normalise.WholeNumberSums, params: Prepare) -> Statistics | None:
    return None if params.normalise == "none" else sums.statistics()


def _tell(lines: list[str], images: Images) -> None:
    """Refuse, or print what is skipped."""
    if images.corrupt == "refuse":
        advice = f"{images.path}: remove or replace what is named above, or set prepare.images.corrupt: skip"
        raise UserError(*shortened(lines, images.path), advice)
    for line in shortened(lines, images.path):
        print(f"skipped: {line}", file=sys.stderr)
