from __future__ import annotations

import keras
from keras import layers

from model.networks.architectures import build_model
from model.networks.flops import count_flops


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


def test_layers_of_other_kinds_by_hand() -> None:
    network = keras.Sequential(
        [
            keras.Input((8, 8, 3)),
            layers.SeparableConv2D(4, 3, padding="same"),  # 64 places x (3 * 3 * 3 + 3 * 4) weights
            layers.Conv2DTranspose(5, 2, strides=2),  # 64 places of its input x 2 * 2 * 4 * 5 weights
            layers.Dense(6),  # 256 places x 5 * 6 weights
        ]
    )
    assert count_flops(network) == 2 * (64 * 39 + 64 * 80 + 256 * 30)


def test_a_larger_picture_costs_more() -> None:
    small, large = (count_flops(build_model("airbench", 10, size, widths=(8, 8, 8))) for size in (32, 64))
    assert 3.5 * small < large < 5 * small


def test_a_network_of_any_size_costs_what_one_of_the_pictures_size_does() -> None:
    def network(size: int | None) -> keras.Model:
        given, inner = keras.Input((size, size, 3)), keras.Input((None, None, 8))
        block = keras.Model(inner, layers.Conv2D(4, 1)(inner))
        seen = block(layers.Conv2D(8, 3, strides=2, padding="same")(given / 255))
        return keras.Model(given, layers.Dense(5)(layers.GlobalAveragePooling2D()(seen)))

    expected = 2 * (8 * 16 * 216 + 8 * 16 * 32 + 20)  # 16 x 32 pixels become 8 x 16
    assert count_flops(network(None), (16, 32, 3)) == expected
    assert count_flops(network(32)) == 2 * (16 * 16 * 216 + 16 * 16 * 32 + 20)
