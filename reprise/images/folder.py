"""Which images a folder holds, of which class and, where the folder says so, of which split."""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

from reprise.foundation.errors import UserError
from reprise.images.decode import SIGNATURE_BYTES, kind_of
from reprise.prepared.schema import SPLITS, SplitName

# Endings of images; those of kinds that are not read are named as such, not passed over in silence.
ENDINGS = frozenset(
    (
        "jpg", "jpeg", "jpe", "jfif", "png", "apng", "gif", "webp", "bmp", "dib",
        "tif", "tiff", "heic", "heif", "avif", "jp2", "jxl", "svg", "psd", "ico", "pgm", "ppm",
    )
)  # fmt: skip
NOT_DATA = frozenset(("thumbs.db", "desktop.ini", "__macosx"))
SPLIT_NAMES: dict[str, SplitName] = {
    "train": "train", "val": "val", "valid": "val", "validation": "val", "test": "test",
}  # fmt: skip
SHOWN = 20  # names in a message


class ImageFile(NamedTuple):
    """An image to be read."""

    path: str
    name: str  # below the folder, as messages show it
    label: int
    split: SplitName | None  # None: the folder doesn't say


class _Found(NamedTuple):
    split: SplitName | None
    label: str
    parts: tuple[str, ...]  # its name below the class's folder, composed
    path: str


@dataclass(frozen=True)
class ImageFolder:
    """The images of a folder, sorted by split, class and name; a row's id is its place here."""

    files: tuple[ImageFile, ...]
    classes: tuple[str, ...]
    empty: tuple[str, ...]  # class folders without an image
    stray: tuple[str, ...] = ()  # files beside the class folders, none of them an image

    @property
    def splits(self) -> set[SplitName]:
        """The splits that the folder itself makes."""
        return {file.split for file in self.files if file.split is not None}


def read_folder(root: Path) -> ImageFolder:
    """List the images below `root`.

    ``root/class/…/image`` or ``root/train/class/…/image`` and likewise val and test; folders inside a
    class belong to it. A file is an image by its ending or its content. Hidden files, what systems leave
    behind and other files in a class's folder are passed over. Links are followed, but not round in circles.
    Names are compared in composed Unicode form (NFC) and sorted by code point, so that the order does not
    depend on the disk or the language.

    Raises
    ------
    UserError
        If there is no such folder, an image lies outside the class folders, or there are not two classes.
    """
    if not root.is_dir():
        what = "is a file" if root.exists() else "no such folder"
        raise UserError(f"prepare.images.path: {root}: {what}; give a folder with one folder per class")
    splits = _split_folders(root)
    found: list[_Found] = []
    empty: set[str] = set()
    for split, top in splits:
        for entry in _folders(top):
            name = _class_name(entry, root)
            inside = [
                _Found(split, name, parts, path)
                for path, parts in _images(Path(entry.path), (_identity(root), _identity(top)))
            ]
            found += inside
            empty |= set() if inside else {_below(root, entry.path)}
    stray = _stray(root, {root, *(top for _, top in splits)})
    return replace(_sorted(root, found, tuple(sorted(empty))), stray=stray)


def _split_folders(root: Path) -> list[tuple[SplitName | None, Path]]:
    """Return the folders that hold the class folders: root itself, or its train, val and test folders."""
    names = {entry.name: Path(entry.path) for entry in _folders(root)}
    known = {SPLIT_NAMES[name.lower()]: path for name, path in names.items() if name.lower() in SPLIT_NAMES}
    if "train" not in known or len(known) < 2:
        return [(None, root)]
    others = sorted(shown(name) for name in names if name.lower() not in SPLIT_NAMES)
    if others or len(known) < len(names):
        extra = others[0] if others else "two folders of one split"
        raise UserError(
            f"{root}: has train and test or val folders and also {extra}; move it away, so that it is clear "
            "whether these are splits or classes"
        )
    return [(split, known[split]) for split in SPLITS if split in known]


