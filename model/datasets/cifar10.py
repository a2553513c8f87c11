"""Read CIFAR-10 from its official files, or download it."""

from __future__ import annotations

import pickle
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from model.common.keras_import import import_keras
from model.datasets.splits import DataError, Dataset, Split, empty_split
from model.i18n.translations import gettext as _
from model.i18n.translations import marked

_FIRST_SUBSET = 1000  # the first test pictures, a sample of their own: the official order mixes the classes
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


class _ArrayUnpickler(pickle.Unpickler):
    """Unpickles numbers, strings, lists, dicts and NumPy arrays; refuses any other name in the file."""

    ALLOWED: ClassVar = {
        ("numpy.core.multiarray", "_reconstruct"): "numpy._core.multiarray",
        ("numpy._core.multiarray", "_reconstruct"): "numpy._core.multiarray",
        ("numpy", "ndarray"): "numpy",
        ("numpy", "dtype"): "numpy",
        ("_codecs", "encode"): "_codecs",
    }

    def find_class(self, module: str, name: str) -> Any:
        """Return an allowed class; raise UnpicklingError for any other."""
        if (module, name) not in self.ALLOWED:
            raise pickle.UnpicklingError(f"it wants to run {module}.{name}, which no CIFAR-10 file does")
        return super().find_class(self.ALLOWED[module, name], name)


def cifar10_folder(source: Path) -> Path | None:
    """Return the folder with CIFAR-10's official files, `source` itself or one inside it; None if there is none."""
    for folder in (source, source / "cifar-10-batches-py"):
        if (folder / "batches.meta").exists() or (folder.name == "cifar-10-batches-py" and folder.is_dir()):
            return folder
    return None


def _read_pickle(path: Path) -> dict[bytes, Any]:
    """Read one official CIFAR-10 file as a dict, without running code from it.

    Raises:
        DataError: The file is missing, or not one of CIFAR-10's.
    """
    try:
        with path.open("rb") as file:
            content = _ArrayUnpickler(file, encoding="bytes").load()
    except FileNotFoundError:
        raise DataError(
            _(
                "{path} is missing; the folder of CIFAR-10 holds data_batch_1 to data_batch_5, "
                "test_batch and batches.meta"
            ).format(path=path)
        ) from None
    except Exception as error:  # a damaged pickle can raise nearly anything
        raise DataError(_("{path} is not an official CIFAR-10 file: {error}").format(path=path, error=error)) from error
    if not isinstance(content, dict):
        raise DataError(
            _("{path} is not an official CIFAR-10 file: it holds a {name}, not a dict").format(
                path=path, name=type(content).__name__
            )
        )
    # The official files come from Python 2 and have bytes as keys; copies made with Python 3 have strings.
    return {key.encode() if isinstance(key, str) else key: value for key, value in content.items()}


def read_batch(path: Path) -> Split:
    """Read one batch file; its colour planes, uint8 (n, 3072), become images, uint8 (n, 32, 32, 3).

    Raises:
        DataError: The file is missing or damaged.
    """
    content = _read_pickle(path)
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
    """Read CIFAR-10 from its official Python files.

    Raises:
        DataError: A file is missing or damaged.
    """
    batches = [read_batch(folder / f"data_batch_{number}") for number in range(1, 6)]
    train = Split(
        np.concatenate([batch.images for batch in batches]), np.concatenate([batch.labels for batch in batches])
    )
    return _build_dataset(train, read_batch(folder / "test_batch"))


def _build_dataset(train: Split, test: Split) -> Dataset:
    """Build the data set in its official order, in which the first test pictures are a random sample."""
    return Dataset("cifar10", CIFAR10_CLASSES, train, empty_split(32), replace(test, first=_FIRST_SUBSET))


def download_cifar10() -> Dataset:
    """Load CIFAR-10 through Keras, which caches it under ~/.keras.

    Raises:
        DataError: The download failed.
    """
    import_keras()
    import keras

    try:
        (x_train, y_train), (x_test, y_test) = keras.datasets.cifar10.load_data()
    except Exception as error:  # Keras raises a bare Exception if the download fails
        raise DataError(
            _("CIFAR-10 could not be downloaded ({error}); check the network, or give a folder with --data").format(
                error=error
            )
        ) from error
    train = Split(x_train, y_train.ravel().astype(np.int64))
    return _build_dataset(train, Split(x_test, y_test.ravel().astype(np.int64)))
