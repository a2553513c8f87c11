"""The recipes' optimizers, learning-rate schedules and weight averaging."""

from __future__ import annotations

import math
from importlib import import_module
from pathlib import Path
from typing import Any

import keras
import numpy as np

from training.recipes.recipe import OptimizerSettings, Recipe, ScheduleSettings


class Triangle(keras.optimizers.schedules.LearningRateSchedule):  # type: ignore[misc]
    """A schedule up from `start` to 1 at `peak` and down to `end` at the last step, times `rate` (arXiv 1708.07120)."""

    def __init__(self, rate: float, steps: int, settings: ScheduleSettings) -> None:
        self.rate, self.steps, self.settings = rate, steps, settings

    def __call__(self, step: Any) -> Any:
        """Return the learning rate at a step."""
        ops, settings = keras.ops, self.settings
        done = ops.minimum(ops.cast(step, "float32") / max(self.steps - 1, 1), 1.0)
        up = settings.start + (1 - settings.start) * done / max(settings.peak, 1e-9)
        down = 1 + (settings.end - 1) * (done - settings.peak) / max(1 - settings.peak, 1e-9)
        return self.rate * ops.where(done < settings.peak, up, down)


class BiasScaledSGD(keras.optimizers.SGD):  # type: ignore[misc]
    """Nesterov SGD with `bias_scale` times the learning rate for normalization biases (arXiv 2404.00498, 3.4)."""

    def __init__(self, bias_scale: float, **settings: Any) -> None:
        super().__init__(**settings)
        self.bias_scale = bias_scale

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        """Update a variable."""
        # On TensorFlow, Keras passes its own variable, whose name is the whole path: block1_1_norm/beta:0.
        name = variable.name.rpartition("/")[2].partition(":")[0]
        scale = self.bias_scale if name == "beta" else 1.0
        super().update_step(gradient, variable, learning_rate * scale)


class Muon(BiasScaledSGD):
    """SGD with orthogonalized steps for convolution kernels (K. Jordan et al., kellerjordan.github.io/posts/muon).

    A kernel (height, width, inputs, outputs) is a matrix with a row for each output. Its momentum is replaced by the
    nearest matrix with singular values of about 1, and the kernel's norm is kept at the square root of its outputs.
    Keras's own Muon treats matrices only and leaves kernels to Adam.
    """

    def __init__(self, kernel_scale: float, kernel_momentum: float, **settings: Any) -> None:
        super().__init__(**settings)
        self.kernel_scale, self.kernel_momentum = kernel_scale, kernel_momentum

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        """Update a variable."""
        if len(variable.shape) != 4:
            super().update_step(gradient, variable, learning_rate)
            return
        ops = keras.ops
        outputs = variable.shape[-1]
        momentum = self.momentums[self._get_variable_index(variable)]
        self.assign(momentum, momentum * self.kernel_momentum + gradient)
        ahead = gradient + momentum * self.kernel_momentum  # Nesterov
        matrix = orthogonalize(ops.transpose(ops.reshape(ahead, (-1, outputs))))
        step = ops.reshape(ops.transpose(ops.cast(matrix, variable.dtype)), variable.shape)
        norm = ops.sqrt(ops.sum(ops.square(variable)))
        held = variable * (math.sqrt(outputs) / (norm + 1e-7))
        self.assign(variable, held - step * (learning_rate * self.kernel_scale))


class ChannelAdam(keras.optimizers.Adam):  # type: ignore[misc]
    """Adam with steps in proportion to the size of each channel's weights.

    It is for kernels with batch normalization folded in, whose channels differ in size by orders of magnitude: steps of
    one size would be nothing to the large ones and ruin the small ones. These are the steps Adam would take before
    folding, where all weights are about equally large and the normalization scales the outputs. The learning rate is
    the step relative to the channel's root mean square; biases have a fixed size, like those of batch normalization.
    """

    BIAS_SIZE = 0.05  # about the root mean square of a kernel before folding

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        """Update a variable."""
        ops = keras.ops
        before = ops.add(variable, 0.0)
        super().update_step(gradient, variable, learning_rate)
        self.assign(variable, before + (variable - before) * self._size(before))

    def _size(self, weights: Any) -> Any:
        """Return the root mean square of each channel's weights, in a shape that broadcasts to them."""
        axes = list(range(len(weights.shape)))
        if len(axes) < 2:
            return self.BIAS_SIZE
        by_channel = len(axes) == 4 and weights.shape[-1] == 1  # depthwise kernels: (height, width, channels, 1)
        axes.pop(-2 if by_channel else -1)
        return keras.ops.sqrt(keras.ops.mean(keras.ops.square(weights), axis=axes, keepdims=True))


