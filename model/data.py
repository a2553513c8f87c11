"""Data sets: CIFAR-10 and any folder of pictures with one sub-folder a class."""

from __future__ import annotations

import pickle
from collections import deque
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from model.language import gettext as _
from model.language import marked

CIFAR10_CLASSES = (
    marked("airplane"),
    marked("automobile"),
    marked("bird"),
    marked("cat"),
    marked("deer"),
    marked("dog"),
    marked("frog"),
    marked("horse"),
    marked("ship"),
    marked("truck"),
)
SUFFIXES = {".png", ".jpg", ".jpeg", ".webp", ".avif", ".bmp", ".gif", ".tif", ".tiff"}
SPLITS = {"train": ("train", "training"), "validation": ("val", "validation", "valid"), "test": ("test",)}


MAX_BYTES = 2**31  # of pictures that are held in memory to be looked at


class DataError(ValueError):
    """Data that cannot be used; the message names the path and what was expected."""

    def __str__(self) -> str:
        return readable(super().__str__())


def readable(name: str) -> str:
    """A file's name as it can be shown: what is not UTF-8 in it comes from the system as signs that no text holds."""
    return name.encode("utf-8", "replace").decode()


@dataclass(frozen=True)
class Split:
    """Pictures and their classes: images uint8 (n, size, size, 3), labels int64 (n,)."""

    images: np.ndarray
    labels: np.ndarray

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, indices: np.ndarray | slice) -> Split:
        return Split(self.images[indices], self.labels[indices])


@dataclass(frozen=True)
class Dataset:
    """A data set with its splits; a split that the source does not bring and nobody asked for is empty."""

    name: str
    classes: tuple[str, ...]
    train: Split
    validation: Split
    test: Split


def load_dataset(
    source: Path | None, size: int = 32, validation: float = 0.1, test: float = 0.1, seed: int = 0
) -> Dataset:
    """Read a data set whole into memory.

    `source` is a `cifar-10-batches-py` folder or its parent, or a folder of pictures with one sub-folder a class,
    directly or inside train/, val/ and test/; None downloads CIFAR-10 through Keras. Splits that it does not bring are
    drawn from the training pictures by `seed`: `validation` and `test` are their shares.

    Raises DataError.
    """
    if source is None:
        return split_off(of_size(download_cifar10(), size), validation, 0.0, seed)
    check_source(source)
    if folder := cifar10_folder(source):
        return split_off(of_size(read_cifar10(folder), size), validation, 0.0, seed)
    return split_off(read_image_folder(source, size), validation, test, seed)


def check_source(source: Path) -> None:
    """Raise DataError for data that is not there."""
    if not source.is_dir():
        raise DataError(
            _(
                "{source} is not a folder; data is a cifar-10-batches-py folder or a folder with one sub-folder a class"
            ).format(source=source)
        )


def load_test(source: Path | None, size: int = 32) -> tuple[str, tuple[str, ...], Split]:
    """Name, classes and test pictures of a data set: test/, else val/, else all there are. Raises DataError."""
    if source is not None and not cifar10_folder(source):
        check_source(source)
        folder, classes = test_folder(source)
        return readable(source.name), classes, read_class_folders(folder, classes, size)
    dataset = load_dataset(source, size, validation=0.0, test=0.0)
    if not len(dataset.test):
        raise DataError(_("{folder} holds no test picture").format(folder=source))
    return dataset.name, dataset.classes, dataset.test


def load_train(source: Path, size: int) -> tuple[str, tuple[str, ...], Split]:
    """Name, classes and training pictures of a data set, and no other picture is read: all of a folder without splits.

    Raises DataError, also for more of them than MAX_BYTES.
    """
    check_source(source)
    if folder := cifar10_folder(source):
        dataset = of_size(read_cifar10(folder), size)
        return dataset.name, dataset.classes, dataset.train
    folder = train_folder(source)
    classes = class_names(folder)
    check_memory(folder, classes, size)
    return readable(source.name), classes, read_class_folders(folder, classes, size)


