"""Show which parts of a picture a prediction depends on: Grad-CAM for Keras networks, occlusion for all."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from model.common.errors import VitrineError
from model.formats.graph import node_of
from model.i18n.translations import gettext as _
from model.signature.outputs import INDEPENDENT
from model.signature.scaling import to_network_input
from model.signature.shapes import InputShape, PictureSize, to_input_shape

if TYPE_CHECKING:
    import keras

_Probabilities = Callable[[np.ndarray], np.ndarray]
Explanation = Callable[[np.ndarray, int], np.ndarray]
_MIN_MAP_SIDE = 4  # cells per side; a coarser map says little about where
_BATCH = 8  # pictures at a time, so that other requests do not wait for longer than these take
_PAUSE_SECONDS = 0.001  # between two batches: a thread that takes a lock again at once starves the others
GREY = np.array([125, 123, 114], np.uint8)  # the mean of natural photographs: the least informative colour
_LUMINANCE = np.uint8(123)  # of that grey


class NoMapError(VitrineError, ValueError):
    """A network that a method cannot explain; the message says why and which method can."""


def gradient_map(
    network: keras.Model, size: PictureSize, scaling: str = "none", output: str = "probabilities"
) -> Explanation:
    """Return Grad-CAM (R. R. Selvaraju et al., arXiv 1610.02391) of a network as a compiled function.

    Gradients are not averaged over the positions (HiResCAM, R. L. Draelos and L. Carin, arXiv 2011.08891), so that the
    map shows what the network really computed with. The features are those of the deepest layer with maps of at least 4
    x 4 cells.

    Args:
        network: A Keras network.
        size: The side of square RGB pictures, or any input shape.
        scaling: A name of SCALINGS.
        output: One of OUTPUTS.

    Returns:
        A function from one picture, uint8 (height, width, channels), and the index of a class to a map, float32
            (height, width) of 0 to 1, of the features that support the class.

    Raises:
        NoMapError: The network has no suitable layer.
    """
    import tensorflow as tf

    shape = to_input_shape(size)
    target = _with_features(network, _class_scores(network, output), shape)
    if target is None:
        raise NoMapError(
            _("This network has no layer of feature maps for Grad-CAM; covering parts looks into any network.")
        )
    wanted = network.inputs[0]
    signature = [tf.TensorSpec((1, *shape), tf.uint8), tf.TensorSpec((), tf.int32)]

    @tf.function(input_signature=signature, autograph=False)  # type: ignore[untyped-decorator]
    def weighed(picture: Any, label: Any) -> Any:
        # Watching the weights, frozen or not, puts the whole computation from the features to the score on the tape.
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch([variable.value for variable in network.variables])
            features, scores = target(to_network_input(picture, scaling, wanted), training=False)
            score = scores[0, label]
            if output != INDEPENDENT:
                # The log odds against all other classes still have a gradient when the probability is nearly 1.
                others = tf.where(tf.range(tf.shape(scores)[1]) == label, -np.inf, scores[0])
                score -= tf.reduce_logsumexp(others)
        product = tf.cast(tape.gradient(score, features), tf.float32) * tf.cast(features, tf.float32)
        return tf.nn.relu(tf.reduce_sum(product, axis=-1))[0]

    def explained(image: np.ndarray, label: int) -> np.ndarray:
        small = weighed(tf.constant(image[None]), tf.constant(label, tf.int32))
        return _resize_map(np.asarray(small), shape)

    return explained


def _with_features(network: keras.Model, scores: Any, shape: tuple[int, ...]) -> keras.Model | None:
    """Return the network with two outputs, its deepest feature maps and `scores`; None if it has no such maps.

    Args:
        network: Its own layers are looked at first, then the networks that it calls as layers, the last one first.
        scores: A tensor of the network; of the features in a network inside it alone.
        shape: Of what the network is given, without the axis of the pictures.
    """
    import keras

    layer = _deepest_feature_layer(network, shape)
    if layer is not None:
        return keras.Model(network.inputs[0], [node_of(network, layer).outputs[0], scores])
    for inner in reversed([layer for layer in network.layers if isinstance(layer, keras.Model)]):
        call = node_of(network, inner)
        part = _with_features(inner, inner.outputs[0], _shape_at(network, call.input_tensors[0], shape))
        if part is not None:
            features, answer = part(call.input_tensors[0])
            rest = keras.Model(call.outputs[0], scores)
            return keras.Model(network.inputs[0], [features, rest(answer)])
    return None


def _deepest_feature_layer(network: keras.Model, shape: tuple[int, ...]) -> keras.Layer | None:
    """Return the last layer after the first convolution whose maps have at least _MIN_MAP_SIDE cells a side, or else 2.

    Layers with weights are the second choice: their outputs are not normalized or activated yet.
    """
    import keras

    convolutions = [
        index for index, layer in enumerate(network.layers) if any(len(weight.shape) == 4 for weight in layer.weights)
    ]
    if not convolutions:
        return None
    after = [layer for layer in network.layers[convolutions[0] :] if not isinstance(layer, keras.Model)]
    for candidates in ([layer for layer in after if not layer.weights], after):
        for least in (_MIN_MAP_SIDE, 2):
            for layer in reversed(candidates):
                if _map_side(network, layer, shape) >= least:
                    return layer
    return None


def _map_side(network: keras.Model, layer: keras.Layer, shape: tuple[int, ...]) -> int:
    """Return the shorter side of a layer's maps, in cells, for inputs of a shape; 0 if it has no maps."""
    made = node_of(network, layer).outputs[0]
    return int(min(_shape_at(network, made, shape)[:2])) if len(made.shape) == 4 else 0


