"""What a Keras network does to its pictures before its first weights, found by asking just that part of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from model.formats.allowlist import NETWORKS, word_set
from model.intake.scaling_evidence import Affine, Finding, by_arithmetic, by_moments
from model.signature.shapes import InputShape

if TYPE_CHECKING:
    import keras

Apply = Callable[[np.ndarray], np.ndarray]
# Layers and operations that may stand before the first weights and leave a pixel a number that can be told from it.
PASSING = word_set(
    """
    InputLayer Identity Activation ActivityRegularization Dropout SpatialDropout2D GaussianNoise GaussianDropout Cast
    Rescaling Normalization Resizing CenterCrop Cropping2D ZeroPadding2D UpSampling2D Permute Reshape
    RandomFlip RandomRotation RandomTranslation RandomZoom RandomContrast RandomBrightness RandomCrop RandomShear
    RandomHue RandomSaturation RandomErasing RandomGrayscale RandomColorJitter RandomSharpness
    TrueDivide Divide Multiply Add Subtract Negative Absolute Clip Maximum Minimum Resize RGBToGrayscale Mean
    GetItem Split Unstack Stack Concatenate Flip Take Transpose ExpandDims Squeeze Repeat Tile BroadcastTo
    """
)
# Three corners of the cube of colours, and one inside it: if that one is where the corners say, so is the rest.
INSIDE = np.array([51.0, 119.0, 204.0])


@dataclass(frozen=True)
class Start:
    """The beginning of a network: how pixels get to what comes after it, and what that is."""

    apply: Apply
    following: list[Any]


def read_preprocessing(network: keras.Model, shape: InputShape) -> Finding | None:
    """What a network wants for a pixel by its own arithmetic or its normalisation's memory; None where neither tells.

    shape: that of the pictures that it will get.
    """
    starts = list(starts_of(network, first_of(network)))
    affines = [affine_of(start.apply, shape) for start in starts]
    if not affines or any(affine is None for affine in affines):
        return None
    affine = affines[0]
    assert affine is not None
    if not all(other is not None and same(affine, other) for other in affines):
        return None  # branches that treat the picture differently
    return by_arithmetic(affine) or next(filter(None, (remembered(affine, start) for start in starts)), None)


def first_of(network: keras.Model) -> Apply:
    """Pictures as a network's input holds them: one of grey may have no axis for its one channel."""
    return (lambda pictures: pictures) if len(network.inputs[0].shape) == 4 else (lambda pictures: pictures[..., 0])


def same(one: Affine, other: Affine) -> bool:
    return one.matrix.shape == other.matrix.shape and bool(
        np.allclose(one.matrix, other.matrix, rtol=1e-3) and np.allclose(one.offset, other.offset, atol=1e-3)
    )


def starts_of(network: keras.Model, before: Apply) -> Iterator[Start]:
    """The tensors between what only prepares pictures and the rest; inner networks are entered.

    before: what the outer network has done to the pictures already.
    """
    import keras

    prepared = {id(tensor): tensor for tensor in graph_of(network).inputs}
    following: dict[int, list[Any]] = {}
    for node in nodes_of(network):
        given = node.input_tensors
        if node.is_input or not any(id(tensor) in prepared for tensor in given):
            continue
        if is_passing(node.operation) and all(id(tensor) in prepared for tensor in given):
            prepared |= {id(tensor): tensor for tensor in node.outputs}
            continue
        for tensor in given:
            if id(tensor) in prepared:
                following.setdefault(id(tensor), []).append(node.operation)
    for key, operations in following.items():
        apply = part_of(network, prepared[key], before)
        inner = operations[0]
        if len(operations) == 1 and isinstance(inner, keras.Model):
            yield from starts_of(inner, apply)
        else:
            yield Start(apply, operations)


def graph_of(network: keras.Model) -> Any:
    return getattr(network, "_functional", None) or network  # a Sequential keeps its graph there


def nodes_of(network: keras.Model) -> list[Any]:
    """The calls of a network's layers and operations, from its input on."""
    levels = sorted(graph_of(network)._nodes_by_depth.items(), reverse=True)
    return [node for _, level in levels for node in level]


def is_passing(operation: Any) -> bool:
    """Whether an operation, or an inner network with all that is in it, only prepares pictures."""
    name = type(operation).__name__
    if name in NETWORKS:
        return all(map(is_passing, operation.layers))
    if name == "Activation":
        return bool(operation.activation.__name__ == "linear")
    if name == "Mean":
        return bool(operation.keepdims) and operation.axis in (-1, 3, [-1], [3], (-1,), (3,))  # grey, of three channels
    return name in PASSING


def part_of(network: keras.Model, tensor: Any, before: Apply) -> Apply:
    """The network up to a tensor, after what comes before the network."""
    import keras

    part = keras.Model(network.inputs[0], tensor)

    def apply(pictures: np.ndarray) -> np.ndarray:
        return np.asarray(part(before(pictures), training=False), np.float32)

    return apply


def affine_of(apply: Apply, shape: InputShape) -> Affine | None:
    """The map of colours that an `apply` is, or None for one that does something else.

    apply: pictures of one colour, float32 (1, height, width, channels), to numbers of the same layout.
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
        inside = INSIDE[:channels]
        missed = np.abs(matrix @ inside + black - asked(inside)).max()
    except Exception:  # what is in the file is not ours: Keras raises nearly anything
        return None
    width = np.abs(matrix).sum(axis=1).max() * 255
    # Networks of mixed precision prepare pictures in 8 to 11 bits.
    return Affine(matrix, black) if np.isfinite(missed) and width > 0 and missed <= 0.02 * width else None


def remembered(affine: Affine, start: Start) -> Finding | None:
    """What the batch normalisation right after the beginning saw in training; None where it has seen nothing."""
    for layer in start.following:
        if type(layer).__name__ != "BatchNormalization":
            continue
        mean, variance = np.asarray(layer.moving_mean, np.float64), np.asarray(layer.moving_variance, np.float64)
        untrained = np.allclose(mean, 0) and np.allclose(variance, 1)
        if not untrained and mean.shape == affine.offset.shape and np.isfinite([mean, variance]).all():
            return by_moments(affine, mean, np.sqrt(np.maximum(variance, 0)))
    return None
