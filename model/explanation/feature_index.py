"""A network's features of its training pictures, computed once and cached on disk with the pictures."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from model.common.files import atomic_file, is_unused, mark_used, remove_abandoned, write_atomic
from model.common.paths import home
from model.datasets.loader import load_train
from model.datasets.resized import own_images
from model.datasets.splits import Split
from model.datasets.test_set import list_files, listing_digest
from model.explanation.nearest_neighbors import normalized_features
from model.signature.shapes import PictureSize, to_input_shape

Features = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Index:
    """A data set's training pictures and a network's features of them. The arrays are memory-mapped.

    Attributes:
        name: The name of the data set.
        classes: The names that the labels are indices into.
        images: uint8 (n, height, width, channels).
        labels: int64 (n,).
        rows: float16 (n, features), each of length 1.
    """

    name: str
    classes: tuple[str, ...]
    images: np.ndarray
    labels: np.ndarray
    rows: np.ndarray

    def __len__(self) -> int:
        return len(self.labels)


def _index_key(source: Path, size: PictureSize) -> str:
    """Return a hash of the name, size and date of every picture in a data folder, and of the input size."""
    digest = hashlib.sha256(os.fsencode(f"{source.resolve()} {to_input_shape(size).key}"))
    digest.update(listing_digest(list(list_files(source))))
    return digest.hexdigest()[:16]


def cached_index(network: str, source: Path, size: PictureSize) -> Index | None:
    """Load the cached index of a data folder; None if there is none, or it is incomplete.

    Args:
        network: A key that identifies the network.
        source: The data folder.
        size: The input size of the network.
    """
    try:
        pictures = _index_folder(source, size)
        about = json.loads((pictures / "about.json").read_text("utf-8"))
        kept = Split(_open_array(pictures / "images.npy"), _open_array(pictures / "labels.npy")).at_size(size)
        images, labels = kept.images, kept.labels
        rows = _open_array(pictures / f"{network}.npy")
        index = Index(str(about["name"]), tuple(about["classes"]), images, labels, rows)
    except (OSError, ValueError, KeyError, TypeError, EOFError):
        return None
    for path in (pictures / "about.json", pictures / f"{network}.npy"):
        mark_used(path)
    whole = len(images) == len(labels) == len(rows) and images.shape[1:] == to_input_shape(size)
    return index if whole else None


def build_index(
    network: str, features: Features, source: Path, size: PictureSize, on_progress: Callable[[int, int], None]
) -> Index:
    """Load the cached index, or compute a new one.

    Outdated indices of the same data folder are deleted, and those that were not used for a month.

    Args:
        network: A key that identifies the network.
        features: The function that `feature_extractor` returns.
        source: The data folder.
        size: The input size of the network.
        on_progress: Called with the number of pictures done and their total.

    Raises:
        DataError: The folder cannot be read, or holds too much.
        OSError: The index cannot be written.
    """
    if index := cached_index(network, source, size):
        return index
    pictures, (name, classes, train) = _index_folder(source, size), load_train(source, size)
    rows = normalized_features(features, train.images, lambda done: on_progress(done, len(train)))
    about = {"name": name, "classes": classes, "source": str(source.resolve()), "size": to_input_shape(size).key}
    _save_pictures(pictures, train, about)
    _save_array(pictures / f"{network}.npy", rows)
    _remove_outdated(pictures, about)
    _remove_unused(pictures.parent)
    return Index(name, classes, train.images, train.labels, rows)


def _index_folder(source: Path, size: PictureSize) -> Path:
    return home() / "neighbors" / _index_key(source, size)


def _save_pictures(folder: Path, train: Split, about: dict[str, Any]) -> None:
    """Write the training pictures once for all networks with this input size; about.json marks them as complete."""
    if (folder / "about.json").is_file():
        return
    _save_array(folder / "images.npy", own_images(train.images))
    _save_array(folder / "labels.npy", train.labels)
    write_atomic(folder / "about.json", json.dumps(about))


def _remove_outdated(folder: Path, about: dict[str, Any]) -> None:
    """Remove indices of the same data folder, at the same size, from before it changed."""
    for other in set(folder.parent.iterdir()) - {folder}:
        try:
            known = json.loads((other / "about.json").read_text("utf-8"))
            older = [known[name] for name in ("source", "size")] == [about[name] for name in ("source", "size")]
        except (OSError, ValueError, KeyError, TypeError):
            continue
        if older:
            shutil.rmtree(other, ignore_errors=True)


def _remove_unused(folder: Path) -> None:
    """Remove files that were not used for a month: a network's features, or the pictures with all features.

    A process that is reading a file at the moment keeps it, because it is open.
    """
    for pictures in folder.iterdir():
        remove_abandoned(pictures)
        with suppress(OSError):  # another process was faster
            files = list(pictures.iterdir())
            if all(map(is_unused, (pictures, *files))):
                shutil.rmtree(pictures, ignore_errors=True)
                continue
            for path in files:
                if path.suffix == ".npy" and path.stem not in ("images", "labels") and is_unused(path):
                    path.unlink()


def _save_array(path: Path, values: np.ndarray) -> None:
    """Write an array atomically."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_file(path) as file:
        np.save(file, values)


def _open_array(path: Path) -> np.ndarray:
    """Open an array memory-mapped."""
    return np.asarray(np.load(path, mmap_mode="r", allow_pickle=False))
