"""A test set to browse: its pictures as a network takes them, and the original file of each."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from model.common.cache import Cache
from model.common.files import is_folder
from model.common.text import shorten_list
from model.datasets.cifar10 import CIFAR10_CLASSES, cifar10_folder, read_batch
from model.datasets.class_matching import match_classes
from model.datasets.image_folder import check_memory, class_folders, find_test_folder, read_class_folders, split_folders
from model.datasets.resized import own_images
from model.datasets.splits import DataError, Split, split_fingerprint, utf8_name
from model.i18n.translations import gettext as _
from model.images.image_files import walk_pictures
from model.images.thumbnails import encode_png
from model.signature.shapes import PictureSize, to_input_shape

_Listing = list[tuple[str, list[str]]]  # folders, each with the names of its files
_RESCAN_FACTOR = 20  # a scan that took t seconds is reused for 20 t, because the page asks at every click
# Data folder -> when its scan expires, the files found, and their digest.
_scans: Cache[tuple[float, _Listing, tuple[int, ...]]] = Cache(2**27)


@dataclass(frozen=True)
class PictureSet:
    """The test pictures of a data folder at a network's input size.

    Attributes:
        classes: The names that the labels are indices into.
        paths: The file of each picture; empty if the pictures do not come from files of their own.
        key: A hash of all pixels and labels.
    """

    name: str
    classes: tuple[str, ...]
    split: Split
    paths: tuple[Path, ...]
    key: str

    def __len__(self) -> int:
        return len(self.split)

    def truth(self, index: int) -> str:
        """Return the true class of a picture."""
        return self.classes[int(self.split.labels[index])]

    def file(self, index: int) -> tuple[str, bytes]:
        """Return a picture's file name and bytes: the original file, or a PNG of its pixels.

        Raises:
            DataError: The file cannot be read.
        """
        if not self.paths:
            return f"{self.name}-{index}.png", encode_png(own_images(self.split.images)[index])
        try:
            return utf8_name(self.paths[index].name), self.paths[index].read_bytes()
        except OSError as error:
            raise DataError(
                _("{path} cannot be read: {reason}").format(path=self.paths[index], reason=error.strerror)
            ) from error


def read_test_set(name: str, source: Path, size: PictureSize) -> PictureSet:
    """Read the test pictures of a data folder, without reading any training picture.

    They are CIFAR-10's test batch, or the pictures in test/, else val/, else all pictures of the folder.

    Args:
        name: The name to list the test set under.
        source: The data folder.
        size: The input size of the network.

    Raises:
        DataError: The data is missing or cannot be used.
    """
    if not is_folder(source):
        raise DataError(_("the data folder {folder} is not there (any more)").format(folder=source))
    classes: tuple[str, ...]
    try:
        if folder := cifar10_folder(source):
            classes, split = CIFAR10_CLASSES, _read_cifar10_test(folder, size)
        else:
            folder, classes = find_test_folder(source)
            check_memory(folder, classes, size)
            split = read_class_folders(folder, classes, size)
    except OSError as error:
        raise DataError(_("{path} cannot be read: {reason}").format(path=source, reason=error.strerror)) from error
    if not len(split):
        raise DataError(_("{folder} holds no test picture").format(folder=source))
    return PictureSet(name, classes, split, split.paths, split_fingerprint(split))


def has_separate_test_set(source: Path) -> bool:
    """Return whether a data folder's test pictures are kept apart from its training pictures."""
    return cifar10_folder(source) is not None or not {"test", "validation"}.isdisjoint(split_folders(source))


def tests_on_validation(source: Path) -> bool:
    """Return whether a data folder's test pictures are those of val/, because it has no test/."""
    found = split_folders(source)
    return cifar10_folder(source) is None and "validation" in found and "test" not in found


def flattery_note(network: str, source: Path) -> str:
    """Say why the figures of a network on its own data set are too good; empty if they are not."""
    if not has_separate_test_set(source):
        return _("{network} was trained on most of these pictures, so the figures flatter it.").format(network=network)
    if tests_on_validation(source):
        return _(
            "These are the validation pictures of {network}: its best epoch and its calibration were chosen by them, "
            "so the figures flatter it. A folder test/ in the data avoids that."
        ).format(network=network)
    return ""


def _read_cifar10_test(folder: Path, size: PictureSize) -> Split:
    shape = to_input_shape(size)
    if min(shape[:2]) < 32:
        raise DataError(
            _("CIFAR-10's pictures are 32 x 32, and this network takes {height} x {width}").format(
                height=shape.height, width=shape.width
            )
        )
    return read_batch(folder / "test_batch").with_channels(shape.channels).at_size(shape)


def folder_fingerprint(source: Path) -> tuple[int, ...]:
    """Return a value that changes when a picture is added, removed, renamed or rewritten.

    In large folders, where looking at every file takes long, a rewritten file is noticed with a delay.
    """
    try:
        if folder := cifar10_folder(source):
            return (_size_and_mtime(folder / "test_batch")[1],)
        if not is_folder(source):
            return ()
        walk = list(list_files(source))
    except OSError:
        return ()
    start = time.monotonic()
    until, known, found = _scans.peek(source) or (start, [], ())
    if known != walk or start >= until:
        found = tuple(listing_digest(walk))
        end = time.monotonic()
        _scans.put(source, (end + _RESCAN_FACTOR * (end - start), walk, found))
    return found


def list_files(source: Path) -> Iterator[tuple[str, list[str]]]:
    """Yield each sub-folder of a data folder that may hold pictures, with the names of its files; raise OSError."""
    if folder := cifar10_folder(source):
        yield str(folder), sorted(path.name for path in folder.iterdir())
        return
    for split in list(split_folders(source).values()) or [source]:
        for top in class_folders(split):  # a class folder may be a link, which a walk from above would not follow
            for folder, files in walk_pictures(top):
                yield str(folder), files


def listing_digest(walk: _Listing) -> bytes:
    """Hash the names, sizes and modification times of all files."""
    digest = hashlib.sha256()
    for folder, files in walk:
        digest.update(os.fsencode(f"{folder}\n"))
        for name in files:
            size, date = _size_and_mtime(Path(folder, name))
            digest.update(os.fsencode(f"{name} {size} {date}\n"))
    return digest.digest()


def _size_and_mtime(path: Path) -> tuple[int, int]:
    """Return a file's size and modification time (ns), following links; zeros if it is gone."""
    try:
        about = path.stat()
    except OSError:
        return 0, 0
    return about.st_size, about.st_mtime_ns


def match_labels(labels: np.ndarray, classes: tuple[str, ...], known: tuple[str, ...]) -> np.ndarray:
    """Convert labels that are indices into `classes` into indices into a network's classes, by name.

    Args:
        labels: int (n,).
        classes: The classes of the data set.
        known: The classes of the network.

    Raises:
        DataError: The network does not have one of the classes.
    """
    indices = match_classes(classes, known)
    if -1 in indices:
        raise DataError(
            _("the network has no class {label}; its classes: {classes}").format(
                label=repr(classes[indices.index(-1)][:60]), classes=shorten_list(known)
            )
        )
    matched: np.ndarray = np.array(indices, np.int64)[labels]
    return matched
