"""The computational cost of a network."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import numpy as np

if TYPE_CHECKING:
    import keras


def count_flops(network: keras.Model, shape: tuple[int, ...] | None = None) -> int:
    """Count the multiplications and additions of convolutions and dense layers for one image.

    Other layers add a few per cent. A convolution costs two operations for each weight of its kernel at each position
    of its output.

    Args:
        network: The network; networks inside it are counted too.
        shape: The image's (height, width, channels), for a network that takes any.

    Raises:
        ValueError: The network takes any shape, and none was given.
    """
    import keras

    if None in network.inputs[0].shape[1:]:
        if shape is None:
            raise ValueError("count_flops needs the shape of the images for a network that takes any")
        network = _with_input_shape(network, shape)
    total = 0
    for layer in network.layers:
        if isinstance(layer, keras.layers.Conv2D | keras.layers.DepthwiseConv2D):
            positions = int(np.prod(layer.output.shape[1:3]))
            total += 2 * positions * int(np.prod(layer.kernel.shape))
        elif isinstance(layer, keras.layers.Dense):
            total += 2 * int(np.prod(layer.kernel.shape))
        elif isinstance(layer, keras.Model):
            total += count_flops(layer, tuple(layer._inbound_nodes[-1].input_tensors[0].shape[1:]))
    return total


def _with_input_shape(network: keras.Model, shape: tuple[int, ...]) -> keras.Model:
    """Copy a network, without its weights, for images of one shape."""
    import keras

    given = keras.Input(shape, dtype=network.inputs[0].dtype)
    return cast("keras.Model", keras.models.clone_model(network, input_tensors=given))