def split_off(dataset: Dataset, validation: float, test: float, seed: int) -> Dataset:
    """Draw the splits that are empty from the training pictures, class by class, so that each class keeps its share."""
    train, held = dataset.train, {"validation": dataset.validation, "test": dataset.test}
    for offset, (name, share) in enumerate((("test", test), ("validation", validation))):
        if len(held[name]) or not share:
            continue
        rng = np.random.default_rng((seed, offset))
        chosen = np.zeros(len(train), bool)
        for label in range(len(dataset.classes)):
            members = rng.permutation(np.flatnonzero(train.labels == label))
            chosen[members[: round(share * len(members))]] = True
        held[name], train = train.take(chosen), train.take(~chosen)
    return Dataset(dataset.name, dataset.classes, train, held["validation"], held["test"])


def of_size(dataset: Dataset, size: int) -> Dataset:
    """The data set itself if its pictures are size x size. Raises DataError."""
    own = dataset.train.images.shape[1]
    if own != size:
        raise DataError(
            _(
                "CIFAR-10's pictures are {own} x {own}, not {size} x {size}; set model.input_size={own}, or give others"
            ).format(own=own, size=size)
        )
    return dataset


def empty_split(size: int) -> Split:
    return Split(np.zeros((0, size, size, 3), np.uint8), np.zeros(0, np.int64))


# --- CIFAR-10 ---------------------------------------------------------------------------------------------------------


class ArrayUnpickler(pickle.Unpickler):
    """Unpickles numbers, strings, lists, dicts and NumPy arrays; any other name in the file is refused, not run."""

    ALLOWED: ClassVar = {
        ("numpy.core.multiarray", "_reconstruct"): "numpy._core.multiarray",
        ("numpy._core.multiarray", "_reconstruct"): "numpy._core.multiarray",
        ("numpy", "ndarray"): "numpy",
        ("numpy", "dtype"): "numpy",
        ("_codecs", "encode"): "_codecs",
    }

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in self.ALLOWED:
            raise pickle.UnpicklingError(f"it wants to run {module}.{name}, which no CIFAR-10 file does")
        return super().find_class(self.ALLOWED[module, name], name)


def cifar10_folder(source: Path) -> Path | None:
    """The folder of CIFAR-10's official files: `source` itself or inside it; None where it holds something else."""
    for folder in (source, source / "cifar-10-batches-py"):
        if (folder / "batches.meta").exists() or (folder.name == "cifar-10-batches-py" and folder.is_dir()):
            return folder
    return None


def read_pickle(path: Path) -> dict[bytes, Any]:
    """One official CIFAR-10 file as a dict, without running code from it. Raises DataError."""
    try:
        with path.open("rb") as file:
            content = ArrayUnpickler(file, encoding="bytes").load()
    except FileNotFoundError:
        raise DataError(
            _(
                "{path} is missing; the folder of CIFAR-10 holds data_batch_1 to data_batch_5, "
                "test_batch and batches.meta"
            ).format(path=path)
        ) from None
    except Exception as error:  # a damaged pickle raises nearly anything
        raise DataError(_("{path} is not an official CIFAR-10 file: {error}").format(path=path, error=error)) from error
    if not isinstance(content, dict):
        raise DataError(
            _("{path} is not an official CIFAR-10 file: it holds a {name}, not a dict").format(
                path=path, name=type(content).__name__
            )
        )
    # Written with Python 2, the keys are bytes; copies made with Python 3 have strings.
    return {key.encode() if isinstance(key, str) else key: value for key, value in content.items()}


