"""Load a data set into memory: CIFAR-10, or any folder of pictures with one sub-folder per class."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from model.datasets.cifar10 import cifar10_folder, download_cifar10, read_cifar10
from model.datasets.image_folder import (
    check_memory,
    class_names,
    find_test_folder,
    find_train_folder,
    folder_name,
    read_class_folders,
    read_image_folder,
)
from model.datasets.splits import DataError, Dataset, Split, UnsuitableSize
from model.i18n.translations import gettext as _
from model.signature.shapes import PictureSize, to_input_shape


def load_dataset(
    source: Path | None, size: PictureSize = 32, validation: float = 0.1, test: float = 0.1, seed: int = 0
) -> Dataset:
    """Load a whole data set into memory.

    Splits that the source lacks are drawn at random from its training pictures.

    Args:
        source: A `cifar-10-batches-py` folder or its parent; or a folder of pictures with one sub-folder per class,
            directly or inside train/, val/ and test/. None downloads CIFAR-10 through Keras.
        size: The side of square RGB pictures, or any input shape.
        validation: Fraction of the training pictures to hold out for validation.
        test: Fraction of the training pictures to hold out for testing.
        seed: Seed of the random draw.

    Raises:
        DataError: The data is missing or cannot be used.
    """
    if source is None:
        return _draw_missing_splits(_match_input_shape(download_cifar10(), size), validation, 0.0, seed)
    check_source(source)
    if folder := cifar10_folder(source):
        return _draw_missing_splits(_match_input_shape(read_cifar10(folder), size), validation, 0.0, seed)
    return _draw_missing_splits(read_image_folder(source, size), validation, test, seed)


def check_source(source: Path) -> None:
    """Raise DataError if `source` is not a folder."""
    if not source.is_dir():
        raise DataError(
            _(
                "{source} is not a folder; data is a cifar-10-batches-py folder or a folder with one sub-folder a class"
            ).format(source=source)
        )


def load_test(source: Path | None, size: PictureSize = 32) -> tuple[str, tuple[str, ...], Split]:
    """Load the name, the classes and the test pictures of a data set: test/, else val/, else all pictures.

    Raises:
        DataError: The data is missing or cannot be used.
    """
    if source is not None and not cifar10_folder(source):
        check_source(source)
        folder, classes = find_test_folder(source)
        return folder_name(source), classes, read_class_folders(folder, classes, size)
    dataset = load_dataset(source, size, validation=0.0, test=0.0)
    if not len(dataset.test):
        raise DataError(_("{folder} holds no test picture").format(folder=source))
    return dataset.name, dataset.classes, dataset.test


def load_train(source: Path, size: PictureSize) -> tuple[str, tuple[str, ...], Split]:
    """Load the name, the classes and only the training pictures of a data set; all pictures if it has no splits.

    Raises:
        DataError: The data cannot be used, or the pictures take more than MAX_BYTES.
    """
    check_source(source)
    if folder := cifar10_folder(source):
        dataset = _match_input_shape(read_cifar10(folder), size)
        return dataset.name, dataset.classes, dataset.train
    folder = find_train_folder(source)
    classes = class_names(folder)
    check_memory(folder, classes, size)
    return folder_name(source), classes, read_class_folders(folder, classes, size, require_all=True)


def _draw_missing_splits(dataset: Dataset, validation: float, test: float, seed: int) -> Dataset:
    """Draw empty splits from the training pictures, class by class, so that each class keeps its proportion."""
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


def _match_input_shape(dataset: Dataset, size: PictureSize) -> Dataset:
    """Return the data set at the size that is asked for, enlarged where it is smaller, in colour or grey.

    Raises:
        UnsuitableSize: The pictures are larger.
    """
    own, shape = dataset.train.images.shape[1], to_input_shape(size)
    if min(shape[:2]) < own:
        raise UnsuitableSize(
            _(
                "CIFAR-10's pictures are {own} x {own}, not {height} x {width}; set model.input_size={own}, or give "
                "others"
            ).format(own=own, height=shape.height, width=shape.width)
        )
    train, validation, test = (
        split.with_channels(shape.channels).at_size(shape)
        for split in (dataset.train, dataset.validation, dataset.test)
    )
    return replace(dataset, train=train, validation=validation, test=test)
