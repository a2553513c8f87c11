"""Folders of pictures with one sub-folder a class, directly or in a folder a split."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from model.language import gettext as _
from model.shapes import PictureSize, shape_of
from model.splits import DataError, Dataset, Split, empty_split, readable

SUFFIXES = {".png", ".jpg", ".jpeg", ".webp", ".avif", ".bmp", ".gif", ".tif", ".tiff"}
SPLITS = {"train": ("train", "training"), "validation": ("val", "validation", "valid"), "test": ("test",)}
MAX_BYTES = 2**31  # of pictures that are held in memory to be looked at


def read_image_folder(root: Path, size: PictureSize) -> Dataset:
    """Pictures in one sub-folder a class, directly in `root` or inside its train/, val/ and test/. Raises DataError."""
    train = train_folder(root)
    classes = class_names(train)
    splits = {name: empty_split(size) for name in SPLITS}
    for name, folder in ({"train": train} | image_folders(root)).items():
        check_classes(folder, classes, train)
        splits[name] = read_class_folders(folder, classes, size)
    return Dataset(folder_name(root), classes, splits["train"], splits["validation"], splits["test"])


def folder_name(folder: Path) -> str:
    """What a data folder is called, also where it is given as `.` or `..`; model.folders names the same ones so."""
    path = folder.resolve()
    return readable(path.name or str(path))


def image_folders(root: Path) -> dict[str, Path]:
    """The folders of the splits that a folder of pictures brings, by name; none where classes lie directly in it.

    A split has sub-folders: without any, a folder `test` is a class of that name.
    """
    places = {name: [root / folder for folder in folders] for name, folders in SPLITS.items()}
    return {name: path for name, paths in places.items() if (path := next(filter(subfolders, paths), None))}


def subfolders(folder: Path) -> list[Path]:
    """What may be classes, sorted by name."""
    if not folder.is_dir():
        return []
    return sorted(path for path in folder.iterdir() if path.is_dir() and not path.name.startswith("."))


def train_folder(root: Path) -> Path:
    """The folder whose sub-folders hold the training pictures. Raises DataError where there are other splits alone."""
    found = image_folders(root)
    if found and "train" not in found:
        raise DataError(
            _("{folder} has {names} but no train/; pictures to learn from lie there, one sub-folder a class").format(
                folder=root, names=", ".join(f"{path.name}/" for path in found.values())
            )
        )
    return found.get("train", root)


def test_folder(root: Path) -> tuple[Path, tuple[str, ...]]:
    """The folder whose sub-folders hold the test pictures, and the classes in the order of their numbers.

    It is test/, else val/, else whatever there is. Raises DataError.
    """
    found = image_folders(root)
    folder = found.get("test") or found.get("validation") or found.get("train") or root
    train = found.get("train", folder)
    classes = class_names(train)
    check_classes(folder, classes, train)
    return folder, classes


def check_classes(folder: Path, classes: tuple[str, ...], train: Path) -> None:
    """Raise DataError for a class that the training pictures lack."""
    if unknown := [path for path in subfolders(folder) if path.name not in classes]:
        raise DataError(
            _("{path} is a class that {found} does not have; its classes: {names}").format(
                path=unknown[0], found=train, names=", ".join(classes)
            )
        )


def class_names(folder: Path) -> tuple[str, ...]:
    """The sub-folders' names, sorted: the classes in the order of their indices.

    Raises DataError for under two, and for a name that cannot be shown.
    """
    names = tuple(path.name for path in subfolders(folder))
    if len(names) < 2:
        raise DataError(
            _("{folder} has {count} sub-folders; it needs one a class, at least two").format(
                folder=folder, count=len(names)
            )
        )
    if strange := [name for name in names if name != readable(name)]:
        raise DataError(
            _("{path} is not named in UTF-8, so it cannot be a class; give it another name").format(
                path=folder / strange[0]
            )
        )
    return names


def check_memory(folder: Path, classes: tuple[str, ...], size: PictureSize) -> None:
    """Raise DataError for more pictures than MAX_BYTES hold, before any is read."""
    shape = shape_of(size)
    count, most = sum(1 for name in classes for _path in picture_paths(folder / name)), MAX_BYTES // math.prod(shape)
    if count > most:
        raise DataError(
            _(
                "{folder} holds {count} pictures; at {height} x {width} pixels, {most} fit into memory: "
                "give a folder with fewer"
            ).format(folder=folder, count=count, height=shape.height, width=shape.width, most=most)
        )


def picture_paths(folder: Path) -> Iterator[Path]:
    return (path for path in sorted(folder.rglob("*")) if path.suffix.lower() in SUFFIXES and path.is_file())


def read_class_folders(folder: Path, classes: tuple[str, ...], size: PictureSize) -> Split:
    """Every picture below folder/CLASS, cropped and resized to a size. Raises DataError naming the path."""
    paths: list[Path] = []
    labels: list[int] = []
    for label, name in enumerate(classes):
        members = list(picture_paths(folder / name))
        if not members:
            raise DataError(
                _("{path} holds no picture; a class folder needs at least one ({names})").format(
                    path=folder / name, names=", ".join(sorted(SUFFIXES))
                )
            )
        paths += members
        labels += [label] * len(members)
    images = np.empty((len(paths), *shape_of(size)), np.uint8)

    def read(place: int) -> None:
        images[place] = read_picture(paths[place], size)

    with ThreadPoolExecutor() as pool:  # decoding releases the interpreter lock
        deque(pool.map(read, range(len(paths))), maxlen=0)
    return Split(images, np.array(labels, np.int64))


def read_picture(path: Path, size: PictureSize) -> np.ndarray:
    """One picture file as uint8 (height, width, channels). Raises DataError naming the path."""
    from model.images import InvalidImage, read_image, to_array

    try:
        return to_array(read_image(path.read_bytes(), at_least=shape_of(size).longest), size)
    except (OSError, InvalidImage) as error:
        raise DataError(_("{path} cannot be used: {error}").format(path=path, error=error)) from error
