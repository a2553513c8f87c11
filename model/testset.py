"""A test set to look through: its pictures as a network takes them, and each one as the file that it is."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from model.data import (
    CIFAR10_CLASSES,
    DataError,
    Split,
    cifar10_folder,
    class_names,
    image_folders,
    picture_paths,
    read_batch,
    read_class_folders,
)
from model.folders import is_folder
from model.language import gettext as _
from model.spelling import places_of
from model.survey import data_key

MAX_BYTES = 2**31  # of all pictures in memory


@dataclass(frozen=True)
class PictureSet:
    """The test pictures of a data folder at a network's size, uint8 (n, size, size, 3), labels by place in `classes`.

    paths: the pictures' files in the set's order, none where they are not files of their own; key: changes with any
    pixel or label.
    """

    name: str
    classes: tuple[str, ...]
    split: Split
    paths: tuple[Path, ...]
    key: str

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
            return self.paths[place].name, self.paths[place].read_bytes()
        except OSError as error:
            raise DataError(
                _("{path} cannot be read: {reason}").format(path=self.paths[place], reason=error.strerror)
            ) from error


def png(image: np.ndarray) -> bytes:
    """A picture, uint8 (height, width, 3), as a PNG file."""
    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "PNG", compress_level=1)
    return buffer.getvalue()


def read_testset(name: str, source: Path, size: int) -> PictureSet:
    """The test pictures of a data folder under a name of one's own; no training picture is read on the way.

    They are CIFAR-10's test batch, or the pictures in test/, else in val/, else all that there are in a folder with one
    sub-folder a class. Raises DataError.
    """
    if not is_folder(source):
        raise DataError(_("the data folder {folder} is not there (any more)").format(folder=source))
    paths: tuple[Path, ...] = ()
    classes: tuple[str, ...]
    try:
        if folder := cifar10_folder(source):
            classes, split = CIFAR10_CLASSES, read_cifar10_test(folder, size)
        else:
            folder, classes = test_folder(source)
            paths = tuple(path for label in classes for path in picture_paths(folder / label))
            check_memory(source, len(paths), size)
            split = read_class_folders(folder, classes, size)
    except OSError as error:
        raise DataError(_("{path} cannot be read: {reason}").format(path=source, reason=error.strerror)) from error
    if len(paths) != len(split):  # files came or went while they were read
        paths = ()
    return PictureSet(name, classes, split, paths, data_key(split))


def read_cifar10_test(folder: Path, size: int) -> Split:
    if size != 32:
        raise DataError(_("CIFAR-10's pictures are 32 x 32, and this network takes {size} x {size}").format(size=size))
    return read_batch(folder / "test_batch")


def test_folder(source: Path) -> tuple[Path, tuple[str, ...]]:
    """The folder whose sub-folders hold the test pictures, and the classes in the order of their numbers."""
    splits = image_folders(source)
    folder = splits.get("test") or splits.get("validation") or splits.get("train") or source
    return folder, class_names(splits.get("train") or folder)


def stamp(source: Path) -> tuple[int, ...]:
    """Changes when a test picture comes, goes or is renamed: when the folders that may hold them last changed."""
    try:
        if folder := cifar10_folder(source):
            return (changed(folder / "test_batch"),)
        folders = [source, *image_folders(source).values()]
        return tuple(changed(path) for top in folders for path in (top, *sorted(filter(Path.is_dir, top.iterdir()))))
    except OSError:
        return ()


def changed(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0


def check_memory(source: Path, count: int, size: int) -> None:
    if count * size * size * 3 > MAX_BYTES:
        most = MAX_BYTES // (size * size * 3)
        raise DataError(
            _(
                "{folder} holds {count} test pictures; at {size} x {size} pixels, {most} fit into memory: "
                "give a folder with fewer"
            ).format(folder=source, count=count, size=size, most=most)
        )


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
