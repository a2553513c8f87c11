"""How much arithmetic one picture costs."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import numpy as np

if TYPE_CHECKING:
    import keras


def count_flops(network: keras.Model, shape: tuple[int, ...] | None = None) -> int:
    """Multiplications and additions of convolutions and dense layers for one picture; the rest is a few per cent.

    A convolution costs two operations for each weight of its kernel at each place of its output. shape: that of a
    picture, for a network that takes any; networks inside it are counted too.
    """
    import keras

    if None in network.inputs[0].shape[1:]:
        if shape is None:
            raise ValueError("what a network of any size costs depends on the picture's shape")
        network = of_shape(network, shape)
    total = 0
    for layer in network.layers:
        if isinstance(layer, keras.layers.Conv2D | keras.layers.DepthwiseConv2D):
            places = int(np.prod(layer.output.shape[1:3]))
            total += 2 * places * int(np.prod(layer.kernel.shape))
        elif isinstance(layer, keras.layers.Dense):
            total += 2 * int(np.prod(layer.kernel.shape))
        elif isinstance(layer, keras.Model):
            total += count_flops(layer, tuple(layer._inbound_nodes[-1].input_tensors[0].shape[1:]))
    return total


def of_shape(network: keras.Model, shape: tuple[int, ...]) -> keras.Model:
    """A copy of a network, without what it has learnt, for pictures of one shape."""
    import keras

    given = keras.Input(shape, dtype=network.inputs[0].dtype)
    return cast("keras.Model", keras.models.clone_model(network, input_tensors=given))
