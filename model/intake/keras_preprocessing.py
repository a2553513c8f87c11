"""Find what a Keras network does to pictures before its first weights, by running only that part."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from model.formats.allowlist import NETWORKS, word_set
from model.formats.graph import nodes_of
from model.intake.scaling_evidence import Affine, Finding, scaling_from_arithmetic, scaling_from_moments
from model.signature.shapes import InputShape

if TYPE_CHECKING:
    import keras

ImageFunction = Callable[[np.ndarray], np.ndarray]
# Layers and operations that may come before the first weights and map each pixel to a value.
_PREPARING = word_set(
    """
    InputLayer Identity Activation ActivityRegularization Dropout SpatialDropout2D GaussianNoise GaussianDropout Cast
    Rescaling Normalization Resizing CenterCrop Cropping2D ZeroPadding2D UpSampling2D Permute Reshape
    RandomFlip RandomRotation RandomTranslation RandomZoom RandomContrast RandomBrightness RandomCrop RandomShear
    RandomHue RandomSaturation RandomErasing RandomGrayscale RandomColorJitter RandomSharpness RandomPerspective
    RandomGaussianBlur RandomInvert RandomPosterization RandomElasticTransform RandomColorDegeneration RandAugment
    AugMix
    TrueDivide Divide Multiply Add Subtract Negative Absolute Clip Maximum Minimum Resize RGBToGrayscale Mean
    GetItem Split Unstack Stack Concatenate Flip Take Transpose ExpandDims Squeeze Repeat Tile BroadcastTo
    """
)
# A colour inside the RGB cube: if it is mapped as its corners predict, the map is affine.
_INNER_COLOUR = np.array([51.0, 119.0, 204.0])


@dataclass(frozen=True)
class _NetworkStart:
    """The beginning of a network: the function that prepares pictures, and the operations that follow it."""

    apply: ImageFunction
    following: list[Any]


def read_preprocessing(network: keras.Model, shape: InputShape) -> Finding | None:
    """Return the scaling that a network's own arithmetic or its first normalization shows; None if neither does.

    `shape`: the shape of the pictures it will get.
    """
    starts = list(_find_starts(network, input_function(network)))
    affines = [fit_affine(start.apply, shape) for start in starts]
    if not affines or any(affine is None for affine in affines):
        return None
    affine = affines[0]
    assert affine is not None
    if not all(other is not None and _is_same(affine, other) for other in affines):
        return None  # branches that prepare the picture differently
    return scaling_from_arithmetic(affine) or next(
        filter(None, (_scaling_from_first_norm(affine, start) for start in starts)), None
    )


def input_function(network: keras.Model) -> ImageFunction:
    """Return the function that removes the channel axis from grey pictures if the input has none."""
    return (lambda pictures: pictures) if len(network.inputs[0].shape) == 4 else (lambda pictures: pictures[..., 0])


def _is_same(one: Affine, other: Affine) -> bool:
    return one.matrix.shape == other.matrix.shape and bool(
        np.allclose(one.matrix, other.matrix, rtol=1e-3) and np.allclose(one.offset, other.offset, atol=1e-3)
    )


def _find_starts(network: keras.Model, before: ImageFunction) -> Iterator[_NetworkStart]:
    """Yield the tensors between preparation and the rest, also inside inner networks.

    `before`: what the outer network has done to the pictures already.
    """
    import keras

    prepared = {id(tensor): tensor for tensor in network.inputs}
    following: dict[int, list[Any]] = {}
    for node in nodes_of(network):
        given = node.input_tensors
        if node.is_input or not any(id(tensor) in prepared for tensor in given):
            continue
        if _is_preparing(node.operation) and all(id(tensor) in prepared for tensor in given):
            prepared |= {id(tensor): tensor for tensor in node.outputs}
            continue
        for tensor in given:
            if id(tensor) in prepared:
                following.setdefault(id(tensor), []).append(node.operation)
    for key, operations in following.items():
        apply = partial_network(network, prepared[key], before)
        inner = operations[0]
        if len(operations) == 1 and isinstance(inner, keras.Model):
            yield from _find_starts(inner, apply)
        else:
            yield _NetworkStart(apply, operations)


def _is_preparing(operation: Any) -> bool:
    """Return whether an operation, or a whole inner network, only prepares pictures."""
    name = type(operation).__name__
    if name in NETWORKS:
        return all(map(_is_preparing, operation.layers))
    if name == "Activation":
        return bool(operation.activation.__name__ == "linear")
    if name == "Mean":
        return bool(operation.keepdims) and operation.axis in (-1, 3, [-1], [3], (-1,), (3,))  # grey, of three channels
    return name in _PREPARING


def partial_network(network: keras.Model, tensor: Any, before: ImageFunction) -> ImageFunction:
    """Return the network up to a tensor as a function, applied after `before`."""
    import keras

    part = keras.Model(network.inputs[0], tensor)

    def apply(pictures: np.ndarray) -> np.ndarray:
        return np.asarray(part(before(pictures), training=False), np.float32)

    return apply


def fit_affine(apply: ImageFunction, shape: InputShape) -> Affine | None:
    """Return the affine map of colours that `apply` computes; None if it is not affine.

    `apply` takes pictures of one colour, float32 (1, height, width, channels), and keeps that layout.
    """

    def asked(colour: np.ndarray) -> np.ndarray:
        result = apply(np.broadcast_to(colour.astype(np.float32), (1, *shape)))
        if result.ndim == 3:
            result = result[..., None]
        if result.ndim != 4 or result.shape[3] not in (1, 3):
            raise ValueError(f"{result.shape} are no pictures")
        centre: np.ndarray = result[0, result.shape[1] // 2, result.shape[2] // 2].astype(np.float64)
        return centre  # the edges may be padded

    channels = shape.channels
    try:
        black = asked(np.zeros(channels))
        matrix = np.stack([asked(255 * unit) - black for unit in np.eye(channels)], axis=1) / 255
        inside = _INNER_COLOUR[:channels]
        missed = np.abs(matrix @ inside + black - asked(inside)).max()
    except Exception:  # what is in the file is not ours: Keras raises nearly anything
        return None
    width = np.abs(matrix).sum(axis=1).max() * 255
    # Networks of mixed precision prepare pictures in 8 to 11 bits.
    return Affine(matrix, black) if np.isfinite(missed) and width > 0 and missed <= 0.02 * width else None


def _scaling_from_first_norm(affine: Affine, start: _NetworkStart) -> Finding | None:
    """Return the scaling that the statistics of the first batch norm show; None if it is untrained."""
    for layer in start.following:
        if type(layer).__name__ != "BatchNormalization":
            continue
        mean, variance = np.asarray(layer.moving_mean, np.float64), np.asarray(layer.moving_variance, np.float64)
        untrained = np.allclose(mean, 0) and np.allclose(variance, 1)
        if not untrained and mean.shape == affine.offset.shape and np.isfinite([mean, variance]).all():
            return scaling_from_moments(affine, mean, np.sqrt(np.maximum(variance, 0)))
    return None
