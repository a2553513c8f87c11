"""What a data set is: pictures and their classes, in splits."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from model.common.errors import VitrineError
from model.common.text import printable
from model.i18n.translations import gettext as _
from model.i18n.translations import ngettext
from model.signature.shapes import PictureSize, shape_of

SHOWN = 3  # pictures that a sentence names


class DataError(VitrineError, ValueError):
    """Data that cannot be used; the message names the path and what was expected."""

    def __str__(self) -> str:
        return readable(super().__str__())


def readable(name: str) -> str:
    """A file's name as it can be shown: what is not UTF-8 in it comes from the system as signs that no text holds."""
    return name.encode("utf-8", "replace").decode()


@dataclass(frozen=True)
class Broken:
    """A picture's file that cannot be read, and the sentence that says why."""

    path: Path
    reason: str


@dataclass(frozen=True)
class Split:
    """Pictures and their classes: images uint8 (n, height, width, channels), labels int64 (n,).

    first: so many of its first pictures get figures of their own; 0 where they are no sample, as class after class.
    paths: the pictures' files, one each, or none where they are not files of their own; broken: what was left out.
    """

    images: np.ndarray
    labels: np.ndarray
    first: int = 0
    paths: tuple[Path, ...] = ()
    broken: tuple[Broken, ...] = ()

    def __len__(self) -> int:
        return len(self.labels)

    def with_channels(self, channels: int) -> Split:
        """RGB pictures as a network takes them: with 1 for channels, their luminance."""
        if channels == 3:
            return self
        from model.images.decoder import array_to_image, image_to_array

        grey = [image_to_array(array_to_image(image).convert("L")) for image in self.images]
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

    @property
    def broken(self) -> tuple[Broken, ...]:
        """The pictures that could not be read and are in none of the splits."""
        return self.train.broken + self.validation.broken + self.test.broken

    @property
    def count(self) -> int:
        """The pictures in all splits."""
        return len(self.train) + len(self.validation) + len(self.test)


def empty_split(size: PictureSize) -> Split:
    return Split(np.zeros((0, *shape_of(size)), np.uint8), np.zeros(0, np.int64))


def unreadable(broken: Sequence[Broken], total: int) -> str:
    """How many of `total` pictures cannot be read, and the first of them, as the beginning of a sentence."""
    listed = ", ".join(f"{one.path} ({one.reason.rstrip('.')})" for one in broken[:SHOWN])
    text = ngettext(
        "{count} of {total} pictures cannot be read: {names}",
        "{count} of {total} pictures cannot be read: {names}",
        len(broken),
    )
    said = readable(text.format(count=len(broken), total=total, names=listed + (", …" if len(broken) > SHOWN else "")))
    return printable(said)  # a name may hold anything


def left_out(broken: Sequence[Broken], kept: int) -> str:
    """The sentence that says which pictures were left out beside those kept; empty where none was."""
    return _("{unreadable}; left out").format(unreadable=unreadable(broken, len(broken) + kept)) if broken else ""


def refuse_broken(broken: Sequence[Broken], kept: int) -> None:
    """Raise DataError if there is a picture that cannot be read."""
    if broken:
        raise DataError(unreadable(broken, len(broken) + kept))


def absent(labels: np.ndarray, classes: tuple[str, ...]) -> str:
    """The sentence that says which classes no picture is of; empty where there are some of each.

    labels: int (n,), counting in `classes`.
    """
    there = set(np.unique(labels).tolist())
    missing = [name for place, name in enumerate(classes) if place not in there]
    if not missing or not there:
        return ""
    return _("no picture is of {names}: measured on the other {count} of {total} classes").format(
        names=shortened(missing), count=len(there), total=len(classes)
    )


def shortened(names: Sequence[str], most: int = 12) -> str:
    return ", ".join(name[:40] for name in names[:most]) + (", …" if len(names) > most else "")


def data_key(split: Split) -> str:
    """Changes with any pixel or label of a test set."""
    digest = hashlib.sha256(np.ascontiguousarray(split.labels).tobytes())
    digest.update(np.ascontiguousarray(split.images).data)
    return digest.hexdigest()[:16]
