"""Read folders of pictures with one sub-folder per class, directly or inside a folder per split."""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from model.datasets.class_matching import match_classes, normalize_name
from model.datasets.splits import (
    BrokenPicture,
    DataError,
    Dataset,
    Split,
    UnsuitableSize,
    empty_split,
    unreadable_note,
    utf8_name,
)
from model.i18n.translations import gettext as _
from model.images.image_files import SUFFIXES, is_hidden, picture_paths
from model.signature.shapes import InputShape, PictureSize, to_input_shape

_SPLITS = {"train": ("train", "training"), "validation": ("val", "validation", "valid"), "test": ("test", "testing")}
MAX_BYTES = 2**31  # of pixels held in memory


def read_image_folder(root: Path, size: PictureSize) -> Dataset:
    """Read pictures from one sub-folder per class, directly in `root` or inside its train/, val/ and test/.

    Every class needs training pictures; val/ and test/ may lack classes.

    Raises:
        DataError: The folder has no such structure, or no readable pictures.
    """
    train = find_train_folder(root)
    classes = class_names(train)
    splits = {name: empty_split(size) for name in _SPLITS}
    for name, folder in ({"train": train} | split_folders(root)).items():
        _check_classes(folder, classes, train)
        splits[name] = read_class_folders(folder, classes, size, require_all=name == "train")
    return Dataset(folder_name(root), classes, splits["train"], splits["validation"], splits["test"])


def folder_name(folder: Path) -> str:
    """Return a name for a data folder, also if it is given as `.` or `..`."""
    path = folder.resolve()
    return utf8_name(path.name or str(path))


def split_folders(root: Path) -> dict[str, Path]:
    """Return the folders of the splits by name; empty if the class folders are directly in `root`.

    Their names may be in capitals. A split has sub-folders: a folder `test` without any is a class of that name.
    """
    there = {path.name.casefold(): path for path in class_folders(root)}  # of Test and test it is the latter
    candidates = {name: [there[folder] for folder in folders if folder in there] for name, folders in _SPLITS.items()}
    return {name: path for name, paths in candidates.items() if (path := next(filter(class_folders, paths), None))}


def class_folders(folder: Path) -> list[Path]:
    """List the sub-folders that may be classes, sorted by normalized name."""
    if not folder.is_dir():
        return []
    found = (path for path in folder.iterdir() if path.is_dir() and not is_hidden(path.name))
    return sorted(found, key=lambda path: (Path(normalize_name(path.name)), path))


def find_train_folder(root: Path) -> Path:
    """Return the folder whose sub-folders hold the training pictures.

    Raises:
        DataError: There are only other splits.
    """
    found = split_folders(root)
    if found and "train" not in found:
        raise DataError(
            _("{folder} has {names} but no train/; pictures to learn from lie there, one sub-folder a class").format(
                folder=root, names=", ".join(f"{path.name}/" for path in found.values())
            )
        )
    return found.get("train", root)


def find_test_folder(root: Path) -> tuple[Path, tuple[str, ...]]:
    """Return the folder whose sub-folders hold the test pictures, and the classes in order.

    It is test/, else val/, else train/, else `root` itself.

    Raises:
        DataError: There are fewer than two classes, or unknown ones.
    """
    found = split_folders(root)
    folder = found.get("test") or found.get("validation") or found.get("train") or root
    train = found.get("train", folder)
    classes = class_names(train)
    _check_classes(folder, classes, train)
    return folder, classes


def _check_classes(folder: Path, classes: tuple[str, ...], train: Path) -> None:
    """Raise DataError if a folder has a class that the training pictures lack."""
    found = class_folders(folder)
    indices = match_classes([path.name for path in found], classes)
    if unknown := [path for path, index in zip(found, indices, strict=True) if index < 0]:
        raise DataError(
            _("{path} is a class that {found} does not have; its classes: {names}").format(
                path=unknown[0], found=train, names=", ".join(classes)
            )
        )


def class_names(folder: Path) -> tuple[str, ...]:
    """Return the names of the sub-folders, sorted and in NFC: the classes in the order of their indices.

    Raises:
        DataError: There are fewer than two, or one has a name that is not UTF-8.
    """
    names = tuple(dict.fromkeys(normalize_name(path.name) for path in class_folders(folder)))
    if len(names) < 2:
        raise DataError(
            _("{folder} has {count} sub-folders; it needs one a class, at least two").format(
                folder=folder, count=len(names)
            )
        )
    if strange := [name for name in names if name != utf8_name(name)]:
        raise DataError(
            _("{path} is not named in UTF-8, so it cannot be a class; give it another name").format(
                path=folder / strange[0]
            )
        )
    return names


