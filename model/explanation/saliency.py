"""Which parts of a picture an answer rests on: Grad-CAM for Keras networks, occlusion for any network."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from model.common.errors import VitrineError
from model.i18n.translations import gettext as _
from model.signature.outputs import INDEPENDENT
from model.signature.scaling import as_wanted
from model.signature.shapes import InputShape, PictureSize, shape_of

if TYPE_CHECKING:
    import keras

Probabilities = Callable[[np.ndarray], np.ndarray]
Explanation = Callable[[np.ndarray, int], np.ndarray]
LEAST_SIDE = 4  # a map of fewer places than this a side says little about where
TURN = 8  # pictures asked at a time by an explanation, so that nobody waits for more than those
REST = 0.001  # seconds between two turns: a lock that is let go and taken again at once is never anybody else's
GREY = np.array([125, 123, 114], np.uint8)  # the mean of natural photographs: what says least
LUMINANCE = np.uint8(123)  # of that grey


class NoMapError(VitrineError, ValueError):
    """A network that a method cannot look into; the message says why and what can."""


def gradient_map(
    network: keras.Model, size: PictureSize, scaling: str = "none", output: str = "probabilities"
) -> Explanation:
    """Grad-CAM (R. R. Selvaraju et al., arXiv 1610.02391) of a network, as a compiled function.

    It takes one picture, uint8 (height, width, channels), and a class's index, and gives float32 (height, width) of 0
    to 1: where the features stand that speak for that class. Gradients stay in place instead of being averaged over it
    (HiResCAM, R. L. Draelos and L. Carin, arXiv 2011.08891), so that the map shows what the network computed with. The
    features are those of the deepest layer with maps of at least 4 x 4 places. size: the side of RGB squares, or any
    shape; scaling: a name of SCALINGS; output: one of OUTPUTS. Raises NoMapError.
    """
    import keras
    import tensorflow as tf

    shape = shape_of(size)
    layer = deepest_map(network, shape)
    if layer is None:
        raise NoMapError(
            _("This network has no layer of feature maps for Grad-CAM; covering parts looks into any network.")
        )
    target = keras.Model(network.inputs[0], [layer.output, class_scores(network, output)])
    wanted = network.inputs[0]
    signature = [tf.TensorSpec((1, *shape), tf.uint8), tf.TensorSpec((), tf.int32)]

    @tf.function(input_signature=signature, autograph=False)  # type: ignore[untyped-decorator]
    def weighed(picture: Any, label: Any) -> Any:
        # The way from features to score is on the tape because the features hang on watched weights, frozen or not.
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch([variable.value for variable in network.variables])
            features, scores = target(as_wanted(picture, scaling, wanted), training=False)
            score = scores[0, label]
            if output != INDEPENDENT:
                # The logarithm of the odds against all other classes: it has a slope where a probability is all but 1.
                others = tf.where(tf.range(tf.shape(scores)[1]) == label, -np.inf, scores[0])
                score -= tf.reduce_logsumexp(others)
        product = tf.cast(tape.gradient(score, features), tf.float32) * tf.cast(features, tf.float32)
        return tf.nn.relu(tf.reduce_sum(product, axis=-1))[0]

    def explained(image: np.ndarray, label: int) -> np.ndarray:
        small = weighed(tf.constant(image[None]), tf.constant(label, tf.int32))
        return stretched(np.asarray(small), shape)

    return explained


def deepest_map(network: keras.Model, size: InputShape) -> keras.Layer | None:
    """The last layer after the first convolution with maps of at least LEAST_SIDE places a side, or else of 2.

    Layers with weights are left out: what they give is not normalised or activated yet.
    """
    convolutions = [
        index for index, layer in enumerate(network.layers) if any(len(weight.shape) == 4 for weight in layer.weights)
    ]
    if not convolutions:
        return None
    after = network.layers[convolutions[0] :]
    for candidates in ([layer for layer in after if not layer.weights], after):
        for least in (LEAST_SIDE, 2):
            for layer in reversed(candidates):
                if places(network, layer, size) >= least:
                    return layer
    return None


def places(network: keras.Model, layer: keras.Layer, size: InputShape) -> int:
    """How many places a side, the shorter, a layer's maps have for pictures of a size; 0 where it gives no maps."""
    import keras

    shape = getattr(layer.output, "shape", ())
    if len(shape) != 4:
        return 0
    if None in shape[1:3]:  # a network that takes pictures of any size
        shape = keras.Model(network.inputs[0], layer.output).compute_output_shape((1, *size))
    return int(min(shape[1:3]))


