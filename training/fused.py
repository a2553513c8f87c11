"""Batch normalisation in one pass on TensorFlow: the same numbers as Keras's layer, in less time.

Keras computes moments and normalisation as separate operations; TensorFlow has one kernel for both. Only training
uses this: bundles hold Keras's own layer, with the weights copied.
"""

from __future__ import annotations

from typing import Any

import keras


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
    """The same untrained network with fused batch normalisation; unchanged on another backend than TensorFlow."""
    if keras.backend.backend() != "tensorflow":
        return model

    def clone(layer: keras.Layer) -> keras.Layer:
        kind = FusedBatchNormalization if type(layer) is keras.layers.BatchNormalization else type(layer)
        return kind.from_config(layer.get_config())

    return keras.models.clone_model(model, clone_function=clone)
