"""A network's features of the pictures it learnt from, computed once and kept, with the pictures beside them."""

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
from model.explanation.nearest_neighbors import directions
from model.signature.shapes import PictureSize, shape_of

Features = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Index:
    """A data set's name, classes and training pictures, and a network's directions for them.

    images: uint8 (n, height, width, channels); labels: int64 (n,); rows: float16 (n, features), each of length 1. The
    arrays are read from disk where they are looked at.
    """

    name: str
    classes: tuple[str, ...]
    images: np.ndarray
    labels: np.ndarray
    rows: np.ndarray

    def __len__(self) -> int:
        return len(self.labels)


def stamp(source: Path, size: PictureSize) -> str:
    """Changes with the name, size or date of any picture of a data folder, and with the pictures' size."""
    digest = hashlib.sha256(os.fsencode(f"{source.resolve()} {shape_of(size).key}"))
    digest.update(listing_digest(list(list_files(source))))
    return digest.hexdigest()[:16]


def kept_index(network: str, source: Path, size: PictureSize) -> Index | None:
    """The index of a data folder by a network, which `network` tells from others; None where none is kept whole."""
    try:
        pictures = folder_of(source, size)
        about = json.loads((pictures / "about.json").read_text("utf-8"))
        kept = Split(opened(pictures / "images.npy"), opened(pictures / "labels.npy")).at_size(size)
        images, labels = kept.images, kept.labels
        rows = opened(pictures / f"{network}.npy")
        index = Index(str(about["name"]), tuple(about["classes"]), images, labels, rows)
    except (OSError, ValueError, KeyError, TypeError, EOFError):
        return None
    for path in (pictures / "about.json", pictures / f"{network}.npy"):
        mark_used(path)
    whole = len(images) == len(labels) == len(rows) and images.shape[1:] == shape_of(size)
    return index if whole else None


def take_index(
    network: str, features: Features, source: Path, size: PictureSize, tell: Callable[[int, int], None]
) -> Index:
    """The index that is kept, or a new one; `tell` hears how many pictures are done, of how many.

    Indices of what the data folder held before are removed, and those that nobody asked for in a month. Raises
    DataError for a folder that cannot be read or holds too much, and OSError where there is no room to keep it.
    """
    if index := kept_index(network, source, size):
        return index
    pictures, (name, classes, train) = folder_of(source, size), load_train(source, size)
    rows = directions(features, train.images, lambda done: tell(done, len(train)))
    about = {"name": name, "classes": classes, "source": str(source.resolve()), "size": shape_of(size).key}
    keep_pictures(pictures, train, about)
    save(pictures / f"{network}.npy", rows)
    remove_older(pictures, about)
    remove_unused(pictures.parent)
    return Index(name, classes, train.images, train.labels, rows)


def folder_of(source: Path, size: PictureSize) -> Path:
    return home() / "neighbors" / stamp(source, size)


def keep_pictures(folder: Path, train: Split, about: dict[str, Any]) -> None:
    """Write the training pictures once for all networks of their size; the file that says so comes last."""
    if (folder / "about.json").is_file():
        return
    save(folder / "images.npy", own_images(train.images))
    save(folder / "labels.npy", train.labels)
    write_atomic(folder / "about.json", json.dumps(about))


def remove_older(folder: Path, about: dict[str, Any]) -> None:
    """Remove what is kept of the same data folder, at the same size, from before it changed."""
    for other in set(folder.parent.iterdir()) - {folder}:
        try:
            known = json.loads((other / "about.json").read_text("utf-8"))
            older = [known[name] for name in ("source", "size")] == [about[name] for name in ("source", "size")]
        except (OSError, ValueError, KeyError, TypeError):
            continue
        if older:
            shutil.rmtree(other, ignore_errors=True)


def remove_unused(folder: Path) -> None:
    """Remove each network's rows that nobody asked for in a month, and the pictures where nobody did for any network.

    Whoever reads a file at this moment keeps it: it is open.
    """
    for pictures in folder.iterdir():
        remove_abandoned(pictures)
        with suppress(OSError):  # another process removes it too
            files = list(pictures.iterdir())
            if all(map(is_unused, (pictures, *files))):
                shutil.rmtree(pictures, ignore_errors=True)
                continue
            for path in files:
                if path.suffix == ".npy" and path.stem not in ("images", "labels") and is_unused(path):
                    path.unlink()


def save(path: Path, values: np.ndarray) -> None:
    """Write an array; a reader sees all of it or nothing."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_file(path) as file:
        np.save(file, values)


def opened(path: Path) -> np.ndarray:
    """An array that stays on disk until it is looked at."""
    return np.asarray(np.load(path, mmap_mode="r", allow_pickle=False))
