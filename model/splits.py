"""What a data set is: pictures and their classes, in splits."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from model.shapes import PictureSize, shape_of


class DataError(ValueError):
    """Data that cannot be used; the message names the path and what was expected."""

    def __str__(self) -> str:
        return readable(super().__str__())


def readable(name: str) -> str:
    """A file's name as it can be shown: what is not UTF-8 in it comes from the system as signs that no text holds."""
    return name.encode("utf-8", "replace").decode()


@dataclass(frozen=True)
class Split:
    """Pictures and their classes: images uint8 (n, height, width, channels), labels int64 (n,).

    first: so many of its first pictures get figures of their own; 0 where they are no sample, as class after class.
    """

    images: np.ndarray
    labels: np.ndarray
    first: int = 0

    def __len__(self) -> int:
        return len(self.labels)

    def with_channels(self, channels: int) -> Split:
        """RGB pictures as a network takes them: with 1 for channels, their luminance."""
        if channels == 3:
            return self
        from model.images import from_picture, to_picture

        grey = [from_picture(to_picture(image).convert("L")) for image in self.images]
        return replace(self, images=np.stack(grey) if grey else self.images[..., :1])

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


def empty_split(size: PictureSize) -> Split:
    return Split(np.zeros((0, *shape_of(size)), np.uint8), np.zeros(0, np.int64))
