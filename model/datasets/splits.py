"""The structure of a data set: labelled pictures in splits."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from model.common.errors import VitrineError
from model.common.text import printable, shorten_list
from model.datasets.resized import own_images, show_at
from model.i18n.translations import gettext as _
from model.i18n.translations import ngettext
from model.signature.shapes import InputShape, PictureSize, to_input_shape

NAMED_PICTURES = 3  # files that a message names


class DataError(VitrineError, ValueError):
    """Data that cannot be used; the message names the path and says what was expected."""

    def __str__(self) -> str:
        return utf8_name(super().__str__())


class UnsuitableSize(DataError):
    """The pictures cannot be had at the size that is asked for; at another one they can."""


def utf8_name(name: str) -> str:
    """Return a file name that can be displayed: bytes that are not UTF-8 become question marks."""
    return name.encode("utf-8", "replace").decode()


def draw_images(images: np.ndarray, most: int) -> np.ndarray:
    """Return at most so many images, in their order: pictures of folders come class by class, so not the first ones."""
    if len(images) <= most:
        return images
    return images[np.sort(np.random.default_rng(0).permutation(len(images))[:most])]


@dataclass(frozen=True)
class BrokenPicture:
    """A picture file that cannot be read, and the reason."""

    path: Path
    reason: str


@dataclass(frozen=True)
class Split:
    """Labelled pictures: images uint8 (n, height, width, channels), labels int64 (n,).

    images is an array, or a `Resized` that reads like one.

    Attributes:
        first: How many pictures at the beginning are a sample to be evaluated separately; 0 if the order is not random.
        paths: The file of each picture; empty if the pictures do not come from files of their own.
        broken: The files that could not be read and were left out.
    """

    images: np.ndarray
    labels: np.ndarray
    first: int = 0
    paths: tuple[Path, ...] = ()
    broken: tuple[BrokenPicture, ...] = ()

    def __len__(self) -> int:
        return len(self.labels)

    def with_channels(self, channels: int) -> Split:
        """Return RGB pictures (3 channels) unchanged, or their luminance (1 channel)."""
        if channels == 3:
            return self
        from model.images.decoder import array_to_image, image_to_array

        grey = [image_to_array(array_to_image(image).convert("L")) for image in self.images]
        return replace(self, images=np.stack(grey) if grey else self.images[..., :1])

    def take(self, indices: np.ndarray | slice) -> Split:
        """Return the pictures and labels at the given indices."""
        part = Split(own_images(self.images)[indices], self.labels[indices])
        return part.at_size(InputShape(*self.images.shape[1:]))

    def at_size(self, size: PictureSize) -> Split:
        """Return the same pictures at another size; each is resized only when it is indexed."""
        return replace(self, images=show_at(self.images, to_input_shape(size)))


@dataclass(frozen=True)
class Dataset:
    """A data set with its splits; a split that the source lacks and nobody asked for is empty."""

    name: str
    classes: tuple[str, ...]
    train: Split
    validation: Split
    test: Split

    @property
    def broken(self) -> tuple[BrokenPicture, ...]:
        """The files of all splits that could not be read."""
        return self.train.broken + self.validation.broken + self.test.broken

    @property
    def count(self) -> int:
        """The number of pictures in all splits."""
        return len(self.train) + len(self.validation) + len(self.test)


def empty_split(size: PictureSize) -> Split:
    """Return a split without pictures."""
    return Split(np.zeros((0, *to_input_shape(size)), np.uint8), np.zeros(0, np.int64))


def unreadable_note(broken: Sequence[BrokenPicture], total: int) -> str:
    """Say how many of `total` pictures cannot be read, and name the first of them."""
    listed = ", ".join(f"{one.path} ({one.reason.rstrip('.')})" for one in broken[:NAMED_PICTURES])
    text = ngettext(
        "{count} of {total} pictures cannot be read: {names}",
        "{count} of {total} pictures cannot be read: {names}",
        len(broken),
    )
    said = utf8_name(
        text.format(count=len(broken), total=total, names=listed + (", …" if len(broken) > NAMED_PICTURES else ""))
    )
    return printable(said)  # a file name may contain anything


def left_out_note(broken: Sequence[BrokenPicture], kept: int) -> str:
    """Say which pictures were left out because they cannot be read; empty if none was. `kept`: how many were read."""
    return _("{unreadable}; left out").format(unreadable=unreadable_note(broken, len(broken) + kept)) if broken else ""


def require_readable(broken: Sequence[BrokenPicture], kept: int) -> None:
    """Raise DataError if any picture could not be read."""
    if broken:
        raise DataError(unreadable_note(broken, len(broken) + kept))


def absent_classes_note(labels: np.ndarray, classes: tuple[str, ...]) -> str:
    """Say which classes have no picture; empty if each has some.

    Args:
        labels: int (n,), indices into `classes`.
        classes: The names of the classes.
    """
    there = set(np.unique(labels).tolist())
    missing = [name for index, name in enumerate(classes) if index not in there]
    if not missing or not there:
        return ""
    return _("no picture is of {names}: measured on the other {count} of {total} classes").format(
        names=shorten_list(missing), count=len(there), total=len(classes)
    )


def split_fingerprint(split: Split) -> str:
    """Return a hash of all pixels and labels of a split."""
    digest = hashlib.sha256(np.ascontiguousarray(split.labels).tobytes())
    digest.update(np.ascontiguousarray(own_images(split.images)).data)
    return digest.hexdigest()[:16]
