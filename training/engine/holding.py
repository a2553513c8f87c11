"""Fine-tuning that forgets little: a backbone's old answers are held while the new ones are learnt.

Learning without forgetting (Z. Li and D. Hoiem, arXiv 1606.09282): on every training picture the old head on the
learning backbone is asked to say what the whole old network says of it.
"""

from __future__ import annotations

from typing import Any

import keras

from model.networks.backbones import LOGITS, TEACHER, features_of, freeze, own_network
from training.recipes.recipe import Recipe

HELD = "held_logits"  # the layer of the old answers
SOFTNESS = 2.0  # the temperature at which old and new answers are compared, as in the paper


class Hold(keras.layers.Layer):  # type: ignore[misc]
    """Passes probabilities through, and adds what the old answers have changed by to the loss.

    Inputs: probabilities (n, classes), held logits (n, old classes), the old network's logits (n, old classes).
    """

    def __init__(self, weight: float, **settings: Any) -> None:
        super().__init__(**settings)
        self.weight = weight

    def call(self, inputs: tuple[Any, Any, Any]) -> Any:
        ops = keras.ops
        probabilities, held, old = inputs
        wanted = ops.softmax(ops.cast(old, "float32") / SOFTNESS)
        change = ops.log(wanted + 1e-9) - ops.log_softmax(ops.cast(held, "float32") / SOFTNESS)
        self.add_loss(self.weight * SOFTNESS**2 * ops.mean(ops.sum(wanted * change, axis=-1)))
        return probabilities


def with_held_answers(network: keras.Model, recipe: Recipe, input_size: int | None) -> tuple[keras.Model, keras.Model]:
    """A network on a bundle's backbone with the old head beside the new one, and the network that trains it.

    The first has the outputs probabilities and held logits; the second, of the same weights, has the probabilities
    alone and the loss that holds the others.
    """
    old = freeze(own_network(recipe.model.backbone, input_size))
    features = network.get_layer(features_of(old)._keras_history.operation.name).output
    head = keras.layers.Dense(old.get_layer(LOGITS).units, name=HELD)
    held = head(features)
    head.set_weights(old.get_layer(LOGITS).get_weights())
    both = keras.Model(network.input, [network.output, held], name=network.name)
    # What stays as it is need not be calculated twice: the old network goes on from where the learning begins.
    first = recipe.fine_tuning.first_layer
    start = old.get_layer(first).input if first else old.input
    teacher = freeze(keras.Model(start, old.get_layer(LOGITS).output, name=TEACHER))
    teacher.trainable = False
    answers = teacher(network.get_layer(first).input if first else network.input)
    outputs = Hold(recipe.fine_tuning.hold, name="hold")([network.output, held, answers])
    return both, keras.Model(network.input, outputs, name=network.name)
