"""Images of one size shown at another, made when they are asked for: a data set of tiles need not be held enlarged."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

import numpy as np

from model.images.decoder import array_to_image, to_array
from model.signature.shapes import InputShape


@dataclass(frozen=True, eq=False)
class Resized:
    """Reads like an array uint8 (n, height, width, channels); each image is resized from its own size when indexed.

    own: uint8 (n, own height, own width, channels).
    """

    own: np.ndarray
    size: InputShape

    dtype = np.dtype(np.uint8)
    ndim = 4

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """(n, height, width, channels)."""
        return len(self.own), self.size.height, self.size.width, self.own.shape[3]

    def __len__(self) -> int:
        return len(self.own)

    def __getitem__(self, key: Any) -> np.ndarray:
        chosen = self.own[key]
        if chosen.ndim == 3:
            return self._resized(chosen)
        return (
            np.stack([self._resized(image) for image in chosen])
            if len(chosen)
            else np.zeros((0, *self.shape[1:]), np.uint8)
        )

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return self[:].astype(dtype or self.dtype, copy=False)

    def _resized(self, image: np.ndarray) -> np.ndarray:
        return to_array(array_to_image(image), self.size)


def own_images(images: np.ndarray) -> np.ndarray:
    """The images at their own size, uint8 (n, height, width, channels), whether or not they are shown at another."""
    return images.own if isinstance(images, Resized) else images


def show_at(images: np.ndarray, size: InputShape) -> np.ndarray:
    """Show images, uint8 (n, height, width, channels), at another size; each is resized only when it is indexed."""
    own = own_images(images)
    return own if own.shape[1:3] == size[:2] else cast(np.ndarray, Resized(own, size))
