"""A test set to look through: its pictures as a network takes them, and each one as the file that it is."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from model.cifar10 import CIFAR10_CLASSES, cifar10_folder, read_batch
from model.classfolders import check_memory, image_folders, picture_paths, read_class_folders, subfolders, test_folder
from model.folders import is_folder
from model.language import gettext as _
from model.spelling import places_of
from model.splits import DataError, Split, readable
from model.survey import data_key
from model.thumbnail import png


@dataclass(frozen=True)
class PictureSet:
    """The test pictures of a data folder at a network's size, uint8 (n, size, size, 3), labels by place in `classes`.

    paths: the pictures' files in the set's order, none where they are not files of their own; key: changes with any
    pixel or label; held_out: whether the folder keeps them apart from its training pictures.
    """

    name: str
    classes: tuple[str, ...]
    split: Split
    paths: tuple[Path, ...]
    key: str
    held_out: bool = True

    def __len__(self) -> int:
        return len(self.split)

    def truth(self, place: int) -> str:
        """The true class of a picture."""
        return self.classes[int(self.split.labels[place])]

    def file(self, place: int) -> tuple[str, bytes]:
        """A picture's file name and bytes: its own file, else a PNG of its pixels. Raises DataError."""
        if not self.paths:
            return f"{self.name}-{place}.png", png(self.split.images[place])
        try:
            return readable(self.paths[place].name), self.paths[place].read_bytes()
        except OSError as error:
            raise DataError(
                _("{path} cannot be read: {reason}").format(path=self.paths[place], reason=error.strerror)
            ) from error


def read_testset(name: str, source: Path, size: int) -> PictureSet:
    """The test pictures of a data folder under a name of one's own; no training picture is read on the way.

    They are CIFAR-10's test batch, or the pictures in test/, else in val/, else all that there are in a folder with one
    sub-folder a class. Raises DataError.
    """
    if not is_folder(source):
        raise DataError(_("the data folder {folder} is not there (any more)").format(folder=source))
    paths: tuple[Path, ...] = ()
    held_out = True
    classes: tuple[str, ...]
    try:
        if folder := cifar10_folder(source):
            classes, split = CIFAR10_CLASSES, read_cifar10_test(folder, size)
        else:
            folder, classes = test_folder(source)
            held_out = keeps_test_apart(source)
            check_memory(folder, classes, size)
            paths = tuple(path for label in classes for path in picture_paths(folder / label))
            split = read_class_folders(folder, classes, size)
    except OSError as error:
        raise DataError(_("{path} cannot be read: {reason}").format(path=source, reason=error.strerror)) from error
    if not len(split):
        raise DataError(_("{folder} holds no test picture").format(folder=source))
    if len(paths) != len(split):  # files came or went while they were read
        paths = ()
    return PictureSet(name, classes, split, paths, data_key(split), held_out)


def keeps_test_apart(source: Path) -> bool:
    """Whether a data folder's test pictures are others than those that a network is trained on."""
    return cifar10_folder(source) is not None or not {"test", "validation"}.isdisjoint(image_folders(source))


def read_cifar10_test(folder: Path, size: int) -> Split:
    if size != 32:
        raise DataError(_("CIFAR-10's pictures are 32 x 32, and this network takes {size} x {size}").format(size=size))
    return read_batch(folder / "test_batch")


def stamp(source: Path) -> tuple[int, ...]:
    """Changes when a picture comes, goes or is renamed: when each folder that may hold one last changed."""
    try:
        if folder := cifar10_folder(source):
            return (changed(folder / "test_batch"),)
        if not is_folder(source):
            return ()
        tops = list(image_folders(source).values()) or [source]
        # Class by class, for a class may be a link, which a walk from further up does not follow.
        walks = [folder for top in tops for label in subfolders(top) for folder, _folders, _files in os.walk(label)]
        return tuple(changed(path) for path in (source, *tops, *map(Path, sorted(walks))))
    except OSError:
        return ()


def changed(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0


def match_labels(labels: np.ndarray, classes: tuple[str, ...], known: tuple[str, ...]) -> np.ndarray:
    """Labels, int (n,), that count in `classes` as labels that count in `known`, a network's classes, by their names.

    Raises DataError naming a class that the network does not know.
    """
    places = places_of(classes, known)
    if -1 in places:
        raise DataError(
            _("the network has no class {label}; its classes: {classes}").format(
                label=repr(classes[places.index(-1)][:60]), classes=shortened(known)
            )
        )
    matched: np.ndarray = np.array(places, np.int64)[labels]
    return matched


def shortened(names: tuple[str, ...], most: int = 12) -> str:
    return ", ".join(name[:40] for name in names[:most]) + (", …" if len(names) > most else "")
