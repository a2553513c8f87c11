"""Let a second network have a say where a picture is a tile: a small picture that was enlarged.

A network for photographs sees a tile of 32x32 pixels enlarged to its own size, and misses some of what a network made
for tiles sees. So one of those joins in as an expert, where the picture is a tile (mixture of experts, R. Jacobs et
al., Neural Computation 3(1), 1991). The pixels tell that: enlarged five times, a picture changes from one pixel to the
next by a fifth of what it changes over five pixels; a photograph changes by more. The tile is still there, too: where
the factor is odd, enlarging leaves the pixel in the middle of each square as it was.

How much both say is fitted on held-out pictures (stacked generalization, D. Wolpert, Neural Networks 5(2), 1992). Of a
tile, what a network says it knows can hear how certain both are: the more, the lower the entropy of their answer.
"""

from __future__ import annotations

from typing import Any

import keras
import numpy as np

from model.common.errors import BundleError, UnsafeModelError
from model.datasets.resized import own_images
from model.datasets.splits import Dataset, Split
from model.i18n.translations import gettext as _
from model.inference.classifier import read_network
from model.registry.card import KERAS_FILE, Card, read_card
from model.registry.checksums import check_file
from model.registry.resolution import find_bundle
from model.signature.outputs import softmax
from model.signature.rows import KNOWN_ROW
from training.engine.calibration import RepeatedSplit, fit_multiples
from training.engine.callbacks import TrainingError
from training.engine.export import round_kernels
from training.recipes.recipe import Recipe

BRANCH = "tile_expert"  # the layer of the expert with what it is given
_BATCH_SIZE = 64
_SMALLEST = 1e-4  # keeps the logarithm finite
_KEPT = 0.05  # the quantile of `model.export.known` below which a picture counts as unknown
# The change from pixel to pixel, over that of enlarged pictures. At 160 pixels tiles of CIFAR-10 have up to 1.05, after
# JPEG too, and photographs 1.25 and more. Between these the expert's say falls from all to nothing.
_TILE, _PHOTOGRAPH = 1.05, 1.25


def read_expert(recipe: Recipe, dataset: Dataset) -> keras.Model | None:
    """Read the network that `tiles.expert` names, before the training that it joins; None for none.

    Raises:
        TrainingError: There is no such network, or it does not suit the recipe or the data.
    """
    name = recipe.tiles.expert
    if not name:
        return None
    try:
        folder = find_bundle(name)
        card = read_card(folder)
        _check_expert(recipe, dataset, card)
        network = read_network(check_file(folder, card, KERAS_FILE), card.outputs)
    except (BundleError, UnsafeModelError) as error:
        raise TrainingError(
            _("tiles.expert: {error}; train that network first, or leave it empty").format(error=error)
        ) from None
    expert = keras.Model(network.input, network.outputs[0], name="expert")
    round_kernels(expert)  # halves its share of the file
    return expert


def _check_expert(recipe: Recipe, dataset: Dataset, card: Card) -> None:
    """Raise TrainingError if a network cannot be the expert of a recipe's network on a data set."""
    if not len(dataset.validation):
        raise TrainingError(_("tiles.expert needs validation pictures to fit how much it says: set data.validation"))
    shape, size = card.input_shape, recipe.model.input_size
    if card.classes != dataset.classes or card.scaling != "none" or card.output != "probabilities":
        raise TrainingError(
            _("tiles.expert: {name!r} has other classes than the data, or was not trained here").format(name=card.name)
        )
    if shape.width != shape.height or shape.channels != 3 or size % shape.width or size // shape.width % 2 == 0:
        raise TrainingError(
            _(
                "tiles.expert: {name!r} takes {width} x {height} pixels; model.input_size={size} has to be 3, 5 or "
                "another odd number of times that"
            ).format(name=card.name, width=shape.width, height=shape.height, size=size)
        )
    height, width = own_images(dataset.train.images).shape[1:3]
    if (height, width) != (shape.height, shape.width):
        raise TrainingError(
            _("tiles.expert: {name!r} is for pictures of {size} x {size}; the data's have {width} x {height}").format(
                name=card.name, size=shape.width, width=width, height=height
            )
        )


