"""Layers that do in one pass on TensorFlow what Keras's do in several: the same numbers in less time.

Only training uses them: bundles hold Keras's own layers, with the weights copied.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any

import keras


@functools.cache
def fused_gelu() -> Callable[[Any], Any]:
    """GELU (arXiv 1606.08415) and its derivative, each compiled to one loop over memory; any float tensor in and out.

    TensorFlow runs every operation of it as a pass of its own, which takes seven times as long.
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
    """Keras's exact GELU in one pass forward and one back."""

    def call(self, inputs: Any) -> Any:
        return fused_gelu()(inputs)


class FusedBatchNormalization(keras.layers.BatchNormalization):  # type: ignore[misc]
    """Keras's layer with its training step replaced by FusedBatchNormV3; x is (n, h, w, channels)."""

    def call(self, inputs: Any, training: bool | None = None, mask: Any = None) -> Any:
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
        # TensorFlow gives the unbiased variance, Keras averages the biased one.
        count = tf.cast(tf.size(inputs) // inputs.shape[-1], tf.float32)
        variance *= (count - 1) / count
        self.moving_mean.assign(self.moving_mean * self.momentum + mean * (1 - self.momentum))
        self.moving_variance.assign(self.moving_variance * self.momentum + variance * (1 - self.momentum))
        return outputs


def fuse(model: keras.Model) -> keras.Model:
    """The same untrained network with fused layers where there are any; unchanged on other backends than TensorFlow."""
    if keras.backend.backend() != "tensorflow":
        return model
    return keras.models.clone_model(
        model, clone_function=lambda layer: fused_kind(layer).from_config(layer.get_config())
    )


def fused_kind(layer: keras.Layer) -> type[keras.Layer]:
    if type(layer) is keras.layers.BatchNormalization and len(layer.output.shape) == 4:
        return FusedBatchNormalization
    if type(layer) is keras.layers.Activation and layer.activation is keras.activations.gelu:
        return FusedGelu
    return type(layer)
