"""Optimisers, learning-rate schedules and weight averaging of the recipes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np

from training.recipe import OptimizerSettings, Recipe, ScheduleSettings


class Triangle(keras.optimizers.schedules.LearningRateSchedule):  # type: ignore[misc]
    """Up from `start` to 1 at `peak`, down to `end` at the last step, times `rate` (one cycle, arXiv 1708.07120)."""

    def __init__(self, rate: float, steps: int, settings: ScheduleSettings) -> None:
        self.rate, self.steps, self.settings = rate, steps, settings

    def __call__(self, step: Any) -> Any:
        ops, settings = keras.ops, self.settings
        done = ops.minimum(ops.cast(step, "float32") / max(self.steps - 1, 1), 1.0)
        up = settings.start + (1 - settings.start) * done / max(settings.peak, 1e-9)
        down = 1 + (settings.end - 1) * (done - settings.peak) / max(1 - settings.peak, 1e-9)
        return self.rate * ops.where(done < settings.peak, up, down)


class BiasScaledSGD(keras.optimizers.SGD):  # type: ignore[misc]
    """Nesterov SGD whose normalisation biases learn `bias_scale` times as fast (arXiv 2404.00498, section 3.4)."""

    def __init__(self, bias_scale: float, **settings: Any) -> None:
        super().__init__(**settings)
        self.bias_scale = bias_scale

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        # On TensorFlow Keras hands over its own variable, whose name is the whole path: block1_1_norm/beta:0.
        name = variable.name.rpartition("/")[2].partition(":")[0]
        scale = self.bias_scale if name == "beta" else 1.0
        super().update_step(gradient, variable, learning_rate * scale)


def build_optimizer(settings: OptimizerSettings, schedule: ScheduleSettings, steps: int) -> keras.optimizers.Optimizer:
    """The recipe's optimiser with its schedule over `steps` steps."""
    rate = settings.learning_rate
    learning_rate = Triangle(rate, steps, schedule) if schedule.name == "triangle" else rate
    decay = settings.weight_decay or None
    if settings.name == "adam":
        return keras.optimizers.Adam(learning_rate, weight_decay=decay)
    optimizer = BiasScaledSGD(
        settings.bias_scale, learning_rate=learning_rate, momentum=settings.momentum, nesterov=True, weight_decay=decay
    )
    if decay:
        optimizer.exclude_from_weight_decay(var_names=["beta"])
    return optimizer


class Lookahead(keras.callbacks.Callback):  # type: ignore[misc]
    """Averages the weights while they train: every few steps the network goes back to its running average.

    Lookahead (arXiv 1907.08610) with the cubic warm-up of arXiv 2404.00498: short at first, long at the end.
    """

    def __init__(self, steps: int, every: int = 5, decay: float = 0.95) -> None:
        super().__init__()
        self.steps, self.every, self.decay = steps, every, decay
        self.step = 0
        self.average: list[np.ndarray] = []

    def on_train_begin(self, logs: Any = None) -> None:
        self.average = self.average or [np.array(value) for value in self.model.get_weights()]

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        self.step += 1
        if self.step % self.every and self.step < self.steps:
            return
        keep = self.decay**self.every * (self.step / self.steps) ** 3
        if self.step >= self.steps:
            keep = 1.0  # the last word is the average's
        weights = self.model.get_weights()
        self.average = [keep * old + (1 - keep) * new for old, new in zip(self.average, weights, strict=True)]
        self.model.set_weights(self.average)


def precision(recipe: Recipe) -> str:
    """The Keras dtype policy: `auto` is mixed_bfloat16 where the processor multiplies bfloat16, float32 elsewhere."""
    if recipe.precision != "auto":
        return recipe.precision
    return "mixed_bfloat16" if has_bfloat16() else "float32"


def has_bfloat16() -> bool:
    """Whether this processor has bfloat16 arithmetic (x86: AVX512_BF16 or AMX) or Keras sees a GPU."""
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        if tf.config.list_physical_devices("GPU"):
            return True
    try:
        flags = Path("/proc/cpuinfo").read_text("utf-8")
    except OSError:
        return False
    return any(flag in flags for flag in ("avx512_bf16", "amx_bf16", " bf16"))