def _shape_at(network: keras.Model, tensor: Any, shape: tuple[int, ...]) -> tuple[int, ...]:
    """Return the shape of a tensor of the network for one input of a shape, both without the axis of the pictures."""
    import keras

    found = tensor.shape
    if None in found[1:]:  # the network takes pictures of any size
        found = keras.Model(network.inputs[0], tensor).compute_output_shape((1, *shape))
    return tuple(found[1:])


def _class_scores(network: keras.Model, output: str) -> Any:
    """Return scores whose differences are log odds: logits if the network has them, else log probabilities.

    For independent classes, each score is the log odds of that class alone.
    """
    import keras

    last = network.layers[-1]
    if getattr(last, "activation", None) is keras.activations.softmax and not last.weights:
        return keras.ops.cast(node_of(network, last).input_tensors[0], "float32")
    rows = keras.ops.cast(network.outputs[0], "float32")
    if output == INDEPENDENT:
        return _log_odds(network, rows)
    if output == "logits":
        return rows
    if output == "one logit":
        return keras.ops.concatenate([keras.ops.zeros_like(rows), rows], axis=1)
    if output == "one probability":
        rows = keras.ops.concatenate([1 - rows, rows], axis=1)
    return keras.ops.log(rows + 1e-7)


def _log_odds(network: keras.Model, rows: Any) -> Any:
    """Return the input of the last sigmoid if it is a layer of its own, else compute the log odds from its output."""
    import keras

    last = network.layers[-1]
    if getattr(last, "activation", None) is keras.activations.sigmoid and not last.weights:
        return keras.ops.cast(node_of(network, last).input_tensors[0], "float32")
    return keras.ops.log(rows + 1e-7) - keras.ops.log(1 - rows + 1e-7)


def in_small_batches(probabilities: _Probabilities) -> _Probabilities:
    """Return the same function evaluated in small batches, so that other requests are served in between."""

    def asked(images: np.ndarray) -> np.ndarray:
        rows = []
        for start in range(0, len(images), _BATCH):
            rows.append(probabilities(images[start : start + _BATCH]))
            time.sleep(_PAUSE_SECONDS)
        return np.concatenate(rows)

    return asked


def occlusion_map(probabilities: _Probabilities, image: np.ndarray, label: int, positions: int = 7) -> np.ndarray:
    """Measure how much covering each part of a picture lowers the probability of class `label`.

    A grey patch of a quarter of each side is moved over the picture (M. D. Zeiler and R. Fergus, arXiv 1311.2901,
    section 4.2).

    Args:
        probabilities: From uint8 (n, height, width, channels) to float (n, classes); called once.
        image: uint8 (height, width, channels).
        label: The index of the class.
        positions: Patch positions in each direction.

    Returns:
        float32 (height, width) of 0 to 1; all 0 if covering lowers nothing.
    """
    size = image.shape[:2]
    down, across = (max(side // 4, 1) for side in size)
    tops, lefts = (
        np.linspace(0, side - part, positions).round().astype(int)
        for side, part in zip(size, (down, across), strict=True)
    )
    corners = [(top, left) for top in tops for left in lefts]
    covered = np.repeat(image[None], len(corners) + 1, axis=0)
    for picture, (top, left) in zip(covered, corners, strict=False):
        picture[top : top + down, left : left + across] = GREY if image.shape[2] == 3 else _LUMINANCE
    rows = probabilities(covered)[:, label]
    drops = rows[-1] - rows[:-1]
    total, times = np.zeros(size, np.float32), np.zeros(size, np.float32)
    for drop, (top, left) in zip(drops, corners, strict=True):
        total[top : top + down, left : left + across] += drop
        times[top : top + down, left : left + across] += 1
    return _normalize(np.maximum(total / np.maximum(times, 1), 0.0))


def region_shares(marks: np.ndarray) -> np.ndarray:
    """Return how much of a map, (height, width), lies in each ninth of the picture: (3, 3) from top left, summing to 1.

    All shares of an empty map are 0.
    """
    ninths = [np.array_split(row, 3, axis=1) for row in np.array_split(marks, 3, axis=0)]
    sums = np.array([[float(part.sum()) for part in row] for row in ninths])
    return np.asarray(sums / (sums.sum() or 1.0))


def _resize_map(small: np.ndarray, shape: InputShape) -> np.ndarray:
    """Resize a map to the size of the pictures, smoothly, with values of 0 to 1."""
    picture = Image.fromarray(np.asarray(small, np.float32)).resize(
        (shape.width, shape.height), Image.Resampling.BICUBIC
    )
    return _normalize(np.maximum(np.asarray(picture), 0.0))


def _normalize(values: np.ndarray) -> np.ndarray:
    """Divide by the maximum, as float32; an all-zero map stays as it is."""
    peak = float(values.max(initial=0.0))
    scaled: np.ndarray = (values / peak if peak > 0 else values).astype(np.float32)
    return scaled
