from __future__ import annotations

import keras
from keras import layers

from model.architectures import build_model
from model.flops import count_flops


def test_hand_computation() -> None:
    network = keras.Sequential(
        [
            keras.Input((8, 8, 3)),
            layers.Conv2D(4, 3, padding="same"),  # 64 places x 3 * 3 * 3 * 4 weights
            layers.MaxPooling2D(2),
            layers.Conv2D(8, 3, strides=2, padding="same", groups=2),  # 4 places x 3 * 3 * 2 * 8 weights
            layers.DepthwiseConv2D(2),  # 1 place x 2 * 2 * 8 weights
            layers.Flatten(),
            layers.Dense(5),  # 8 * 5 weights
        ]
    )
    assert count_flops(network) == 2 * (64 * 108 + 4 * 144 + 1 * 32 + 40)


def test_a_larger_picture_costs_more() -> None:
    small, large = (count_flops(build_model("airbench", 10, size, widths=(8, 8, 8))) for size in (32, 64))
    assert 3.5 * small < large < 5 * small
