"""One network on all GPUs of a machine: each has a copy, and its share of every batch."""

from __future__ import annotations

import math
from typing import Any

import keras
import numpy as np

from model.i18n.translations import gettext as _
from training.engine.callbacks import TrainingError
from training.recipes.recipe import Recipe


def mirror_gpus() -> Any:
    """Return TensorFlow's strategy for a copy of the network on each GPU; None where there is but one.

    Each copy normalizes its own share of a batch, as is usual, and the steps are those of the whole batch.
    """
    import tensorflow as tf

    devices = [device.name for device in tf.config.list_logical_devices("GPU")]
    return mirror(devices) if len(devices) > 1 else None


def mirror(devices: list[str]) -> Any:
    """Return TensorFlow's strategy for a copy of the network on each of the devices."""
    import tensorflow as tf

    # Gradients are added on one device. The usual way for GPUs needs NCCL, and the one for processors fails where
    # the copies finish their gradients in another order; the networks here are small enough for this one.
    return tf.distribute.MirroredStrategy(devices, cross_device_ops=tf.distribute.ReductionToOneDevice())


def check_mirrored(recipe: Recipe, batch_size: int, validation: int, copies: int, most: int) -> None:
    """Check that a recipe can be trained in copies.

    Args:
        recipe: The recipe.
        batch_size: The pictures of a batch, which are fewer than the recipe's if there are no more.
        validation: The number of validation pictures.
        copies: The number of copies.
        most: How many validation pictures a batch can have.

    Raises:
        TrainingError: It cannot.
    """
    if recipe.schedule.prune:
        raise TrainingError(
            _(
                "schedule.prune goes by each picture's loss, which copies on several GPUs do not share; "
                "set it to 0, or take --device gpu"
            )
        )
    if recipe.fine_tuning.hold:
        raise TrainingError(
            _(
                "fine_tuning.hold compares with the old network, which several GPUs do not share; "
                "set it to 0, or take --device gpu"
            )
        )
    if batch_size % copies:
        raise TrainingError(
            _("{copies} GPUs cannot share batches of {size} pictures evenly; set batch_size to {better}").format(
                copies=copies, size=batch_size, better=max(batch_size // copies, 1) * copies
            )
        )
    if validation and even_batch(validation, copies, most) is None:
        raise TrainingError(
            _("{copies} GPUs cannot share {count} validation pictures; hold out more, or take --device gpu").format(
                copies=copies, count=validation
            )
        )


def even_batch(pictures: int, copies: int, most: int) -> int | None:
    """Return the largest size of a batch, up to `most`, at which no copy has an empty share; None if there is none.

    The last batch may be smaller. TensorFlow gives each copy as many of its pictures as the first until none are left,
    and its convolutions cannot compute an empty share.
    """
    sizes = range(min(most, pictures) // copies * copies, 0, -copies)
    return next((size for size in sizes if _all_have_some(pictures % size, copies)), None)


def _all_have_some(last: int, copies: int) -> bool:
    return last == 0 or math.ceil(last / copies) * (copies - 1) < last


class SharedStatistics(keras.callbacks.Callback):  # type: ignore[misc]
    """Gives all copies the mean of their running statistics after the last step of an epoch, before validation.

    Args:
        strategy: TensorFlow's strategy.
        steps: The steps of an epoch.
    """

    def __init__(self, strategy: Any, steps: int) -> None:
        super().__init__()
        self.strategy, self.steps = strategy, steps

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """Share them after the last step."""
        if batch + 1 < self.steps:
            return
        for variable in self.model.non_trainable_variables:
            parts = [np.asarray(part) for part in self.strategy.experimental_local_results(variable.value)]
            if variable.dtype.startswith("float") and any((part != parts[0]).any() for part in parts):
                variable.assign(np.mean(parts, axis=0))
