"""Fine-tune a backbone so that it forgets little: its old answers are part of the loss.

Learning without forgetting (Z. Li and D. Hoiem, arXiv 1606.09282): on every training image, the old head on the
learning backbone has to answer like the whole old network.
"""

from __future__ import annotations

from typing import Any

import keras

from model.networks.backbones import LOGITS, TEACHER, features_tensor, freeze, load_bundle_network
from training.recipes.recipe import Recipe

OLD_LOGITS = "held_logits"  # the layer with the old head's logits
_TEMPERATURE = 2.0  # at which old and new answers are compared, as in the paper


class _RetentionLoss(keras.layers.Layer):  # type: ignore[misc]
    """Passes probabilities through, and adds the change of the old answers to the loss.

    Its inputs are probabilities (n, classes), the old head's logits (n, old classes), and the old network's logits (n,
    old classes).
    """

    def __init__(self, weight: float, **settings: Any) -> None:
        super().__init__(**settings)
        self.weight = weight

    def call(self, inputs: tuple[Any, Any, Any]) -> Any:
        """Add the loss, and return the probabilities."""
        ops = keras.ops
        probabilities, held, old = inputs
        wanted = ops.softmax(ops.cast(old, "float32") / _TEMPERATURE)
        change = ops.log(wanted + 1e-9) - ops.log_softmax(ops.cast(held, "float32") / _TEMPERATURE)
        self.add_loss(self.weight * _TEMPERATURE**2 * ops.mean(ops.sum(wanted * change, axis=-1)))
        return probabilities


def retain_old_answers(network: keras.Model, recipe: Recipe, input_size: int | None) -> tuple[keras.Model, keras.Model]:
    """Add the old head of a bundle's backbone to a network, and build the network that trains both.

    Args:
        network: The network with the new head.
        recipe: The recipe.
        input_size: Height and width of the images, in pixels.

    Returns:
        A network with the outputs probabilities and old logits; and a network with the same weights, whose outputs
            are the probabilities and whose loss retains the old answers.
    """
    old = freeze(load_bundle_network(recipe.model.backbone, input_size))
    features = network.get_layer(features_tensor(old)._keras_history.operation.name).output
    head = keras.layers.Dense(old.get_layer(LOGITS).units, name=OLD_LOGITS)
    held = head(features)
    head.set_weights(old.get_layer(LOGITS).get_weights())
    both = keras.Model(network.input, [network.output, held], name=network.name)
    # Frozen layers need not be computed twice: the old network starts where the learning begins.
    first = recipe.fine_tuning.first_layer
    start = old.get_layer(first).input if first else old.input
    teacher = freeze(keras.Model(start, old.get_layer(LOGITS).output, name=TEACHER))
    teacher.trainable = False
    answers = teacher(network.get_layer(first).input if first else network.input)
    outputs = _RetentionLoss(recipe.fine_tuning.hold, name="hold")([network.output, held, answers])
    return both, keras.Model(network.input, outputs, name=network.name)