def _sorted(root: Path, found: list[_Found], empty: tuple[str, ...]) -> ImageFolder:
    classes = tuple(sorted({file.label for file in found}))
    if len(classes) < 2:
        here = f"only {classes[0]!r}" if classes else "none"
        raise UserError(
            f"{root}: needs images in the folders of at least two classes; found {here} "
            "(root/class/image, or root/train/class/image)"
        )
    # Equal names in composed form (one may be decomposed) are told apart by their bytes.
    found.sort(key=lambda f: (SPLITS.index(f.split or "train"), f.label, f.parts, os.fsencode(f.path)))
    number = {name: label for label, name in enumerate(classes)}
    files = tuple(ImageFile(f.path, _below(root, f.path), number[f.label], f.split) for f in found)
    return ImageFolder(files, classes, empty)


def _stray(root: Path, folders: set[Path]) -> tuple[str, ...]:
    """Return the files beside the class folders, by name; images among them are refused."""
    files = [e for folder in folders for e in _entries(folder) if not _is(e.is_dir)]
    images = sorted(_below(root, entry.path) for entry in files if _is_image(entry))
    if images:
        lines = [f"{root}/{name}: is in no class's folder; move it into one or remove it" for name in images]
        raise UserError(*shortened(lines, str(root)))
    return tuple(sorted(_below(root, entry.path) for entry in files))


def _images(folder: Path, above: tuple[tuple[int, int], ...]) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Yield the images in a folder and those inside it, with the parts of their names below the folder."""
    here = _identity(folder)
    if here in above:
        return  # a link back to where we come from
    for entry in _entries(folder):
        name = unicodedata.normalize("NFC", entry.name)
        if _is(entry.is_dir):
            for path, parts in _images(Path(entry.path), (*above, here)):
                yield path, (name, *parts)
        elif _is_image(entry):
            yield entry.path, (name,)


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    """Return what a folder shows, without hidden files and what systems leave behind."""
    try:
        with os.scandir(folder) as entries:
            return [e for e in entries if not e.name.startswith(".") and e.name.lower() not in NOT_DATA]
    except OSError as error:
        raise UserError(f"{folder}: {(error.strerror or str(error)).lower()}") from None


def _folders(folder: Path) -> list[os.DirEntry[str]]:
    return [entry for entry in _entries(folder) if _is(entry.is_dir)]


def _is(question: Callable[[], bool]) -> bool:
    """Ask an entry for its kind; a link to itself is of none."""
    try:
        return question()
    except OSError:
        return False


def _is_image(entry: os.DirEntry[str]) -> bool:
    """Tell whether a file counts as an image; one that says so and isn't will be named as unreadable."""
    if entry.name.rpartition(".")[2].lower() in ENDINGS:
        return _is(entry.is_file) or (entry.is_symlink() and not _is(entry.is_dir))  # also a link to nothing
    if not _is(entry.is_file):
        return False
    try:
        with open(entry.path, "rb") as stream:  # noqa: PTH123  (as in decode.read)
            return kind_of(stream.read(SIGNATURE_BYTES)) is not None
    except OSError:
        return False


def _identity(folder: Path) -> tuple[int, int]:
    status = folder.stat()
    return status.st_dev, status.st_ino


def _class_name(entry: os.DirEntry[str], root: Path) -> str:
    try:
        entry.name.encode("utf-8")
    except UnicodeEncodeError:
        raise UserError(
            f"{root}: the folder {shown(entry.name)} has a name that is not UTF-8; rename it"
        ) from None
    return unicodedata.normalize("NFC", entry.name)


def shown(name: str) -> str:
    """Return a name that can be printed and stored, also when it is not valid Unicode; composed (NFC)."""
    if name.isascii():
        return name
    return unicodedata.normalize("NFC", os.fsencode(name).decode("utf-8", "backslashreplace"))


def _below(root: Path, path: str) -> str:
    return shown(path[len(str(root)) + 1 :])


def shortened(lines: Sequence[str], where: str) -> list[str]:
    """Return the first lines, and one that counts those that are too many to show."""
    return [*lines[:SHOWN], *[f"{where}: … and {len(lines) - SHOWN} more"] * (len(lines) > SHOWN)]


def stray_notes(root: Path, names: Sequence[str]) -> list[str]:
    """Return one line for each file beside the class folders that is no image."""
    why = "is no image and in no class's folder; it is passed over: move it into one or remove it"
    return shortened([f"note: {root}/{name}: {why}" for name in names], f"note: {root}")
