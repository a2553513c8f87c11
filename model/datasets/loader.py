"""Data sets: CIFAR-10 and any folder of pictures with one sub-folder a class."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from model.datasets.cifar10 import cifar10_folder, download_cifar10, read_cifar10
from model.datasets.image_folder import (
    check_memory,
    class_names,
    folder_name,
    read_class_folders,
    read_image_folder,
    test_folder,
    train_folder,
)
from model.datasets.splits import DataError, Dataset, Split
from model.i18n.translations import gettext as _
from model.signature.shapes import PictureSize, shape_of


def load_dataset(
    source: Path | None, size: PictureSize = 32, validation: float = 0.1, test: float = 0.1, seed: int = 0
) -> Dataset:
    """Read a data set whole into memory.

    `source` is a `cifar-10-batches-py` folder or its parent, or a folder of pictures with one sub-folder a class,
    directly or inside train/, val/ and test/; None downloads CIFAR-10 through Keras. Splits that it does not bring are
    drawn from the training pictures by `seed`: `validation` and `test` are their shares. size: the side of RGB squares,
    or any shape.

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


def load_test(source: Path | None, size: PictureSize = 32) -> tuple[str, tuple[str, ...], Split]:
    """Name, classes and test pictures of a data set: test/, else val/, else all there are. Raises DataError."""
    if source is not None and not cifar10_folder(source):
        check_source(source)
        folder, classes = test_folder(source)
        return folder_name(source), classes, read_class_folders(folder, classes, size)
    dataset = load_dataset(source, size, validation=0.0, test=0.0)
    if not len(dataset.test):
        raise DataError(_("{folder} holds no test picture").format(folder=source))
    return dataset.name, dataset.classes, dataset.test


def load_train(source: Path, size: PictureSize) -> tuple[str, tuple[str, ...], Split]:
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
    return folder_name(source), classes, read_class_folders(folder, classes, size, whole=True)


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
        held[name], train = train.take(chosen), replace(train.take(~chosen), broken=train.broken)
    return Dataset(dataset.name, dataset.classes, train, held["validation"], held["test"])


def of_size(dataset: Dataset, size: PictureSize) -> Dataset:
    """The data set itself if its pictures are of this size, in grey where that is wanted. Raises DataError."""
    own, shape = dataset.train.images.shape[1], shape_of(size)
    if (own, own) != shape[:2]:
        raise DataError(
            _(
                "CIFAR-10's pictures are {own} x {own}, not {height} x {width}; set model.input_size={own}, or give "
                "others"
            ).format(own=own, height=shape.height, width=shape.width)
        )
    train, validation, test = (
        split.with_channels(shape.channels) for split in (dataset.train, dataset.validation, dataset.test)
    )
    return replace(dataset, train=train, validation=validation, test=test)
