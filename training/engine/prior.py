"""Combine a network's own classes with what its backbone knew before.

A backbone pretrained on ImageNet has seen photographs of kinds of the classes, and of a thousand other things. Its
probabilities for the kinds of each class are a prior for the new head, and their sum over all classes tells whether the
picture shows any of the classes at all.
"""

from __future__ import annotations

from typing import Any

import keras
import numpy as np

from model.i18n.translations import gettext as _
from model.networks.backbones import LOGITS
from model.networks.imagenet_kinds import KINDS, kinds_matrix
from model.signature.imagenet import imagenet_classes
from model.signature.rows import IMAGENET, KNOWN_ROW, PROBABILITIES
from training.engine.callbacks import TrainingError
from training.engine.learning_without_forgetting import OLD_LOGITS
from training.recipes.recipe import PriorSettings

OUTPUTS = (PROBABILITIES, KNOWN_ROW, IMAGENET)
_SMALLEST = 1e-4  # keeps the log odds finite


def check_prior(network: keras.Model, classes: tuple[str, ...]) -> None:
    """Check that a network can have a prior.

    Args:
        network: The network.
        classes: The names of the classes.

    Raises:
        TrainingError: The network has no outputs for ImageNet's classes, or a class has no kinds among them.
    """
    names = {layer.name for layer in network.layers}
    if OLD_LOGITS not in names or network.get_layer(OLD_LOGITS).units != len(imagenet_classes()):
        raise TrainingError(
            _("a prior needs ImageNet's thousand classes: set fine_tuning.hold, on a backbone that was trained on them")
        )
    if unknown := [name for name in classes if name not in KINDS]:
        raise TrainingError(
            _("ImageNet's kinds of {name!r} are not known; there are priors for {names}").format(
                name=unknown[0], names=", ".join(KINDS)
            )
        )


def with_prior(network: keras.Model, settings: PriorSettings, classes: tuple[str, ...]) -> keras.Model:
    """Return the network with the outputs OUTPUTS: probabilities (n, classes), known (n, 1), ImageNet's (n, 1000).

    The probabilities are softmax((z + weight * log(p + floor)) / temperature), with z the logits of the head and p the
    sum of ImageNet's probabilities over each class's kinds. `known` is a logistic function of two numbers: the log odds
    of the sum of all p, and the logarithm of the head's largest probability.

    Args:
        network: A network with the layers LOGITS and OLD_LOGITS.
        settings: The numbers in these formulas.
        classes: The classes of LOGITS.

    Raises:
        TrainingError: As `check_prior` does.
    """
    check_prior(network, classes)
    from keras import layers, ops

    logits, held = network.get_layer(LOGITS).output, network.get_layer(OLD_LOGITS).output
    imagenet = layers.Activation("softmax", dtype="float32", name=IMAGENET)(held)
    kinds = layers.Dense(len(classes), use_bias=False, trainable=False, dtype="float32", name="kinds")
    of_each = kinds(imagenet)
    kinds.set_weights([kinds_matrix(classes)])
    joint = logits + settings.weight * ops.log(of_each + settings.floor)
    outputs = layers.Activation("softmax", dtype="float32", name="posterior")(joint / settings.temperature)
    known = _known_output(logits, of_each, settings.known)
    return keras.Model(network.input, [outputs, known, imagenet], name=network.name)


def _known_output(logits: Any, of_each: Any, numbers: tuple[float, ...]) -> Any:
    """Return `known`, float32 (n, 1): logistic(offset + a * log odds of the kinds' sum + b * log of the largest)."""
    from keras import layers, ops

    offset, by_odds, by_largest = numbers
    total = ops.sum(of_each, axis=-1, keepdims=True)
    odds = ops.log(total + _SMALLEST) - ops.log(1 + _SMALLEST - total)
    largest = ops.log(ops.max(ops.softmax(logits, axis=-1), axis=-1, keepdims=True))
    last = layers.Dense(1, activation="sigmoid", dtype="float32", name=KNOWN_ROW)
    known = last(layers.Concatenate(name="evidence")([odds, largest]))
    last.set_weights([np.array([[by_odds], [by_largest]], np.float32), np.array([offset], np.float32)])
    return known
