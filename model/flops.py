"""How much arithmetic one picture costs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import keras


def count_flops(network: keras.Model) -> int:
    """Multiplications and additions of convolutions and dense layers for one picture; the rest is a few per cent.

    A convolution costs two operations for each weight of its kernel at each place of its output.
    """
    import keras

    total = 0
    for layer in network.layers:
        if isinstance(layer, keras.layers.Conv2D | keras.layers.DepthwiseConv2D):
            places = int(np.prod(layer.output.shape[1:3]))
            total += 2 * places * int(np.prod(layer.kernel.shape))
        elif isinstance(layer, keras.layers.Dense):
            total += 2 * int(np.prod(layer.kernel.shape))
    return total
