"""Average a fine-tuned network with other networks that were fine-tuned from the same backbone.

Networks that started from the same pretrained weights stay close enough for their weights to be averaged, and the
average is often right more often than each of them, at the cost of one (M. Wortsman et al., arXiv 2203.05482).
"""

from __future__ import annotations

import keras
import numpy as np

from model.common.errors import BundleError, UnsafeModelError
from model.common.text import shorten_list
from model.i18n.translations import gettext as _
from model.inference.classifier import read_network
from model.registry.card import KERAS_FILE, read_card
from model.registry.checksums import check_file
from model.registry.resolution import find_bundle
from training.engine.calibration import ADAPTIVE_LAYER, LOGITS
from training.engine.callbacks import TrainingError
from training.recipes.recipe import Recipe

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


def _weighted(network: keras.Model) -> list[keras.Layer]:
    return [layer for layer in network.layers if layer.weights]