def with_expert(network: keras.Model, expert: keras.Model, held_out: Split, certainty: float = 0.0) -> keras.Model:
    """Return the network with an expert for tiles.

    With z what the last softmax is given, q the expert's probabilities and t, 0 to 1, whether the picture is a tile,
    the probabilities are p = softmax((1 - t) * z + t * (a * z + b * log q)). The log odds of `known` rise by
    t * (certainty * sum(p * log p) + c).

    Args:
        network: A network that ends with a softmax; of its further outputs only `known` may change.
        expert: Of `read_expert`.
        held_out: Pictures on which a and b are fitted; c keeps the 5 % quantile of what `known` says of them.
        certainty: A weight; 0 leaves `known` as it is.
    """
    from keras import layers

    scores = next(layer.input for layer in network.layers if layer.output is network.outputs[0])
    said, tile = _branch(expert, network.input.shape[1])(network.input)
    before = network.get_layer(KNOWN_ROW) if certainty else None
    found = _predict(keras.Model(network.input, [scores, said] + ([before.input] if before else [])), held_out)
    parts = np.stack(found[:2], axis=1)
    copies = held_out.copies if isinstance(held_out, RepeatedSplit) else 1
    (own, theirs), _loss = fit_multiples(parts, held_out.labels, copies)
    # The network's own answer comes last in both operations: there the search for its features begins.
    joint = float(theirs) * said + (1 + (float(own) - 1) * tile) * scores
    outputs = [layers.Activation("softmax", dtype="float32", name="joint_probabilities")(joint), *network.outputs[1:]]
    if before is not None:
        odds = layers.Dense(1, dtype="float32", name="own_odds")
        own_odds = odds(before.input)
        odds.set_weights(before.get_weights())
        shift = _lost(odds, found[2], certainty, softmax(np.tensordot(parts, (own, theirs), (1, 0))))
        known = _hear_certainty(certainty, shift, outputs[0].shape[1])([own_odds, tile, outputs[0]])
        outputs = [known if output is before.output else output for output in outputs]
    return keras.Model(network.input, outputs if len(outputs) > 1 else outputs[0], name=network.name)


def _predict(network: keras.Model, images: Split) -> list[np.ndarray]:
    """Return the outputs of a network with several for images, each float64 (n, columns)."""
    starts = range(0, len(images), _BATCH_SIZE)
    answers = [network.predict_on_batch(images.images[start : start + _BATCH_SIZE]) for start in starts]
    return [np.concatenate(rows).astype(np.float64) for rows in zip(*answers, strict=True)]


def _lost(odds: keras.layers.Dense, evidence: np.ndarray, certainty: float, probabilities: np.ndarray) -> float:
    """Return by how much the 5 % quantile of the log odds of `known` falls where the certainty joins in.

    Args:
        odds: The layer from the evidence to the log odds.
        evidence: Of held-out tiles, (n, 2).
        certainty: The weight of the certainty.
        probabilities: The joint answers, (n, classes).
    """
    kernel, bias = odds.get_weights()
    own = evidence @ kernel[:, 0] + bias[0]
    heard = certainty * (probabilities * np.log(probabilities + _SMALLEST)).sum(axis=1)
    return float(np.quantile(own, _KEPT) - np.quantile(own + heard, _KEPT))


def _hear_certainty(certainty: float, shift: float, classes: int) -> keras.Model:
    """Return the network from the log odds of `known` (n, 1), t (n, 1) and p (n, classes) to what `known` then is."""
    from keras import layers, ops

    own, tile, joint = keras.Input((1,)), keras.Input((1,)), keras.Input((classes,))
    heard = certainty * ops.sum(joint * ops.log(joint + _SMALLEST), axis=-1, keepdims=True)
    known = layers.Activation("sigmoid", dtype="float32")(own + tile * (heard + shift))
    return keras.Model([own, tile, joint], known, name="joint_known")


def _branch(expert: keras.Model, size: int) -> keras.Model:
    """Return the network from a picture to what the expert says, t * log q (n, classes), and to t (n, 1).

    It is one layer of the whole network, so that what looks for features or maps there passes over it.
    """
    from keras import ops

    picture = keras.Input((size, size, 3), dtype="uint8", name="enlarged")
    factor = size // expert.input.shape[1]
    middle = factor // 2
    tile = picture[:, middle::factor, middle::factor]
    pixels, small = ops.cast(picture, "float32"), ops.cast(tile, "float32")
    change = factor * _mean_change(pixels) / (_mean_change(small) + _SMALLEST)
    likely = ops.clip((_PHOTOGRAPH - change) / (_PHOTOGRAPH - _TILE), 0.0, 1.0)
    return keras.Model(picture, [likely * ops.log(expert(tile) + _SMALLEST), likely], name=BRANCH)


def _mean_change(pixels: Any) -> Any:
    """The mean absolute difference of neighbouring pixels, of rows and of columns: (n, 1)."""
    from keras import ops

    across = ops.mean(ops.absolute(pixels[:, :, 1:] - pixels[:, :, :-1]), axis=(1, 2, 3))
    down = ops.mean(ops.absolute(pixels[:, 1:] - pixels[:, :-1]), axis=(1, 2, 3))
    return ops.expand_dims(across + down, -1)