def class_scores(network: keras.Model, output: str) -> Any:
    """Numbers whose differences are logarithms of odds: logits where the network has them, else log probabilities.

    Of classes that do not exclude each other, each number is the logarithm of that class's own odds.
    """
    import keras

    last = network.layers[-1]
    if getattr(last, "activation", None) is keras.activations.softmax and not last.weights:
        return keras.ops.cast(last.input, "float32")
    rows = keras.ops.cast(network.output, "float32")
    if output == INDEPENDENT:
        return log_odds(network, rows)
    if output == "logits":
        return rows
    if output == "one logit":
        return keras.ops.concatenate([keras.ops.zeros_like(rows), rows], axis=1)
    if output == "one probability":
        rows = keras.ops.concatenate([1 - rows, rows], axis=1)
    return keras.ops.log(rows + 1e-7)


def log_odds(network: keras.Model, rows: Any) -> Any:
    """What the last sigmoid was given, where it is a layer of its own; else worked out from what it gave."""
    import keras

    last = network.layers[-1]
    if getattr(last, "activation", None) is keras.activations.sigmoid and not last.weights:
        return keras.ops.cast(last.input, "float32")
    return keras.ops.log(rows + 1e-7) - keras.ops.log(1 - rows + 1e-7)


def in_turns(probabilities: Probabilities) -> Probabilities:
    """The same asked for a few pictures at a time, so that other visitors' pictures get in between."""

    def asked(images: np.ndarray) -> np.ndarray:
        rows = []
        for start in range(0, len(images), TURN):
            rows.append(probabilities(images[start : start + TURN]))
            time.sleep(REST)
        return np.concatenate(rows)

    return asked


def occlusion_map(probabilities: Probabilities, image: np.ndarray, label: int, places: int = 7) -> np.ndarray:
    """How much covering each part of a picture lowers the probability of class `label` (arXiv 1311.2901, section 4.2).

    A grey patch of a quarter of each side stands in places x places positions, all in one call of `probabilities`,
    which takes uint8 (n, height, width, channels). image: uint8 (height, width, channels). float32 (height, width) of 0
    to 1; all 0 where covering lowers nothing.
    """
    size = image.shape[:2]
    down, across = (max(side // 4, 1) for side in size)
    tops, lefts = (
        np.linspace(0, side - part, places).round().astype(int) for side, part in zip(size, (down, across), strict=True)
    )
    corners = [(top, left) for top in tops for left in lefts]
    covered = np.repeat(image[None], len(corners) + 1, axis=0)
    for picture, (top, left) in zip(covered, corners, strict=False):
        picture[top : top + down, left : left + across] = GREY if image.shape[2] == 3 else LUMINANCE
    rows = probabilities(covered)[:, label]
    drops = rows[-1] - rows[:-1]
    total, times = np.zeros(size, np.float32), np.zeros(size, np.float32)
    for drop, (top, left) in zip(drops, corners, strict=True):
        total[top : top + down, left : left + across] += drop
        times[top : top + down, left : left + across] += 1
    return normalised(np.maximum(total / np.maximum(times, 1), 0.0))


def regions(marks: np.ndarray) -> np.ndarray:
    """How much of a map, (height, width), lies in each ninth of the picture: shares of 1, (3, 3).

    All 0 for an empty map. Rows go from top to bottom.
    """
    ninths = [np.array_split(row, 3, axis=1) for row in np.array_split(marks, 3, axis=0)]
    sums = np.array([[float(part.sum()) for part in row] for row in ninths])
    return np.asarray(sums / (sums.sum() or 1.0))


def stretched(small: np.ndarray, shape: InputShape) -> np.ndarray:
    """A map of any size made as large as the pictures, smooth, 0 to 1."""
    picture = Image.fromarray(np.asarray(small, np.float32)).resize(
        (shape.width, shape.height), Image.Resampling.BICUBIC
    )
    return normalised(np.maximum(np.asarray(picture), 0.0))


def normalised(values: np.ndarray) -> np.ndarray:
    """The values divided by their maximum, float32; all 0 stay so."""
    peak = float(values.max(initial=0.0))
    scaled: np.ndarray = (values / peak if peak > 0 else values).astype(np.float32)
    return scaled