def read_batch(path: Path) -> Split:
    """One batch file: planes of red, green and blue, uint8 (n, 3072), turned into (n, 32, 32, 3)."""
    content = read_pickle(path)
    data, labels = content.get(b"data"), content.get(b"labels")
    if not isinstance(data, np.ndarray) or data.dtype != np.uint8 or data.ndim != 2 or data.shape[1] != 3072:
        raise DataError(_("{path}: 'data' is not a uint8 array of 3,072 numbers a picture").format(path=path))
    if (
        not isinstance(labels, list)
        or len(labels) != len(data)
        or not all(type(label) is int and 0 <= label < 10 for label in labels)
    ):
        raise DataError(
            _("{path}: 'labels' is not a list of {count} numbers of 0 to 9").format(path=path, count=len(data))
        )
    images = data.reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)
    return Split(np.ascontiguousarray(images), np.array(labels, np.int64))


def read_cifar10(folder: Path) -> Dataset:
    """CIFAR-10 from its official Python files. Raises DataError."""
    batches = [read_batch(folder / f"data_batch_{number}") for number in range(1, 6)]
    train = Split(
        np.concatenate([batch.images for batch in batches]), np.concatenate([batch.labels for batch in batches])
    )
    return Dataset("cifar10", CIFAR10_CLASSES, train, empty_split(32), read_batch(folder / "test_batch"))


def download_cifar10() -> Dataset:
    """CIFAR-10 through Keras, which keeps it under ~/.keras. Raises DataError without a network."""
    import keras

    try:
        (x_train, y_train), (x_test, y_test) = keras.datasets.cifar10.load_data()
    except Exception as error:  # Keras raises a bare Exception when a download fails
        raise DataError(
            _("CIFAR-10 could not be downloaded ({error}); check the network, or give a folder with --data").format(
                error=error
            )
        ) from error
    train = Split(x_train, y_train.ravel().astype(np.int64))
    return Dataset("cifar10", CIFAR10_CLASSES, train, empty_split(32), Split(x_test, y_test.ravel().astype(np.int64)))


# --- folders of pictures ----------------------------------------------------------------------------------------------


def read_image_folder(root: Path, size: int) -> Dataset:
    """Pictures in one sub-folder a class, directly in `root` or inside its train/, val/ and test/. Raises DataError."""
    train = train_folder(root)
    classes = class_names(train)
    splits = {name: empty_split(size) for name in SPLITS}
    for name, folder in ({"train": train} | image_folders(root)).items():
        check_classes(folder, classes, train)
        splits[name] = read_class_folders(folder, classes, size)
    return Dataset(readable(root.name), classes, splits["train"], splits["validation"], splits["test"])


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


def check_memory(folder: Path, classes: tuple[str, ...], size: int) -> None:
    """Raise DataError for more pictures than MAX_BYTES hold, before any is read."""
    count, most = sum(1 for name in classes for _path in picture_paths(folder / name)), MAX_BYTES // (size * size * 3)
    if count > most:
        raise DataError(
            _(
                "{folder} holds {count} pictures; at {size} x {size} pixels, {most} fit into memory: "
                "give a folder with fewer"
            ).format(folder=folder, count=count, size=size, most=most)
        )


def picture_paths(folder: Path) -> Iterator[Path]:
    return (path for path in sorted(folder.rglob("*")) if path.suffix.lower() in SUFFIXES and path.is_file())


def read_class_folders(folder: Path, classes: tuple[str, ...], size: int) -> Split:
    """Every picture below folder/CLASS, cropped and resized to size x size. Raises DataError naming the path."""
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
    images = np.empty((len(paths), size, size, 3), np.uint8)

    def read(place: int) -> None:
        images[place] = read_picture(paths[place], size)

    with ThreadPoolExecutor() as pool:  # decoding releases the interpreter lock
        deque(pool.map(read, range(len(paths))), maxlen=0)
    return Split(images, np.array(labels, np.int64))


def read_picture(path: Path, size: int) -> np.ndarray:
    """One picture file as uint8 (size, size, 3). Raises DataError naming the path."""
    from model.images import InvalidImage, read_image, to_array

    try:
        return to_array(read_image(path.read_bytes(), at_least=size), size)
    except (OSError, InvalidImage) as error:
        raise DataError(_("{path} cannot be used: {error}").format(path=path, error=error)) from error
