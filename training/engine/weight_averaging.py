"""Average a fine-tuned network with other networks that were fine-tuned from the same backbone.

Networks that started from the same pretrained weights stay close enough for their weights to be averaged, and the
average is often right more often than each of them, at the cost of one (M. Wortsman et al., arXiv 2203.05482). Its
features are not those that any of the heads was made for, so a new one can be fitted to them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice

import keras
import numpy as np

from model.common.errors import BundleError, UnsafeModelError
from model.common.text import shorten_list
from model.i18n.translations import gettext as _
from model.inference.classifier import read_network
from model.registry.card import KERAS_FILE, read_card
from model.registry.checksums import check_file
from model.registry.resolution import find_bundle
from training.engine.batches import TrainingBatches
from training.engine.calibration import ADAPTIVE_LAYER, LOGITS
from training.engine.callbacks import TrainingError
from training.recipes.recipe import Recipe

_RIDGE = 0.003  # weight of the squared weights in the loss of a new head
# Adam's learning rate, which falls to a tenth, rows in a batch, and steps: enough for the loss to settle.
_RATE, _FIT_BATCH, _FIT_STEPS = 0.002, 1024, 1900

LayerWeights = dict[str, list[np.ndarray]]  # the weights of each layer, by its name


def read_others(recipe: Recipe, network: keras.Model, classes: tuple[str, ...]) -> list[LayerWeights]:
    """Read the networks that `fine_tuning.average` names, before the training that they join.

    Args:
        recipe: The recipe.
        network: The network that is trained.
        classes: Its classes.

    Returns:
        The weights of the layers that they share with the network. Those of the logits are as they were before their
            calibration.

    Raises:
        TrainingError: There is no such network, or it has other layers or classes.
    """
    return [_read(name, network, classes) for name in recipe.fine_tuning.average]


def _read(name: str, network: keras.Model, classes: tuple[str, ...]) -> LayerWeights:
    try:
        folder = find_bundle(name)
        card = read_card(folder)
        other = read_network(check_file(folder, card, KERAS_FILE), card.outputs)
    except (BundleError, UnsafeModelError) as error:
        raise TrainingError(
            _("fine_tuning.average: {error}; train that network first, or leave the list empty").format(error=error)
        ) from None
    layers = {layer.name: layer for layer in other.layers}
    found = {layer.name: layers[layer.name].get_weights() for layer in _weighted(network) if layer.name in layers}
    for layer in _weighted(network):
        shapes = [weight.shape for weight in layer.get_weights()]
        if [weight.shape for weight in found.get(layer.name, [])] != shapes:
            raise TrainingError(
                _(
                    "fine_tuning.average: {name!r} has no layer {layer!r} like this network's; it takes networks of "
                    "the same backbone, head and classes"
                ).format(name=name, layer=layer.name)
            )
    if card.classes != classes:
        raise TrainingError(
            _(
                "fine_tuning.average: the classes of {name!r} are {found}, in this order; those of the data {classes}"
            ).format(name=name, found=shorten_list(card.classes), classes=shorten_list(classes))
        )
    if LOGITS in found and ADAPTIVE_LAYER not in layers:  # calibration divided them
        found[LOGITS] = [weight * card.temperature for weight in found[LOGITS]]
    return found


def average_with(network: keras.Model, others: list[LayerWeights]) -> None:
    """Set each layer's weights to their mean over the network and the others."""
    for layer in _weighted(network) if others else ():
        versions = [layer.get_weights(), *(other[layer.name] for other in others)]
        layer.set_weights([np.mean(same, axis=0) for same in zip(*versions, strict=True)])


def refit_head(network: keras.Model, batches: TrainingBatches, log: Callable[[str], None]) -> None:
    """Fit the layer LOGITS anew on what the layers before it give for the augmented pictures: logistic regression.

    It starts from nothing and its weights are held small, so that it goes by what most pictures have in common.

    Args:
        network: The network; its other layers stay as they are.
        batches: Of the training; their recipe says how often they are seen (`fine_tuning.refit`). All are seen as large
            as the finished network's pictures.
        log: Called with a sentence for each pass.
    """
    recipe, logits = batches.recipe, network.get_layer(LOGITS)
    before = keras.Model(network.input, logits.input)
    size, passes = batches.batch_size, recipe.fine_tuning.refit
    seen = passes * len(batches) * size
    features = np.empty((seen, logits.input.shape[-1]), np.float16)  # half the memory; the head does not notice
    targets = np.empty((seen, batches.targets.shape[1]), np.float32)
    batches.size = network.input.shape[1]
    for number in range(passes):
        log(f"a new head: pass {number + 1} of {passes}")
        batches.start_at(recipe.epochs + number)  # augmentations that the training has not shown
        for batch in range(len(batches)):
            begin = (number * len(batches) + batch) * size
            images, targets[begin : begin + size] = batches[batch]
            features[begin : begin + size] = before.predict_on_batch(images)
    head = keras.Sequential([keras.Input(features.shape[1:]), _ridge_layer(targets.shape[1], logits.use_bias)])
    head.compile(
        keras.optimizers.Adam(keras.optimizers.schedules.PolynomialDecay(_RATE, _FIT_STEPS, _RATE / 10)),
        keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=recipe.label_smoothing),
    )
    for rows in islice(_batches_of_rows(seen, recipe.seed), _FIT_STEPS):
        head.train_on_batch(features[rows].astype(np.float32), targets[rows])
    logits.set_weights(head.layers[-1].get_weights())


def _batches_of_rows(count: int, seed: int) -> Iterator[np.ndarray]:
    """Yield the indices of one batch of rows after another, pass after pass, each in an order of its own."""
    rng = np.random.default_rng(seed)
    while True:
        order = rng.permutation(count)
        yield from (order[begin : begin + _FIT_BATCH] for begin in range(0, count, _FIT_BATCH))


def _ridge_layer(classes: int, use_bias: bool) -> keras.layers.Dense:
    small = keras.regularizers.L2(_RIDGE)
    return keras.layers.Dense(classes, use_bias=use_bias, kernel_initializer="zeros", kernel_regularizer=small)


def _weighted(network: keras.Model) -> list[keras.Layer]:
    return [layer for layer in network.layers if layer.weights]
