"""Layers that do in one pass on TensorFlow what Keras's do in several: the same numbers in less time.

Only training uses them: bundles contain Keras's own layers, with the weights copied.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any

import keras


@functools.cache
def fused_gelu() -> Callable[[Any], Any]:
    """Return GELU (arXiv 1606.08415) with its derivative, each compiled to one loop over memory; for any float tensor.

    TensorFlow would run each of its operations as a separate pass, which takes seven times as long.
    """
    import tensorflow as tf

    @tf.function(jit_compile=True)  # type: ignore[untyped-decorator]
    def forward(x: Any) -> Any:
        return tf.cast(tf.nn.gelu(tf.cast(x, tf.float32)), x.dtype)

    @tf.function(jit_compile=True)  # type: ignore[untyped-decorator]
    def backward(x: Any, upstream: Any) -> Any:
        wide = tf.cast(x, tf.float32)
        below = 0.5 * (1 + tf.math.erf(wide / math.sqrt(2)))
        density = tf.exp(-0.5 * wide * wide) / math.sqrt(2 * math.pi)
        return tf.cast(tf.cast(upstream, tf.float32) * (below + wide * density), x.dtype)

    @tf.custom_gradient  # type: ignore[untyped-decorator]
    def gelu(x: Any) -> tuple[Any, Callable[[Any], Any]]:
        return forward(x), lambda upstream: backward(x, upstream)

    return gelu  # type: ignore[no-any-return]


class FusedGelu(keras.layers.Activation):  # type: ignore[misc]
    """Keras's exact GELU in one pass forward and one pass back."""

    def call(self, inputs: Any) -> Any:
        """Apply GELU."""
        return fused_gelu()(inputs)


class FusedBatchNormalization(keras.layers.BatchNormalization):  # type: ignore[misc]
    """Keras's layer with FusedBatchNormV3 as its training step, for (n, height, width, channels)."""

    def call(self, inputs: Any, training: bool | None = None, mask: Any = None) -> Any:
        """Normalize a batch."""
        if not training:
            return super().call(inputs, training=training, mask=mask)
        import tensorflow as tf

        ones = tf.ones([inputs.shape[-1]], tf.float32)
        outputs, mean, variance, *_ = tf.raw_ops.FusedBatchNormV3(
            x=inputs,
            scale=tf.cast(self.gamma, tf.float32) if self.scale else ones,
            offset=tf.cast(self.beta, tf.float32) if self.center else tf.zeros_like(ones),
            mean=[],
            variance=[],
            epsilon=self.epsilon,
            is_training=True,
        )
        # TensorFlow returns the unbiased variance; Keras averages the biased one.
        count = tf.cast(tf.size(inputs) // inputs.shape[-1], tf.float32)
        variance *= (count - 1) / count
        self.moving_mean.assign(self.moving_mean * self.momentum + mean * (1 - self.momentum))
        self.moving_variance.assign(self.moving_variance * self.momentum + variance * (1 - self.momentum))
        return outputs


def fuse_layers(model: keras.Model) -> keras.Model:
    """Return the same untrained network with fused layers where there are any; unchanged on other backends."""
    if keras.backend.backend() != "tensorflow":
        return model
    return keras.models.clone_model(
        model, clone_function=lambda layer: _fused_class(layer).from_config(layer.get_config())
    )


def _fused_class(layer: keras.Layer) -> type[keras.Layer]:
    if type(layer) is keras.layers.BatchNormalization and len(layer.output.shape) == 4:
        return FusedBatchNormalization
    if type(layer) is keras.layers.Activation and layer.activation is keras.activations.gelu:
        return FusedGelu
    return type(layer)
