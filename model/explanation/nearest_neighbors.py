"""Find the most similar training pictures: the nearest in the network's own feature space."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from model.common.errors import UnsafeModelError
from model.formats.class_output import feature_tensor
from model.formats.graph import node_of
from model.signature.scaling import compile_function
from model.signature.shapes import PictureSize, to_input_shape

if TYPE_CHECKING:
    import keras

_BATCH = 128  # pictures at a time, so that other requests do not wait for longer than these take


@dataclass(frozen=True)
class Neighbor:
    """A similar picture.

    Attributes:
        index: Its index in the data set.
        similarity: The cosine similarity of the features, -1 to 1.
    """

    index: int
    similarity: float


def feature_extractor(
    network: keras.Model, size: PictureSize, scaling: str = "none"
) -> Callable[[np.ndarray], np.ndarray]:
    """Return the network up to what the layer of its logits is given, as a compiled function.

    Where no layer is given such a row, up to the input of the last layer with weights.

    Args:
        network: A Keras network.
        size: The side of square RGB pictures, or any input shape.
        scaling: A name of SCALINGS.

    Returns:
        A function from uint8 (n, height, width, channels) to float32 (n, features).
    """
    import keras

    given = _features_in(network, network.outputs[0].shape[-1])
    lower = compile_function(keras.Model(network.inputs, given), to_input_shape(size), scaling)

    def features(images: np.ndarray) -> np.ndarray:
        return np.asarray(lower(images), np.float32).reshape(len(images), -1)

    return features


def _features_in(network: keras.Model, classes: int) -> Any:
    """Return the tensor of the features; if all weights lie in a network inside the network, of those in there."""
    import keras

    with suppress(UnsafeModelError):
        return feature_tensor(network, classes)
    last = next(layer for layer in reversed(network.layers) if layer.weights)
    given = node_of(network, last).input_tensors[0]
    return keras.Model(last.inputs, _features_in(last, classes))(given) if isinstance(last, keras.Model) else given


def normalized_features(
    features: Callable[[np.ndarray], np.ndarray],
    images: np.ndarray,
    on_progress: Callable[[int], None] = lambda done: None,
) -> np.ndarray:
    """Compute the features of many pictures, scaled to length 1.

    Args:
        features: The function that `feature_extractor` returns.
        images: uint8 (n, height, width, channels).
        on_progress: Called with the number of pictures done.

    Returns:
        float16 (n, features).
    """
    parts = []
    for start in range(0, len(images), _BATCH):
        rows = features(images[start : start + _BATCH])
        parts.append((rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)).astype(np.float16))
        on_progress(min(start + _BATCH, len(images)))
    return np.concatenate(parts)


def nearest(index: np.ndarray, direction: np.ndarray, count: int = 5) -> list[Neighbor]:
    """Return the `count` most similar pictures, the most similar first.

    Args:
        index: float16 (n, features), each of length 1.
        direction: The features of one picture, (features,), of length 1.
        count: How many to return.
    """
    likeness = np.concatenate(
        [
            index[start : start + 8192].astype(np.float32) @ direction.astype(np.float32)
            for start in range(0, len(index), 8192)
        ]
    )
    best = np.argsort(-likeness, kind="stable")[:count]
    return [Neighbor(int(place), float(likeness[place])) for place in best]
