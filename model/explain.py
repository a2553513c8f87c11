"""Which parts of a picture an answer rests on: Grad-CAM for Keras networks, occlusion for any network."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from model.language import gettext as _

if TYPE_CHECKING:
    import keras

Probabilities = Callable[[np.ndarray], np.ndarray]
Explanation = Callable[[np.ndarray, int], np.ndarray]
LEAST_SIDE = 4  # a map of fewer places than this a side says little about where
GREY = np.array([125, 123, 114], np.uint8)  # the mean of natural photographs: what says least


class NoMapError(ValueError):
    """A network that a method cannot look into; the message says why and what can."""


def gradient_map(network: keras.Model) -> Explanation:
    """Grad-CAM (R. R. Selvaraju et al., arXiv 1610.02391) of a network, as a compiled function.

    It takes one picture, uint8 (size, size, 3), and a class's index, and gives float32 (size, size) of 0 to 1: where
    the features stand that speak for that class. Gradients stay in place instead of being averaged over it (HiResCAM,
    R. L. Draelos and L. Carin, arXiv 2011.08891), so that the map shows what the network computed with. The features
    are those of the deepest layer with maps of at least 4 x 4 places. Raises NoMapError.
    """
    import keras
    import tensorflow as tf

    layer = deepest_map(network)
    if layer is None:
        raise NoMapError(_("this network has no layer of feature maps for Grad-CAM; occlusion looks into any network"))
    target = keras.Model(network.inputs[0], [layer.output, class_scores(network)])
    given = network.inputs[0]
    signature = [tf.TensorSpec((1, *given.shape[1:]), given.dtype), tf.TensorSpec((), tf.int32)]

    @tf.function(input_signature=signature, autograph=False)  # type: ignore[untyped-decorator]
    def weighed(picture: Any, label: Any) -> Any:
        # The way from features to score is on the tape because the features hang on watched weights, frozen or not.
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch([variable.value for variable in network.variables])
            features, scores = target(picture, training=False)
            # The logarithm of the odds against all other classes: it has a slope where the probability is all but 1.
            others = tf.where(tf.range(tf.shape(scores)[1]) == label, -np.inf, scores[0])
            score = scores[0, label] - tf.reduce_logsumexp(others)
        product = tf.cast(tape.gradient(score, features), tf.float32) * tf.cast(features, tf.float32)
        return tf.nn.relu(tf.reduce_sum(product, axis=-1))[0]

    def explained(image: np.ndarray, label: int) -> np.ndarray:
        small = weighed(tf.cast(image[None], signature[0].dtype), tf.constant(label, tf.int32))
        return stretched(np.asarray(small), image.shape[0])

    return explained


def deepest_map(network: keras.Model) -> keras.Layer | None:
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
                shape = getattr(layer.output, "shape", ())
                if len(shape) == 4 and all((side or 0) >= least for side in shape[1:3]):
                    return layer
    return None


def class_scores(network: keras.Model) -> Any:
    """The network's logits where it ends in a softmax layer, the logarithms of its probabilities otherwise."""
    import keras

    last = network.layers[-1]
    if getattr(last, "activation", None) is keras.activations.softmax and not last.weights:
        return keras.ops.cast(last.input, "float32")
    return keras.ops.log(keras.ops.cast(network.output, "float32") + 1e-7)


def occlusion_map(probabilities: Probabilities, image: np.ndarray, label: int, places: int = 7) -> np.ndarray:
    """How much covering each part of a picture lowers the probability of class `label` (arXiv 1311.2901, section 4.2).

    A grey square of a quarter of the side stands in places x places positions, all in one call of `probabilities`,
    which takes uint8 (n, size, size, 3). image: uint8 (size, size, 3). float32 (size, size) of 0 to 1; all 0 where
    covering lowers nothing.
    """
    size = image.shape[0]
    square = max(size // 4, 1)
    starts = np.linspace(0, size - square, places).round().astype(int)
    corners = [(top, left) for top in starts for left in starts]
    covered = np.repeat(image[None], len(corners) + 1, axis=0)
    for picture, (top, left) in zip(covered, corners, strict=False):
        picture[top : top + square, left : left + square] = GREY
    rows = probabilities(covered)[:, label]
    drops = rows[-1] - rows[:-1]
    total, times = np.zeros((size, size), np.float32), np.zeros((size, size), np.float32)
    for drop, (top, left) in zip(drops, corners, strict=True):
        total[top : top + square, left : left + square] += drop
        times[top : top + square, left : left + square] += 1
    return normalised(np.maximum(total / np.maximum(times, 1), 0.0))


def stretched(small: np.ndarray, size: int) -> np.ndarray:
    """A map of any size made size x size, smooth, 0 to 1."""
    picture = Image.fromarray(np.asarray(small, np.float32)).resize((size, size), Image.Resampling.BICUBIC)
    return normalised(np.maximum(np.asarray(picture), 0.0))


def normalised(values: np.ndarray) -> np.ndarray:
    """The values divided by their maximum, float32; all 0 stay so."""
    peak = float(values.max(initial=0.0))
    scaled: np.ndarray = (values / peak if peak > 0 else values).astype(np.float32)
    return scaled