def check_memory(folder: Path, classes: tuple[str, ...], size: PictureSize) -> None:
    """Raise UnsuitableSize if the pictures would take more than MAX_BYTES, before any is read."""
    shape = to_input_shape(size)
    count, most = sum(map(len, _pictures_by_class(folder, classes))), MAX_BYTES // math.prod(shape)
    if count > most:
        raise UnsuitableSize(
            _(
                "{folder} holds {count} pictures; at {height} x {width} pixels, {most} fit into memory: "
                "give a folder with fewer"
            ).format(folder=folder, count=count, height=shape.height, width=shape.width, most=most)
        )


def _pictures_by_class(folder: Path, classes: tuple[str, ...]) -> list[list[Path]]:
    """List the picture files of each class below `folder`, whatever the case of its name; empty for absent classes."""
    members: list[list[Path]] = [[] for _name in classes]
    found = class_folders(folder)
    for path, index in zip(found, match_classes([path.name for path in found], classes), strict=True):
        if index >= 0:
            members[index] += picture_paths(path)
    return members


def read_class_folders(folder: Path, classes: tuple[str, ...], size: PictureSize, require_all: bool = False) -> Split:
    """Read all pictures below folder/CLASS, cropped and resized; those that cannot be read are listed in `broken`.

    Args:
        folder: The folder with the class folders.
        classes: The names of the classes.
        size: The input size of the network.
        require_all: Every class needs at least one picture.

    Raises:
        DataError: There is no picture, or with `require_all` none of a class; or they do not fit into memory.
    """
    members = _pictures_by_class(folder, classes)
    _check_counts(folder, classes, [len(paths) for paths in members], require_all)
    paths = [path for found in members for path in found]
    labels = np.repeat(np.arange(len(classes)), [len(found) for found in members])
    images = _reserve(folder, len(paths), to_input_shape(size))

    def read(index: int) -> BrokenPicture | None:
        try:
            images[index] = read_picture(paths[index], size)
        except (OSError, ValueError) as error:
            return BrokenPicture(paths[index], _error_reason(error))
        return None

    with ThreadPoolExecutor() as pool:  # decoding releases the GIL
        outcomes = list(pool.map(read, range(len(paths))))
    broken = tuple(outcome for outcome in outcomes if outcome)
    kept = [index for index, outcome in enumerate(outcomes) if outcome is None]
    if broken:
        labels = labels[kept]
        counts = np.bincount(labels, minlength=len(classes)).tolist()
        _check_counts(folder, classes, counts, require_all, unreadable_note(broken, len(paths)))
        for index, old in enumerate(kept):  # in-index: the pictures may take half of the memory
            images[index] = images[old]
    return Split(images[: len(kept)], labels, paths=tuple(paths[index] for index in kept), broken=broken)


def _reserve(folder: Path, count: int, shape: InputShape) -> np.ndarray:
    """Return memory for pictures, uint8 (count, height, width, channels). Raises UnsuitableSize if there is none."""
    try:
        return np.empty((count, *shape), np.uint8)
    except MemoryError as error:
        raise UnsuitableSize(
            _(
                "{folder} holds {count} pictures; at {height} x {width} pixels they take {gigabytes} GB, more than "
                "there is of memory: give a folder with fewer, or take a smaller input size"
            ).format(
                folder=folder,
                count=count,
                height=shape.height,
                width=shape.width,
                gigabytes=f"{count * math.prod(shape) / 1e9:,.0f}",
            )
        ) from error


def _check_counts(
    folder: Path, classes: tuple[str, ...], counts: list[int], require_all: bool, reason: str = ""
) -> None:
    """Raise DataError if there is no picture, or with `require_all` none of a class; `reason`: why they are missing."""
    empty = [name for name, count in zip(classes, counts, strict=True) if not count]
    if len(empty) < len(classes) and not (require_all and empty):
        return
    if reason:
        raise DataError(
            _("{path} holds no picture that can be read ({why})").format(path=folder / empty[0], why=reason)
        )
    raise DataError(
        _("{path} holds no picture; a class folder needs at least one ({names})").format(
            path=folder / empty[0], names=", ".join(sorted(SUFFIXES))
        )
    )


def _error_reason(error: OSError | ValueError) -> str:
    """Return why a file could not be read, without the name of the file."""
    return getattr(error, "strerror", None) or str(error)


def read_error(path: Path) -> str:
    """Return why a picture file cannot be read, in the current language; empty if it can."""
    try:
        read_picture(path, 1)
    except (OSError, ValueError) as error:
        return _error_reason(error)
    return ""


def read_picture(path: Path, size: PictureSize) -> np.ndarray:
    """Read one picture file as uint8 (height, width, channels).

    Raises:
        OSError: The file cannot be read.
        InvalidImage: It is not a picture.
    """
    from model.images.decoder import read_image, to_array

    return to_array(read_image(path.read_bytes(), min_side=to_input_shape(size).longest), size)