def orthogonalize(matrix: Any, steps: int = 3) -> Any:
    """Return about the nearest matrix with all singular values 1; float (rows, columns) in, bfloat16 out.

    Newton-Schulz iterations with the coefficients of K. Jordan et al. (kellerjordan.github.io/posts/muon), which raise
    small singular values in few steps, at the price of ending only near 1.
    """
    ops = keras.ops
    matrix = matrix / (ops.sqrt(ops.sum(ops.square(matrix))) + 1e-7)
    matrix = ops.cast(matrix, "bfloat16")
    tall = matrix.shape[0] > matrix.shape[1]
    if tall:
        matrix = ops.transpose(matrix)
    for _ in range(steps):
        gram = ops.matmul(matrix, ops.transpose(matrix))
        matrix = 3.4445 * matrix + ops.matmul(-4.775 * gram + 2.0315 * ops.matmul(gram, gram), matrix)
    return ops.transpose(matrix) if tall else matrix


def build_optimizer(settings: OptimizerSettings, schedule: ScheduleSettings, steps: int) -> keras.optimizers.Optimizer:
    """Return the recipe's optimizer with its schedule over `steps` steps."""
    rate = settings.learning_rate
    learning_rate = Triangle(rate, steps, schedule) if schedule.name == "triangle" else rate
    decay = settings.weight_decay or None
    if settings.name == "adam":
        return keras.optimizers.Adam(learning_rate, weight_decay=decay)
    if settings.name == "channel_adam":
        return ChannelAdam(learning_rate, weight_decay=decay)
    shared: dict[str, Any] = {
        "learning_rate": learning_rate,
        "momentum": settings.momentum,
        "nesterov": True,
        "weight_decay": decay,
    }
    shared["bias_scale"] = settings.bias_scale
    optimizer = (
        Muon(settings.kernel_scale, settings.kernel_momentum, **shared)
        if settings.name == "muon"
        else BiasScaledSGD(**shared)
    )
    if decay:
        optimizer.exclude_from_weight_decay(var_names=["beta"])
    return optimizer


class Lookahead(keras.callbacks.Callback):  # type: ignore[misc]
    """Averages the weights during training: every few steps the network returns to its running average.

    Lookahead (arXiv 1907.08610) with the cubic warm-up of arXiv 2404.00498: the average is short at first and long at
    the end.
    """

    def __init__(self, steps: int, every: int = 5, decay: float = 0.95) -> None:
        super().__init__()
        self.steps, self.every, self.decay = steps, every, decay
        self.step = 0
        self.average: list[np.ndarray] = []

    def state(self) -> list[np.ndarray]:
        """Return what a checkpoint stores."""
        return [np.array(self.step), *self.average]

    def load_state(self, state: list[np.ndarray]) -> None:
        """Restore it."""
        self.step, self.average = int(state[0]), state[1:]

    def on_train_begin(self, logs: Any = None) -> None:
        """Start the average."""
        self.average = self.average or [np.array(value) for value in self.model.get_weights()]

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """Update the average."""
        self.step += 1
        if self.step % self.every and self.step < self.steps:
            return
        keep = self.decay**self.every * (self.step / self.steps) ** 3
        if self.step >= self.steps:
            keep = 1.0  # end with the average
        weights = self.model.get_weights()
        self.average = [keep * old + (1 - keep) * new for old, new in zip(self.average, weights, strict=True)]
        self.model.set_weights(self.average)


def dtype_policy(recipe: Recipe) -> str:
    """Return the recipe's Keras dtype policy; `auto` is mixed_bfloat16 on hardware with bfloat16, else float32."""
    if recipe.precision != "auto":
        return recipe.precision
    return "mixed_bfloat16" if _has_bfloat16() else "float32"


def _has_bfloat16() -> bool:
    """Return whether the hardware Keras trains on computes in bfloat16: all of its GPUs, or else the processor.

    A GPU does from compute capability 8.0 on; one that does not report it counts as one without. An x86 processor does
    with AVX512_BF16 or AMX.
    """
    if gpus := _gpu_capabilities():
        return all(capability >= (8, 0) for capability in gpus)
    try:
        flags = Path("/proc/cpuinfo").read_text("utf-8")
    except OSError:
        return False
    return any(flag in flags for flag in ("avx512_bf16", "amx_bf16", " bf16"))


def _gpu_capabilities() -> list[tuple[int, ...]]:
    """Return NVIDIA's compute capability of each GPU that Keras may use, such as (8, 0); (0,) if it is unknown."""
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        details = [tf.config.experimental.get_device_details(gpu) for gpu in tf.config.get_visible_devices("GPU")]
        return [tuple(found.get("compute_capability", (0,))) for found in details]
    if keras.backend.backend() == "jax":
        gpus = [device for device in import_module("jax").devices() if device.platform == "gpu"]
        return [tuple(map(int, str(getattr(gpu, "compute_capability", 0)).split("."))) for gpu in gpus]
    return []
