"""What a data set is: pictures and their classes, in splits."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


class DataError(ValueError):
    """Data that cannot be used; the message names the path and what was expected."""

    def __str__(self) -> str:
        return readable(super().__str__())


def readable(name: str) -> str:
    """A file's name as it can be shown: what is not UTF-8 in it comes from the system as signs that no text holds."""
    return name.encode("utf-8", "replace").decode()


@dataclass(frozen=True)
class Split:
    """Pictures and their classes: images uint8 (n, size, size, 3), labels int64 (n,).

    first: so many of its first pictures get figures of their own; 0 where they are no sample, as class after class.
    """

    images: np.ndarray
    labels: np.ndarray
    first: int = 0

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


def empty_split(size: int) -> Split:
    return Split(np.zeros((0, size, size, 3), np.uint8), np.zeros(0, np.int64))
