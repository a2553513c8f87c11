"""The pictures that a network finds most alike: nearest in the space of its own features."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from model.signature.scaling import as_function
from model.signature.shapes import PictureSize, shape_of

if TYPE_CHECKING:
    import keras

CHUNK = 128  # pictures a pass, so that others who ask meanwhile wait for no more than these


@dataclass(frozen=True)
class Neighbor:
    """A picture by its place in the set, and how alike it is: the cosine of the angle between features, -1 to 1."""

    index: int
    likeness: float


def features_of(network: keras.Model, size: PictureSize, scaling: str = "none") -> Callable[[np.ndarray], np.ndarray]:
    """The network up to what its last layer with weights is given, as a compiled function.

    It takes uint8 (n, height, width, channels) and gives float32 (n, features). size: the side of RGB squares, or any
    shape; scaling: a name of SCALINGS.
    """
    import keras

    last = next(layer for layer in reversed(network.layers) if layer.weights)
    lower = as_function(keras.Model(network.inputs, last.input), shape_of(size), scaling)

    def features(images: np.ndarray) -> np.ndarray:
        return np.asarray(lower(images), np.float32).reshape(len(images), -1)

    return features


def directions(
    features: Callable[[np.ndarray], np.ndarray], images: np.ndarray, tell: Callable[[int], None] = lambda done: None
) -> np.ndarray:
    """The features of many pictures at length 1, float16 (n, features); `tell` hears how many are done."""
    parts = []
    for start in range(0, len(images), CHUNK):
        rows = features(images[start : start + CHUNK])
        parts.append((rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)).astype(np.float16))
        tell(min(start + CHUNK, len(images)))
    return np.concatenate(parts)


def nearest(index: np.ndarray, direction: np.ndarray, count: int = 5) -> list[Neighbor]:
    """The most alike, most alike first; index: float16 (n, features) and direction: (features,), both of length 1."""
    likeness = np.concatenate(
        [
            index[start : start + 8192].astype(np.float32) @ direction.astype(np.float32)
            for start in range(0, len(index), 8192)
        ]
    )
    best = np.argsort(-likeness, kind="stable")[:count]
    return [Neighbor(int(place), float(likeness[place])) for place in best]
