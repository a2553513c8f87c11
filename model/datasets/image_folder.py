"""Folders of pictures with one sub-folder a class, directly or in a folder a split."""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from model.datasets.class_matching import composed, places_of
from model.datasets.splits import Broken, DataError, Dataset, Split, empty_split, readable, unreadable
from model.i18n.translations import gettext as _
from model.images.image_files import SUFFIXES, is_hidden, picture_paths
from model.signature.shapes import PictureSize, shape_of

SPLITS = {"train": ("train", "training"), "validation": ("val", "validation", "valid"), "test": ("test",)}
MAX_BYTES = 2**31  # of pictures that are held in memory to be looked at


def read_image_folder(root: Path, size: PictureSize) -> Dataset:
    """Pictures in one sub-folder a class, directly in `root` or inside its train/, val/ and test/.

    A class needs pictures to learn from; val/ and test/ may lack it. Raises DataError.
    """
    train = train_folder(root)
    classes = class_names(train)
    splits = {name: empty_split(size) for name in SPLITS}
    for name, folder in ({"train": train} | image_folders(root)).items():
        check_classes(folder, classes, train)
        splits[name] = read_class_folders(folder, classes, size, whole=name == "train")
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
    """What may be classes, sorted by name, in whatever form its accents are written."""
    if not folder.is_dir():
        return []
    found = (path for path in folder.iterdir() if path.is_dir() and not is_hidden(path.name))
    return sorted(found, key=lambda path: (Path(composed(path.name)), path))


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
    found = subfolders(folder)
    places = places_of([path.name for path in found], classes)
    if unknown := [path for path, place in zip(found, places, strict=True) if place < 0]:
        raise DataError(
            _("{path} is a class that {found} does not have; its classes: {names}").format(
                path=unknown[0], found=train, names=", ".join(classes)
            )
        )


def class_names(folder: Path) -> tuple[str, ...]:
    """The sub-folders' names, sorted, in Unicode's composed form: the classes in the order of their indices.

    Raises DataError for under two, and for a name that cannot be shown.
    """
    names = tuple(dict.fromkeys(composed(path.name) for path in subfolders(folder)))
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
    count, most = sum(map(len, class_members(folder, classes))), MAX_BYTES // math.prod(shape)
    if count > most:
        raise DataError(
            _(
                "{folder} holds {count} pictures; at {height} x {width} pixels, {most} fit into memory: "
                "give a folder with fewer"
            ).format(folder=folder, count=count, height=shape.height, width=shape.width, most=most)
        )


def class_members(folder: Path, classes: tuple[str, ...]) -> list[list[Path]]:
    """The pictures of each class below folder/CLASS, however that name is spelled there; none where it is absent."""
    members: list[list[Path]] = [[] for _name in classes]
    found = subfolders(folder)
    for path, place in zip(found, places_of([path.name for path in found], classes), strict=True):
        if place >= 0:
            members[place] += picture_paths(path)
    return members


def read_class_folders(folder: Path, classes: tuple[str, ...], size: PictureSize, whole: bool = False) -> Split:
    """Every picture below folder/CLASS that can be read, cropped and resized to a size; the others are listed.

    whole: each class needs a picture. Raises DataError where it has none, or where there is none at all.
    """
    members = class_members(folder, classes)
    check_members(folder, classes, [len(paths) for paths in members], whole)
    paths = [path for found in members for path in found]
    labels = np.repeat(np.arange(len(classes)), [len(found) for found in members])
    images = np.empty((len(paths), *shape_of(size)), np.uint8)

    def read(place: int) -> Broken | None:
        try:
            images[place] = read_picture(paths[place], size)
        except (OSError, ValueError) as error:
            return Broken(paths[place], reason_of(error))
        return None

    with ThreadPoolExecutor() as pool:  # decoding releases the interpreter lock
        outcomes = list(pool.map(read, range(len(paths))))
    broken = tuple(outcome for outcome in outcomes if outcome)
    kept = [place for place, outcome in enumerate(outcomes) if outcome is None]
    if broken:
        labels = labels[kept]
        counts = np.bincount(labels, minlength=len(classes)).tolist()
        check_members(folder, classes, counts, whole, unreadable(broken, len(paths)))
        for place, old in enumerate(kept):  # in place: the pictures may take half of the memory
            images[place] = images[old]
    return Split(images[: len(kept)], labels, paths=tuple(paths[place] for place in kept), broken=broken)


def check_members(folder: Path, classes: tuple[str, ...], counts: list[int], whole: bool, why: str = "") -> None:
    """Raise DataError where no picture is there, or with `whole` none of a class; why: what became of them."""
    empty = [name for name, count in zip(classes, counts, strict=True) if not count]
    if len(empty) < len(classes) and not (whole and empty):
        return
    if why:
        raise DataError(_("{path} holds no picture that can be read ({why})").format(path=folder / empty[0], why=why))
    raise DataError(
        _("{path} holds no picture; a class folder needs at least one ({names})").format(
            path=folder / empty[0], names=", ".join(sorted(SUFFIXES))
        )
    )


def reason_of(error: OSError | ValueError) -> str:
    """Why a file could not be read, without its name."""
    return getattr(error, "strerror", None) or str(error)


def why_unread(path: Path) -> str:
    """Why a picture's file cannot be read, in the language of now; empty for one that can be."""
    try:
        read_picture(path, 1)
    except (OSError, ValueError) as error:
        return reason_of(error)
    return ""


def read_picture(path: Path, size: PictureSize) -> np.ndarray:
    """One picture file as uint8 (height, width, channels). Raises OSError or InvalidImage."""
    from model.images.decoder import read_image, to_array

    return to_array(read_image(path.read_bytes(), min_side=shape_of(size).longest), size)
