"""The computational cost of a network."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    import keras


def count_flops(network: keras.Model, shape: tuple[int, ...] | None = None) -> int:
    """Count the multiplications and additions of convolutions and dense layers for one image.

    Other layers add a few per cent. A convolution costs two operations for each weight of its kernel at each position
    of its output (of its input, if it is transposed), a dense layer the same at each position that it is applied to.

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
        if isinstance(layer, keras.Model):
            total += count_flops(layer, tuple(layer._inbound_nodes[-1].input_tensors[0].shape[1:]))
        else:
            total += 2 * _multiplications(layer)
    return total


def _multiplications(layer: keras.Layer) -> int:
    """Count the multiplications with weights in a convolution or dense layer; 0 for another layer."""
    from keras import layers

    if isinstance(layer, layers.SeparableConv1D | layers.SeparableConv2D):
        weights = math.prod(layer.depthwise_kernel.shape) + math.prod(layer.pointwise_kernel.shape)
        values, channels = layer.output.shape[1:], layer.pointwise_kernel.shape[-1]
    elif isinstance(layer, layers.Conv1DTranspose | layers.Conv2DTranspose | layers.Conv3DTranspose):
        # The channels of the kernel are the other way round: those of the output come first.
        weights, values, channels = math.prod(layer.kernel.shape), layer.input.shape[1:], layer.kernel.shape[-1]
    elif isinstance(layer, layers.DepthwiseConv1D | layers.DepthwiseConv2D):
        weights, values = math.prod(layer.kernel.shape), layer.output.shape[1:]
        channels = math.prod(layer.kernel.shape[-2:])
    elif isinstance(layer, layers.Conv1D | layers.Conv2D | layers.Conv3D | layers.Dense):
        weights, values, channels = math.prod(layer.kernel.shape), layer.output.shape[1:], layer.kernel.shape[-1]
    else:
        return 0
    positions = math.prod(values) // channels
    return int(positions * weights)


def _with_input_shape(network: keras.Model, shape: tuple[int, ...]) -> keras.Model:
    """Copy a network, without its weights, for images of one shape."""
    import keras

    given = keras.Input(shape, dtype=network.inputs[0].dtype)
    return cast("keras.Model", keras.models.clone_model(network, input_tensors=given))
