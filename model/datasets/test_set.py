"""A test set to look through: its pictures as a network takes them, and each one as the file that it is."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from model.common.cache import Cache
from model.datasets.cifar10 import CIFAR10_CLASSES, cifar10_folder, read_batch
from model.datasets.class_matching import places_of
from model.datasets.image_folder import check_memory, image_folders, read_class_folders, subfolders, test_folder
from model.datasets.known_folders import is_folder
from model.datasets.splits import DataError, Split, data_key, readable, shortened
from model.i18n.translations import gettext as _
from model.images.image_files import walk_pictures
from model.images.thumbnails import encode_png
from model.signature.shapes import PictureSize, shape_of

Walk = list[tuple[str, list[str]]]  # folders, each with the names of its files
REST = 20  # no more than a part in so many of the time goes into looking at files: a page asks at every click
# By data folder: until when what was seen there holds.
SEEN: Cache[tuple[float, Walk, tuple[int, ...]]] = Cache(2**27)


@dataclass(frozen=True)
class PictureSet:
    """The test pictures of a data folder at a network's size, uint8 (n, height, width, channels), labels by place.

    classes: what the labels count; paths: the pictures' files in the set's order, none where they are not files of
    their own; key: changes with any pixel or label; held_out: whether the folder keeps them apart from its training
    pictures.
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
            return f"{self.name}-{place}.png", encode_png(self.split.images[place])
        try:
            return readable(self.paths[place].name), self.paths[place].read_bytes()
        except OSError as error:
            raise DataError(
                _("{path} cannot be read: {reason}").format(path=self.paths[place], reason=error.strerror)
            ) from error


def read_testset(name: str, source: Path, size: PictureSize) -> PictureSet:
    """The test pictures of a data folder under a name of one's own; no training picture is read on the way.

    They are CIFAR-10's test batch, or the pictures in test/, else in val/, else all that there are in a folder with one
    sub-folder a class. Raises DataError.
    """
    if not is_folder(source):
        raise DataError(_("the data folder {folder} is not there (any more)").format(folder=source))
    held_out = True
    classes: tuple[str, ...]
    try:
        if folder := cifar10_folder(source):
            classes, split = CIFAR10_CLASSES, read_cifar10_test(folder, size)
        else:
            folder, classes = test_folder(source)
            held_out = keeps_test_apart(source)
            check_memory(folder, classes, size)
            split = read_class_folders(folder, classes, size)
    except OSError as error:
        raise DataError(_("{path} cannot be read: {reason}").format(path=source, reason=error.strerror)) from error
    if not len(split):
        raise DataError(_("{folder} holds no test picture").format(folder=source))
    return PictureSet(name, classes, split, split.paths, data_key(split), held_out)


def keeps_test_apart(source: Path) -> bool:
    """Whether a data folder's test pictures are others than those that a network is trained on."""
    return cifar10_folder(source) is not None or not {"test", "validation"}.isdisjoint(image_folders(source))


def read_cifar10_test(folder: Path, size: PictureSize) -> Split:
    shape = shape_of(size)
    if shape[:2] != (32, 32):
        raise DataError(
            _("CIFAR-10's pictures are 32 x 32, and this network takes {height} x {width}").format(
                height=shape.height, width=shape.width
            )
        )
    return read_batch(folder / "test_batch").with_channels(shape.channels)


def stamp(source: Path) -> tuple[int, ...]:
    """Changes when a picture comes, goes or is renamed, and when one is written anew.

    The last is seen a little later where there are so many files that to look at each takes long.
    """
    try:
        if folder := cifar10_folder(source):
            return (state_of(folder / "test_batch")[1],)
        if not is_folder(source):
            return ()
        walk = list(walked(source))
    except OSError:
        return ()
    start = time.monotonic()
    until, known, found = SEEN.peek(source) or (start, [], ())
    if known != walk or start >= until:
        found = tuple(digest_of(walk))
        end = time.monotonic()
        SEEN.put(source, (end + REST * (end - start), walk, found))
    return found


def walked(source: Path) -> Iterator[tuple[str, list[str]]]:
    """Each folder of a data folder that may hold pictures, with the names of its files. Raises OSError."""
    if folder := cifar10_folder(source):
        yield str(folder), sorted(path.name for path in folder.iterdir())
        return
    for split in list(image_folders(source).values()) or [source]:
        for top in subfolders(split):  # a class may be a link, which a walk from further up does not follow
            for place, files in walk_pictures(top):
                yield str(place), files


def digest_of(walk: Walk) -> bytes:
    """Changes with the name, size or date of any file, and with the folders' names."""
    digest = hashlib.sha256()
    for place, files in walk:
        digest.update(os.fsencode(f"{place}\n"))
        for name in files:
            size, date = state_of(Path(place, name))
            digest.update(os.fsencode(f"{name} {size} {date}\n"))
    return digest.digest()


def state_of(path: Path) -> tuple[int, int]:
    """A file's size and when it last changed, or those of what it links to; zeros where there is nothing."""
    try:
        about = path.stat()
    except OSError:
        return 0, 0
    return about.st_size, about.st_mtime_ns


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
